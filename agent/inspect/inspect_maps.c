#include "inspect_maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define KERNEL_THREAD 0x00200000u /* PF_KTHREAD of linux/sched.h */

/* A number that a character ends, which is passed over. */
static bool number(const char **at, int base, char end, uint64_t *out)
{
    char *stop;
    const unsigned char first = (unsigned char)**at;
    if (first <= ' ' || first == '-' || first == '+') {
        return false;
    }
    errno = 0;
    *out = strtoull(*at, &stop, base);
    if (errno != 0 || stop == *at || *stop != end) {
        return false;
    }
    *at = stop + (end != '\0');
    return true;
}

static const char *skip_spaces(const char *at)
{
    return at + strspn(at, " \t");
}

/* "fe:00", and the character behind. */
static bool device(const char **at, char end, dev_t *out)
{
    uint64_t high;
    uint64_t low;
    if (!number(at, 16, ':', &high) || !number(at, 16, end, &low) || high > UINT32_MAX ||
        low > UINT32_MAX) {
        return false;
    }
    *out = makedev((unsigned)high, (unsigned)low);
    return true;
}

/* "7f00-7f10 rw-s 00000000 00:19 42      /dev/shm/x/s.0000000100000001 (deleted)" */
bool maps_parse(char *line, struct maps_line *out)
{
    static const char gone[] = " (deleted)";
    uint64_t ignored;
    const char *at = line;
    *out = (struct maps_line){.path = NULL};
    line[strcspn(line, "\n")] = '\0';
    if (!number(&at, 16, '-', &ignored) || !number(&at, 16, ' ', &ignored) || strlen(at) < 5 ||
        at[4] != ' ') {
        return false;
    }
    out->writable = at[1] == 'w';
    at += 5;
    if (!number(&at, 16, ' ', &ignored) || !device(&at, ' ', &out->device) ||
        !number(&at, 10, ' ', &out->inode)) {
        return false;
    }
    at = skip_spaces(at);
    if (*at != '/') {
        return false;
    }
    const size_t length = strlen(at);
    out->path = at;
    out->deleted = length > sizeof gone - 1 && strcmp(at + length - (sizeof gone - 1), gone) == 0;
    if (out->deleted) {
        line[(size_t)(at - line) + length - (sizeof gone - 1)] = '\0';
    }
    return true;
}

enum maps_kind maps_kind(const char *path, size_t *directory, uint64_t *generation)
{
    const char *const slash = strrchr(path, '/');
    const char *const name = slash ? slash + 1 : path;
    *directory = slash ? (size_t)(slash - path) : 0;
    if (strcmp(name, "ctl") == 0) {
        return MAPS_CONTROL;
    }
    if (strncmp(name, "s.", 2) != 0 || strlen(name) != 18 ||
        strspn(name + 2, "0123456789abcdef") != 16) {
        return MAPS_OTHER;
    }
    *generation = strtoull(name + 2, NULL, 16);
    return MAPS_HEAD;
}

/* "12: FLOCK  ADVISORY  READ  4711 00:19:42 0 EOF" */
bool maps_parse_lock(const char *line, struct maps_lock *out)
{
    static const char *const words[] = {"FLOCK", "ADVISORY", "READ"};
    uint64_t pid;
    const char *at = line;
    if (!number(&at, 10, ':', &pid)) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i]);
        at = skip_spaces(at);
        if (strncmp(at, words[i], length) != 0 || at[length] != ' ') {
            return false;
        }
        at += length;
    }
    at = skip_spaces(at);
    if (!number(&at, 10, ' ', &pid) || pid == 0 || pid > INT32_MAX ||
        !device(&at, ':', &out->device) || !number(&at, 10, ' ', &out->inode)) {
        return false;
    }
    out->pid = (pid_t)pid;
    return true;
}

/* "42 (any) name) S 2 0 0 0 -1 2129984 ...": the flags are the seventh word behind the name. */
bool maps_is_kernel(const char *stat)
{
    const char *at = strrchr(stat, ')');
    uint64_t flags;
    for (int word = 0; at && word < 7; word++) {
        at = strchr(at + 1, ' ');
    }
    if (!at) {
        return false;
    }
    at++;
    return number(&at, 10, ' ', &flags) && (flags & KERNEL_THREAD) != 0;
}
