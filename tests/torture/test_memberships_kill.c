/*
 * test_memberships_kill.c - readers of memberships beside a writer that is killed again and again.
 *
 *   threads     one writer and several readers in one process (for ThreadSanitizer, above all)
 *   processes   readers that fork readers; the writer is a process that puts, evicts and lets grow
 *               old as fast as it can, and is killed with -9 after 0 to 4 ms; the next one takes
 * the file over
 *
 * Context n is included in a.g<n>, excluded from b.g<n>, and has a few references more, of a number
 * that changes. A membership of two times, or of two contexts, would have neither, or another's.
 * After each kill the file is as sound as it was, and goes on being used.
 *
 * ctest: merge serial timeout=180
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "big_segments/memberships.h"

#define EPOCH 5
#define SEED 99
#define CONTEXTS 60 /* that are kept */
#define KEYS 200    /* that come and go */
#define MORE 180    /* references of one, beside the two */
#define READERS 3
#define MS_IN_ALL 4000

static struct store_dir dir;
static char path[64];

/* What all readers have seen; shared by all processes. */
static struct seen {
    _Atomic uint64_t looks;
    _Atomic uint64_t known;
    _Atomic uint64_t wrong;
    _Atomic uint32_t stop;
} * seen;

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t next(uint32_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    return *random;
}

static struct hash128 key_of(unsigned n)
{
    char key[32];
    snprintf(key, sizeof key, "context-%u", n);
    return hash_member(key, strlen(key), SEED);
}

static uint64_t reference(const char *segment, int64_t n)
{
    return big_segments_reference_of(segment, strlen(segment), n, SEED);
}

/* ---- writing ------------------------------------------------------------------------------- */

static struct memberships *open_writer(void)
{
    struct fault fault = {0};
    const struct memberships_options options = {
        .dir = dir,
        .store_epoch = EPOCH,
        .contexts = CONTEXTS,
        .ageing_ms = 2,
        .old_ms = 4,
        .gone_ms = 8,
    };
    struct memberships *m = memberships_open(&options, (int64_t)now_ms(), &fault);
    if (!m) {
        fprintf(stderr, "%s\n", fault.cause);
        exit(1);
    }
    return m;
}

static void write_some(struct memberships *m, uint32_t *random)
{
    uint64_t references[2 + MORE];
    const unsigned n = next(random) % KEYS;
    const size_t more = next(random) % MORE;
    references[0] = reference("a", n) | BIG_SEGMENTS_INCLUDED;
    for (size_t i = 0; i < more; i++) {
        references[1 + i] = reference("more", next(random) % 1000) | (next(random) & 1);
    }
    references[1 + more] = reference("b", n);
    memberships_put(m, key_of(n), references, 2 + more, (int64_t)now_ms());
    if (next(random) % 16 == 0) {
        memberships_fail(m, key_of(next(random) % KEYS));
    }
    memberships_age(m, (int64_t)now_ms());
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool map_reader(struct big_segments_map *map)
{
    const int fd = openat(dir.fd, BIG_SEGMENTS_FILE, O_RDONLY);
    struct stat st;
    const char *why = "";
    if (fd < 0 || fstat(fd, &st) != 0) {
        return false;
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED || !big_segments_verify(bytes, (size_t)st.st_size, EPOCH, &why)) {
        fprintf(stderr, "not mapped: %s\n", why);
        return false;
    }
    big_segments_map_of(bytes, (size_t)st.st_size, map);
    return true;
}

static void look(const struct big_segments_map *map, uint32_t *random)
{
    const unsigned n = next(random) % KEYS;
    const struct hash128 key = key_of(n);
    const struct big_segments_found a = big_segments_find(map, key, reference("a", n));
    const struct big_segments_found b = big_segments_find(map, key, reference("b", n));
    const struct big_segments_found c = big_segments_find(map, key, reference("a", n + 1));
    const bool wrong = (a.state != BIG_SEGMENTS_EMPTY && !a.included) ||
                       (b.state != BIG_SEGMENTS_EMPTY && (!b.mentioned || b.included)) ||
                       c.mentioned;
    atomic_fetch_add(&seen->wrong, wrong);
    atomic_fetch_add(&seen->looks, 1);
    atomic_fetch_add(&seen->known, a.state != BIG_SEGMENTS_EMPTY);
}

static void *read_on(void *arg)
{
    uint32_t random = *(const uint32_t *)arg;
    struct big_segments_map map;
    if (!map_reader(&map)) {
        atomic_fetch_add(&seen->wrong, 1);
        return NULL;
    }
    while (!atomic_load(&seen->stop)) {
        look(&map, &random);
    }
    munmap((void *)(uintptr_t)map.file, map.length);
    return NULL;
}

/* Two threads, and now and then a child that has what they have mapped. */
static int reader_process(uint32_t seed)
{
    pthread_t threads[2];
    uint32_t seeds[2] = {seed, seed * 3 + 1};
    for (unsigned i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, read_on, &seeds[i]);
    }
    while (!atomic_load(&seen->stop)) {
        struct big_segments_map map;
        if (!map_reader(&map)) {
            return 1;
        }
        const pid_t pid = fork();
        if (pid == 0) {
            uint32_t random = seed + 77;
            for (unsigned i = 0; i < 2000; i++) {
                look(&map, &random);
            }
            _exit(0);
        }
        munmap((void *)(uintptr_t)map.file, map.length);
        waitpid(pid, NULL, 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

/* ---- the two ways -------------------------------------------------------------------------- */

static bool report(const char *how, unsigned kills)
{
    const unsigned long long looks = atomic_load(&seen->looks);
    const unsigned long long known = atomic_load(&seen->known);
    const unsigned long long wrong = atomic_load(&seen->wrong);
    printf("%s: %llu looks, %llu at what was known, %llu wrong; %u writers killed\n", how, looks,
           known, wrong, kills);
    fflush(stdout);
    return wrong == 0 && known > 1000;
}

static void begin(void)
{
    memset(seen, 0, sizeof *seen);
}

static bool in_threads(void)
{
    pthread_t threads[READERS];
    uint32_t seeds[READERS];
    uint32_t random = 1;
    begin();
    struct memberships *m = open_writer();
    for (uint32_t i = 0; i < READERS; i++) {
        seeds[i] = i + 11;
        pthread_create(&threads[i], NULL, read_on, &seeds[i]);
    }
    for (const uint64_t end = now_ms() + MS_IN_ALL / 2; now_ms() < end;) {
        write_some(m, &random);
    }
    atomic_store(&seen->stop, 1);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    memberships_close(m);
    return report("threads", 0);
}

static pid_t start_writer(uint32_t random)
{
    const pid_t pid = fork();
    if (pid == 0) {
        struct memberships *m = open_writer();
        for (;;) {
            write_some(m, &random);
        }
    }
    return pid;
}

static bool in_processes(void)
{
    pid_t readers[READERS];
    uint32_t random = 5;
    unsigned kills = 0;
    bool good = true;
    begin();
    memberships_close(open_writer());
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i] = fork();
        if (readers[i] == 0) {
            _exit(reader_process(i + 31));
        }
    }
    for (const uint64_t end = now_ms() + MS_IN_ALL; now_ms() < end; kills++) {
        const pid_t writer = start_writer(next(&random));
        const struct timespec pause = {0, (long)(next(&random) % 4000) * 1000};
        nanosleep(&pause, NULL);
        kill(writer, SIGKILL);
        int status;
        waitpid(writer, &status, 0);
        good = good && WIFSIGNALED(status); /* and not an exit of its own */
    }
    atomic_store(&seen->stop, 1);
    for (unsigned i = 0; i < READERS; i++) {
        int status;
        waitpid(readers[i], &status, 0);
        good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return report("processes", kills) && good && kills >= 10;
}

int main(void)
{
    snprintf(path, sizeof path, "/dev/shm/ffshm-kill.XXXXXX");
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!mkdtemp(path) || seen == MAP_FAILED) {
        perror(path);
        return 1;
    }
    dir = (struct store_dir){open(path, O_RDONLY | O_DIRECTORY), path};
    const bool threads = in_threads();
    const bool processes = in_processes();
    memberships_remove(&dir);
    const bool clean = rmdir(path) == 0;
    const bool good = threads && processes && clean;
    printf("%d passed, %d failed\n", threads + processes, !good);
    return good ? 0 : 1;
}
