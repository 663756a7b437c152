/*
 * store_past.c - snapshots that are not current any more and whose files are still there, for
 * questions about the past: not for evaluations of programs.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image_verify.h"
#include "store.h"

#define NAMES_MOST 65536 /* of the directory that are looked at */

/* "s." and 16 lower-case hexadecimal digits. */
static bool head_name(const char *name, uint64_t *generation)
{
    static const char digits[] = "0123456789abcdef";
    *generation = 0;
    if (name[0] != 's' || name[1] != '.') {
        return false;
    }
    for (int i = 2; i < 18; i++) {
        const char *const digit = name[i] ? strchr(digits, name[i]) : NULL;
        if (!digit) {
            return false;
        }
        *generation = *generation << 4 | (uint64_t)(digit - digits);
    }
    return name[18] == '\0';
}

/* Is it a head of this store, by its header? */
static bool look(const struct ffshm *ff, const char *name, uint64_t generation,
                 struct store_past *out)
{
    const char *why;
    size_t length;
    const struct image_head *const head =
        store_map_file(ff->dir_fd, name, sizeof *head, &length, &why);
    if (!head) {
        return false;
    }
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_relaxed);
    const bool sound = image_verify_head_header(head, length, &why) == FFSHM_OK &&
                       head->generation == generation && head->store_epoch == control->store_epoch;
    if (sound) {
        *out =
            (struct store_past){generation, head->created_ms, {head->digest[0], head->digest[1]}};
    }
    munmap((void *)(uintptr_t)head, length);
    return sound;
}

/* Keeps the list ascending, and of what does not fit the oldest out. */
static size_t insert(struct store_past *list, size_t count, size_t most,
                     const struct store_past *one)
{
    size_t at = count;
    while (at > 0 && list[at - 1].generation > one->generation) {
        at--;
    }
    if (count < most) {
        memmove(list + at + 1, list + at, (count - at) * sizeof *list);
        list[at] = *one;
        return count + 1;
    }
    if (at > 0) {
        memmove(list, list + 1, (at - 1) * sizeof *list);
        list[at - 1] = *one;
    }
    return count;
}

size_t store_retained(struct ffshm *ff, struct store_past *list, size_t most)
{
    const int fd =
        ff->dir_fd < 0 ? -1 : openat(ff->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    const struct dirent *entry;
    size_t count = 0;
    for (unsigned names = 0; names < NAMES_MOST && (entry = readdir(directory)) != NULL; names++) {
        uint64_t generation;
        struct store_past one;
        if (head_name(entry->d_name, &generation) && look(ff, entry->d_name, generation, &one)) {
            count = insert(list, count, most, &one);
        }
    }
    closedir(directory);
    return count;
}

int store_pin_past(struct ffshm *ff, uint64_t generation, struct ffshm_view *view, const char **why)
{
    *view = (struct ffshm_view){NULL, NULL};
    *why = "no snapshot has been published";
    if (ff->dir_fd < 0) {
        return FFSHM_NOT_READY;
    }
    if (!store_try_lock(ff)) {
        *why = "the store is being refreshed";
        return FFSHM_BUSY;
    }
    struct store_snapshot *past = NULL;
    const struct store_snapshot *const current =
        atomic_load_explicit(&ff->current, memory_order_relaxed);
    const int error = store_map_snapshot(ff, generation, current, STORE_EXPLICIT, &past, why);
    store_unlock(ff);
    if (error == FFSHM_OK) {
        view->store = ff; /* nothing of it is told: the caller opened it with no_telemetry */
        view->snapshot = &past->image;
    }
    return error;
}
