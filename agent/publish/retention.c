#include "retention.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "checksum.h"
#include "hash.h"
#include "image_verify.h"
#include "test_point.h"

static struct retained_extent *extent_of(const struct retention *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->extent_count; i++) {
        if (r->extents[i].id == id) {
            return &r->extents[i];
        }
    }
    return NULL;
}

int retention_reserve(struct retention *r)
{
    if (r->head_count == r->head_capacity) {
        const uint32_t capacity = r->head_capacity + 32;
        void *const heads = realloc(r->heads, capacity * sizeof *r->heads);
        if (!heads) {
            return -1;
        }
        r->heads = heads;
        r->head_capacity = capacity;
    }
    if (r->extent_capacity - r->extent_count < IMAGE_MAX_EXTENTS) {
        const uint32_t capacity = r->extent_capacity + 4 * IMAGE_MAX_EXTENTS;
        void *const extents = realloc(r->extents, capacity * sizeof *r->extents);
        if (!extents) {
            return -1;
        }
        r->extents = extents;
        r->extent_capacity = capacity;
    }
    return 0;
}

void retention_add(struct retention *r, uint64_t generation, const struct image_extent_ref *extents,
                   uint32_t extent_count)
{
    struct retained_head *const h = &r->heads[r->head_count++];
    h->generation = generation;
    h->extent_count = extent_count;
    for (uint32_t i = 0; i < extent_count; i++) {
        struct retained_extent *e = extent_of(r, extents[i].id);
        if (!e) {
            e = &r->extents[r->extent_count++];
            *e = (struct retained_extent){.id = extents[i].id, .size = extents[i].size};
        }
        e->newest = generation;
        e->references++;
        h->extents[i] = extents[i].id;
    }
}

/* The head goes before its extents: a name in the directory always has all that it needs. */
static void remove_oldest(struct retention *r, const struct store_dir *dir)
{
    char name[STORE_NAME];
    const struct retained_head *const h = &r->heads[0];
    store_name(name, STORE_HEAD, h->generation);
    store_unlink(dir, name);
    FFSHM_TEST_POINT(18);
    for (uint32_t i = 0; i < h->extent_count; i++) {
        struct retained_extent *const e = extent_of(r, h->extents[i]);
        if (--e->references == 0) {
            store_name(name, STORE_EXTENT, e->id);
            store_unlink(dir, name);
            *e = r->extents[--r->extent_count];
        }
    }
    memmove(r->heads, r->heads + 1, --r->head_count * sizeof *r->heads);
}

static uint64_t old_bytes(const struct retention *r)
{
    const uint64_t current = r->heads[r->head_count - 1].generation;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < r->extent_count; i++) {
        bytes += r->extents[i].newest != current ? r->extents[i].size : 0;
    }
    return bytes;
}

void retention_prune(struct retention *r, const struct store_dir *dir, uint32_t heads,
                     uint64_t live_bytes)
{
    const uint64_t limit = live_bytes > RETENTION_BYTES ? live_bytes : RETENTION_BYTES;
    while (r->head_count > 1 && (r->head_count > heads || old_bytes(r) > limit)) {
        remove_oldest(r, dir);
    }
}

void retention_free(struct retention *r)
{
    free(r->heads);
    free(r->extents);
    *r = (struct retention){0};
}

/* ---- at start ---- */

struct listing {
    char (*names)[STORE_NAME];
    uint32_t count;
    uint32_t capacity;
    const struct store_dir *dir;
    bool junk;
};

/* Collects heads and extents; removes what only looks like one. */
static int list(void *arg, const char *name)
{
    struct listing *const l = arg;
    if ((name[0] != STORE_HEAD && name[0] != STORE_EXTENT) || name[1] != '.') {
        return 0;
    }
    uint64_t number;
    if (store_name_parse(name, (enum store_letter)name[0], &number) != 0) {
        if (l->junk) {
            store_unlink(l->dir, name);
        }
        return 0;
    }
    if (l->count == l->capacity) {
        const uint32_t capacity = l->capacity ? l->capacity * 2 : 64;
        void *const names = realloc(l->names, capacity * sizeof *l->names);
        if (!names) {
            return -1;
        }
        l->names = names;
        l->capacity = capacity;
    }
    memcpy(l->names[l->count++], name, STORE_NAME - 1); /* 18 characters and the NUL */
    return 0;
}

/* 'x' after 's', else by number: the hexadecimal digits sort as the numbers do. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool extents_exist(const struct store_dir *dir, const struct image_extent_ref *refs,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[STORE_NAME];
        struct stat st;
        store_name(name, STORE_EXTENT, refs[i].id);
        if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
            (uint64_t)st.st_size != refs[i].size) {
            return false;
        }
    }
    return true;
}

struct start {
    struct retention *retention;
    const struct store_dir *dir;
    uint64_t store_epoch;
    uint64_t current;
    const struct image_extent_ref *adopted;
    uint32_t extent_count;
};

/* Is this older head whole? Then it is retained. What cannot be told counts as no. */
static void load_older(const struct start *s, uint64_t generation, const char *name, bool *kept)
{
    struct fault ignored;
    struct store_file file;
    if (store_file_map(s->dir, name, &file, &ignored) != 0) {
        return;
    }
    const void *const bytes = file.bytes;
    const struct image_head *const h = bytes;
    if (image_verify_head_header(bytes, file.size, NULL) == 0 && h->generation == generation &&
        h->store_epoch == s->store_epoch &&
        h->payload_checksum == hash_bytes(file.bytes + sizeof *h, file.size - sizeof *h)) {
        const void *const at = file.bytes + h->extents_offset;
        const struct image_extent_ref *const refs = at;
        if (extents_exist(s->dir, refs, h->extent_count)) {
            retention_add(s->retention, generation, refs, h->extent_count);
            *kept = true;
        }
    }
    store_file_close(&file);
}

/* Retains a head or removes it. */
static int load_head(const struct start *s, const char *name)
{
    uint64_t generation = 0;
    bool kept = false;
    if (retention_reserve(s->retention) != 0) {
        return -1;
    }
    if (store_name_parse(name, STORE_HEAD, &generation) == 0 && generation != 0) {
        if (generation == s->current && s->extent_count != 0) {
            retention_add(s->retention, generation, s->adopted, s->extent_count);
            kept = true;
        } else if (generation <= s->current) {
            load_older(s, generation, name, &kept);
        }
    }
    if (!kept) {
        store_unlink(s->dir, name);
    }
    return 0;
}

int retention_load(struct retention *r, const struct store_dir *dir, uint64_t store_epoch,
                   uint64_t current, const struct image_extent_ref *adopted, uint32_t extent_count,
                   bool junk, struct fault *fault)
{
    const struct start s = {r, dir, store_epoch, current, adopted, extent_count};
    struct listing l = {.dir = dir, .junk = junk};
    int result = store_scan(dir, list, &l, fault);
    if (l.count > 1) {
        qsort(l.names, l.count, sizeof *l.names, compare_names);
    }
    for (uint32_t i = 0; i < l.count && result == 0; i++) {
        uint64_t id = 0;
        if (l.names[i][0] == STORE_HEAD) {
            result = load_head(&s, l.names[i]);
        } else if (store_name_parse(l.names[i], STORE_EXTENT, &id) == 0 && !extent_of(r, id)) {
            store_unlink(dir, l.names[i]);
        }
        FFSHM_TEST_POINT(6);
    }
    if (result != 0 && fault->cause[0] == '\0') {
        store_fault(fault, dir, NULL, "cannot look through the directory", ENOMEM);
    }
    free(l.names);
    return result;
}
