#include "secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

struct secret {
    size_t mapped;
    char text[];
};

struct secret *secret_new(const char *text, size_t length)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = (sizeof(struct secret) + length + page) & ~(page - 1);
    struct secret *s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) {
        return NULL;
    }
    madvise(s, size, MADV_DONTDUMP);
    madvise(s, size, MADV_DONTFORK);
    mlock(s, size); /* not into swap; beyond the limit it goes without */
    secret_guard_process();
    s->mapped = size;
    memcpy(s->text, text, length);
    s->text[length] = '\0';
    return s;
}

void secret_guard_process(void)
{
    prctl(PR_SET_DUMPABLE, 0);
}

void secret_free(struct secret *s)
{
    if (s) {
        const size_t size = s->mapped;
        secret_wipe(s, size);
        munmap(s, size);
    }
}

const char *secret_text(const struct secret *s)
{
    return s->text;
}

void secret_wipe(void *bytes, size_t length)
{
    if (bytes) {
        explicit_bzero(bytes, length);
    }
}

void secret_take_variable(const char *name)
{
    char *value = getenv(name); /* in the memory that the kernel shows */
    if (value) {
        secret_wipe(value, strlen(value));
    }
    unsetenv(name);
}
