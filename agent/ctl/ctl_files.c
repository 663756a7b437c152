#include "ctl_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ffshm.h"
#include "image_verify.h"
#include "inspect/inspect_at.h"

#define PATH_SIZE 4096

const char *files_dir(const char *dir)
{
    if (dir) {
        return dir;
    }
    const char *const named = getenv("FFSHM_DIR");
    if (named && named[0] != '\0') {
        return named;
    }
    struct stat status;
    const char *const service = "/run/ffshm/default";
    return stat(service, &status) == 0 && S_ISDIR(status.st_mode) ? service
                                                                  : "/dev/shm/ffshm/default";
}

bool files_no_directory(const char *dir)
{
    struct stat status;
    return stat(dir, &status) != 0 && errno == ENOENT;
}

int files_control(const char *dir, struct files_control *out, char why[FILES_WHY])
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/ctl", dir);
    size_t size = 0;
    int error = trust_directory(dir, why);
    const int fd = error ? -1 : trust_open(dir, path, sizeof out->page, &size, &error, why);
    if (fd < 0) {
        if (error == FFSHM_NOT_READY && !files_no_directory(dir)) {
            trust_refuse(why, error, dir, "no snapshot has been published in it");
        }
        return error;
    }
    const ssize_t got = pread(fd, &out->page, sizeof out->page, 0);
    close(fd);
    if (got < 0) {
        return trust_refuse(why, FFSHM_BAD_FILE, path, strerror(errno));
    }
    const char *cause = "";
    error = image_verify_control(&out->page, (size_t)got, &cause);
    if (!error && size != sizeof out->page) {
        return trust_refuse(why, FFSHM_BAD_FORMAT, path, "it is longer than a control page");
    }
    return error ? trust_refuse(why, error, path, cause) : 0;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* "s." and 16 lower-case hexadecimal digits. */
static bool head_name(const char *name, uint64_t *generation)
{
    if (strncmp(name, "s.", 2) != 0 || strlen(name) != 18 ||
        strspn(name + 2, "0123456789abcdef") != 16) {
        return false;
    }
    *generation = strtoull(name + 2, NULL, 16);
    return true;
}

int files_generations(const char *dir, uint64_t **generations, size_t *count, char why[FILES_WHY])
{
    *generations = NULL;
    *count = 0;
    DIR *const directory = opendir(dir);
    if (!directory) {
        trust_refuse(why, 0, dir, errno == ENOENT ? "no such directory" : strerror(errno));
        return -1;
    }
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        uint64_t generation;
        if (!head_name(entry->d_name, &generation)) {
            continue;
        }
        if ((*count & (*count - 1)) == 0) { /* grow at powers of two */
            uint64_t *const more =
                reallocarray(*generations, *count ? *count * 2 : 1, sizeof **generations);
            if (!more) {
                free(*generations);
                *generations = NULL;
                closedir(directory);
                trust_refuse(why, 0, dir, "out of memory");
                return -1;
            }
            *generations = more;
        }
        (*generations)[(*count)++] = generation;
    }
    closedir(directory);
    if (*count > 1) {
        qsort(*generations, *count, sizeof **generations, ascending);
    }
    return 0;
}

uint64_t files_current(const char *dir, int *error, char why[FILES_WHY])
{
    struct files_control control;
    *error = files_control(dir, &control, why);
    if (*error) {
        return 0;
    }
    const uint64_t generation =
        atomic_load_explicit(&control.page.generation, memory_order_relaxed);
    if (generation == 0) {
        *error = FFSHM_NOT_READY;
        trust_refuse(why, FFSHM_NOT_READY, dir, "no snapshot has been published in it");
    }
    return generation;
}

bool files_parse_generation(const char *text, uint64_t *generation)
{
    return at_parse_generation(text, generation);
}

/* Maps a whole file. Files of a store never shrink, so that the mapping stays readable. */
static int map(const char *dir, const char *path, size_t least, struct files_map *out,
               char why[FILES_WHY])
{
    size_t size;
    int error;
    const int fd = trust_open(dir, path, least, &size, &error, why);
    if (fd < 0) {
        return error;
    }
    void *const bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    error = errno;
    close(fd);
    if (bytes == MAP_FAILED) {
        return trust_refuse(why, FFSHM_BAD_FILE, path, strerror(error));
    }
    *out = (struct files_map){bytes, size};
    return 0;
}

static int open_head(const char *dir, uint64_t generation, struct files_snapshot *s,
                     char why[FILES_WHY])
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/s.%016" PRIx64, dir, generation);
    const int error = map(dir, path, sizeof(struct image_head), &s->head, why);
    if (error) {
        return error;
    }
    s->bytes = s->head.size;
    const char *cause = "";
    const int bad = image_verify_head_header(s->head.bytes, s->head.size, &cause);
    if (bad) {
        return trust_refuse(why, bad, path, cause);
    }
    if (files_head(s)->generation != generation) {
        return trust_refuse(why, FFSHM_BAD_STRUCTURE, path,
                            "it says that it is another generation");
    }
    return 0;
}

static int open_extent(const char *dir, const struct image_extent_ref *ref, uint64_t store_epoch,
                       struct files_map *out, char why[FILES_WHY])
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/x.%016" PRIx64, dir, ref->id);
    const int error = map(dir, path, sizeof(struct image_extent), out, why);
    if (error) {
        return error;
    }
    const char *cause = "";
    const int bad = image_verify_extent(out->bytes, out->size, &cause);
    if (bad) {
        return trust_refuse(why, bad, path, cause);
    }
    const struct image_extent *const extent = (const void *)out->bytes;
    if (extent->store_epoch != store_epoch) {
        return trust_refuse(why, FFSHM_BAD_STRUCTURE, path, "it belongs to another store");
    }
    return 0;
}

static void fill_snapshot(struct files_snapshot *s)
{
    const struct image_head *const head = files_head(s);
    struct snapshot *const out = &s->snapshot;
    for (uint32_t i = 0; i < s->extent_count; i++) {
        out->bases[i] = s->extents[i].bytes;
    }
    const struct image_index *const index =
        image_at(out->bases[head->index_extent], head->index_offset);
    out->slots = image_at(head, head->slots_offset);
    out->index = image_at(index, index->entries_offset);
    out->index_mask = index->capacity - 1;
    out->slot_count = head->slot_count;
    out->extent_count = s->extent_count;
    out->generation = head->generation;
    out->head = head;
    out->ready = true;
}

static int open_extents(const char *dir, struct files_snapshot *s, char why[FILES_WHY])
{
    const struct image_head *const head = files_head(s);
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/s.%016" PRIx64, dir, head->generation);
    const uint64_t refs_end =
        (uint64_t)head->extents_offset + head->extent_count * sizeof(struct image_extent_ref);
    if (head->extent_count == 0 || head->extent_count > IMAGE_MAX_EXTENTS ||
        head->extents_offset % _Alignof(struct image_extent_ref) != 0 || refs_end > s->head.size) {
        return trust_refuse(why, FFSHM_BAD_STRUCTURE, path, "its list of extents is out of range");
    }
    const struct image_extent_ref *const refs = image_at(head, head->extents_offset);
    const struct image_extent *extents[IMAGE_MAX_EXTENTS];
    for (uint32_t i = 0; i < head->extent_count; i++) {
        s->extent_count = i + 1;
        const int error = open_extent(dir, &refs[i], head->store_epoch, &s->extents[i], why);
        if (error) {
            return error;
        }
        s->bytes += s->extents[i].size;
        extents[i] = (const void *)s->extents[i].bytes;
    }
    const char *cause = "";
    const int bad = image_verify_head(s->head.bytes, s->head.size, extents, &cause);
    if (bad) {
        return trust_refuse(why, bad, path, cause);
    }
    fill_snapshot(s);
    return 0;
}

int files_open(const char *dir, uint64_t generation, enum files_depth depth,
               struct files_snapshot *out, char why[FILES_WHY])
{
    *out = (struct files_snapshot){0};
    int error = open_head(dir, generation, out, why);
    if (!error && depth == FILES_FULL) {
        error = open_extents(dir, out, why);
    }
    if (error) {
        files_close(out);
    }
    return error;
}

static void unmap(struct files_map *map)
{
    if (map->bytes) {
        munmap((void *)(uintptr_t)map->bytes, map->size);
    }
    *map = (struct files_map){NULL, 0};
}

void files_close(struct files_snapshot *s)
{
    for (uint32_t i = 0; i < s->extent_count; i++) {
        unmap(&s->extents[i]);
    }
    unmap(&s->head);
    s->extent_count = 0;
}

int files_check_store(const char *dir, const struct files_snapshot *s, char why[FILES_WHY])
{
    struct files_control control = {0};
    const int error = files_control(dir, &control, why);
    if (error || files_head(s)->store_epoch == control.page.store_epoch) {
        return error;
    }
    return trust_refuse(why, FFSHM_BAD_STRUCTURE, dir, "the snapshot belongs to another store");
}

/* The agent may retire a generation between looking and opening: the current one is then another.
 */
int files_open_current(const char *dir, uint64_t *generation, struct files_snapshot *out,
                       char why[FILES_WHY])
{
    int error = FFSHM_NOT_READY;
    for (int attempt = 0; attempt < 8 && error == FFSHM_NOT_READY; attempt++) {
        *generation = files_current(dir, &error, why);
        if (*generation == 0) {
            break;
        }
        error = files_open(dir, *generation, FILES_FULL, out, why);
    }
    return error;
}
