#include "rates.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hash.h"
#include "telemetry_dir.h"
#include "telemetry_read.h"

#define BUCKETS 4096u      /* a power of two */
#define NAMES_MOST 131072u /* of the directory that are looked at in a sample */

struct file {
    struct telemetry_reader reader; /* its descriptor only during a reading */
    struct file *next;              /* in its bucket */
    uint64_t sample;                /* the last one that has seen it */
};

struct flag {
    struct flag *next; /* in its bucket */
    uint64_t hash;
    uint64_t evaluations, fallback, unknown;
    uint64_t *counts;
    size_t variations;
    char key[];
};

struct rates {
    int dir; /* telemetry/ */
    uint64_t sample;
    int64_t first_ms, last_ms; /* CLOCK_MONOTONIC */
    struct file *files[BUCKETS];
    uint32_t file_count;
    uint32_t unreadable;
    struct flag *buckets[BUCKETS];
    struct flag **flags;
    size_t flag_count;
    uint64_t evaluations;
    bool cut;
    struct collector_sink sink;
    struct telemetry_io io;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- flags ---------------------------------------------------------------------------------- */

static struct flag *find_flag(const struct rates *r, const char *key, uint64_t hash)
{
    struct flag *f = r->buckets[hash % BUCKETS];
    while (f && (f->hash != hash || strcmp(f->key, key) != 0)) {
        f = f->next;
    }
    return f;
}

/* NULL: no memory, or too many. */
static struct flag *flag_of(struct rates *r, const char *key)
{
    const size_t length = strlen(key);
    const uint64_t hash = hash_bytes(key, length);
    struct flag *f = find_flag(r, key, hash);
    if (f || r->flag_count == RATES_FLAGS) {
        return f;
    }
    if ((r->flag_count & (r->flag_count - 1)) == 0) { /* grow at powers of two */
        void *const more =
            reallocarray(r->flags, r->flag_count ? r->flag_count * 2 : 1, sizeof(struct flag *));
        if (!more) {
            return NULL;
        }
        r->flags = more;
    }
    f = calloc(1, sizeof *f + length + 1);
    if (f) {
        f->hash = hash;
        memcpy(f->key, key, length + 1);
        f->next = r->buckets[hash % BUCKETS];
        r->buckets[hash % BUCKETS] = f;
        r->flags[r->flag_count++] = f;
    }
    return f;
}

static uint64_t *counter_of(struct flag *f, const struct deliver_count *count)
{
    if (count->unknown) {
        return &f->unknown;
    }
    if (count->variation < 0) {
        return &f->fallback;
    }
    const size_t at = (size_t)count->variation; /* below TELEMETRY_COUNTERS_MOST */
    if (at >= f->variations) {
        uint64_t *const more = reallocarray(f->counts, at + 1, sizeof *more);
        if (!more) {
            return NULL;
        }
        memset(more + f->variations, 0, (at + 1 - f->variations) * sizeof *more);
        f->counts = more;
        f->variations = at + 1;
    }
    return &f->counts[at];
}

static void on_count(void *arg, const struct deliver_count *count)
{
    struct rates *const r = arg;
    struct flag *const f = flag_of(r, count->key);
    uint64_t *const counter = f ? counter_of(f, count) : NULL;
    r->evaluations += count->count;
    if (!counter) {
        r->cut = true;
        return;
    }
    *counter += count->count;
    f->evaluations += count->count;
}

static void on_dropped(void *arg, uint64_t events)
{
    (void)arg, (void)events;
}

/* ---- files ---------------------------------------------------------------------------------- */

static struct file **bucket_of(struct rates *r, const uint64_t id[2])
{
    return &r->files[id[0] % BUCKETS];
}

static struct file *find_file(struct rates *r, const uint64_t id[2])
{
    struct file *f = *bucket_of(r, id);
    while (f && (f->reader.id[0] != id[0] || f->reader.id[1] != id[1])) {
        f = f->next;
    }
    return f;
}

/* A file that was not there before. NULL: it is none, or there is no room. */
static struct file *add_file(struct rates *r, int fd, const uint64_t id[2])
{
    struct file *const f = r->file_count < RATES_FILES ? calloc(1, sizeof *f) : NULL;
    if (!f) {
        r->cut = true;
        return NULL;
    }
    if (!telemetry_reader_open(&f->reader, fd, id)) {
        free(f);
        return NULL;
    }
    struct file **const bucket = bucket_of(r, id);
    f->next = *bucket;
    *bucket = f;
    r->file_count++;
    return f;
}

static void read_file(struct rates *r, struct file *f)
{
    struct telemetry_words words;
    if (r->sample == 1) {
        r->cut = !telemetry_take_for_counted(&f->reader, &r->io) || r->cut;
    } else if (telemetry_read_words(&f->reader, &words)) {
        r->cut = !telemetry_read_counts(&f->reader, &words, &r->io) || r->cut;
    }
    telemetry_reader_committed(&f->reader);
}

static void look(struct rates *r, const char *name)
{
    uint64_t id[2];
    struct stat st;
    if (!telemetry_name_parse(name, id)) {
        return;
    }
    const int fd = openat(r->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        r->unreadable += errno == EACCES || errno == EPERM;
        return;
    }
    struct file *f = find_file(r, id);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (f || (f = add_file(r, fd, id)) != NULL)) {
        f->sample = r->sample;
        f->reader.fd = fd;
        read_file(r, f);
        f->reader.fd = -1;
    }
    close(fd);
}

/* Those that are gone: their processes have ended. */
static void forget(struct rates *r, bool all)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct file **at = &r->files[i]; *at;) {
            struct file *const f = *at;
            if (!all && f->sample == r->sample) {
                at = &f->next;
                continue;
            }
            *at = f->next;
            telemetry_reader_close(&f->reader, &r->io);
            free(f);
            r->file_count--;
        }
    }
}

/* ---- samples -------------------------------------------------------------------------------- */

void rates_sample(struct rates *r)
{
    const int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!directory) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    r->sample++;
    r->unreadable = 0;
    r->cut = false;
    for (unsigned i = 0; i < NAMES_MOST && (entry = readdir(directory)) != NULL; i++) {
        look(r, entry->d_name);
    }
    closedir(directory);
    forget(r, false);
    r->last_ms = now_ms();
    r->first_ms = r->sample == 1 ? r->last_ms : r->first_ms;
}

static int open_dir(const char *dir, int *error, struct fault *fault)
{
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY, dir);
    const int fd = length < (int)sizeof path
                       ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                       : -1;
    *error = fd >= 0 ? 0 : length < (int)sizeof path ? errno : ENAMETOOLONG;
    if (fd < 0) {
        telemetry_fault(fault, dir, TELEMETRY_DIRECTORY, "cannot open the directory", *error);
    }
    return fd;
}

struct rates *rates_open(const char *dir, int *error, struct fault *fault)
{
    const int fd = open_dir(dir, error, fault);
    struct rates *const r = fd < 0 ? NULL : calloc(1, sizeof *r);
    if (!r) {
        if (fd >= 0) {
            close(fd);
            *error = ENOMEM;
            telemetry_fault(fault, dir, NULL, "cannot count", ENOMEM);
        }
        return NULL;
    }
    r->dir = fd;
    r->sink = (struct collector_sink){.arg = r, .count = on_count, .dropped = on_dropped};
    r->io.sink = &r->sink;
    /* The limit of all counters is the collector's: as if all but so many were in use. */
    r->io.counters = TELEMETRY_COUNTERS_IN_MEMORY - RATES_COUNTERS;
    rates_sample(r);
    return r;
}

struct rates *rates_empty(void)
{
    struct rates *const r = calloc(1, sizeof *r);
    if (r) {
        r->dir = -1;
    }
    return r;
}

void rates_add(struct rates *r, const char *key, int64_t variation, bool unknown, uint64_t count)
{
    const struct deliver_count told = {
        .key = key, .variation = variation, .unknown = unknown, .count = count};
    if (variation < (int64_t)TELEMETRY_COUNTERS_MOST) {
        on_count(r, &told);
    } else {
        r->cut = true;
    }
}

void rates_free(struct rates *r)
{
    if (!r) {
        return;
    }
    forget(r, true);
    for (size_t i = 0; i < r->flag_count; i++) {
        free(r->flags[i]->counts);
        free(r->flags[i]);
    }
    free(r->flags);
    if (r->dir >= 0) {
        close(r->dir);
    }
    free(r);
}

/* ---- what came of it ------------------------------------------------------------------------ */

void rates_stats(const struct rates *r, struct rates_stats *out)
{
    *out = (struct rates_stats){
        .evaluations = r->evaluations,
        .elapsed_ms = r->last_ms - r->first_ms,
        .processes = r->file_count,
        .unreadable = r->unreadable,
        .cut = r->cut,
    };
}

size_t rates_count(const struct rates *r)
{
    return r->flag_count;
}

void rates_at(const struct rates *r, size_t at, struct rates_flag *out)
{
    const struct flag *const f = r->flags[at];
    *out = (struct rates_flag){f->key,     f->evaluations, f->fallback,
                               f->unknown, f->counts,      f->variations};
}
