#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMLINKS_MOST 40 /* as the kernel's own limit */

#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF)

/* An entry of a watched directory that matters. */
struct entry {
    int wd;
    char *name;
};

struct watch {
    int fd;
    int error;
    struct entry *entries;
    size_t count;
};

struct watch *watch_new(int *fd)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w) {
        return NULL;
    }
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->error = w->fd < 0 ? errno : 0;
    *fd = w->fd;
    return w;
}

static void free_entries(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(entries[i].name);
    }
    free(entries);
}

void watch_free(struct watch *w)
{
    if (!w) {
        return;
    }
    if (w->fd >= 0) {
        close(w->fd);
    }
    free_entries(w->entries, w->count);
    free(w);
}

int watch_error(const struct watch *w)
{
    return w->error;
}

/* ---- what decides where a path leads ------------------------------------------------------ */

static void watch_entry(struct watch *w, const char *directory, const char *name, size_t length)
{
    /* The same directory again gives the same descriptor. */
    const int wd = inotify_add_watch(w->fd, *directory ? directory : "/", EVENTS | IN_ONLYDIR);
    if (wd < 0) {
        w->error = errno;
        return;
    }
    struct entry *grown = realloc(w->entries, (w->count + 1) * sizeof *grown);
    if (!grown) {
        w->error = ENOMEM;
        return;
    }
    w->entries = grown;
    grown[w->count].wd = wd;
    grown[w->count].name = strndup(name, length);
    if (!grown[w->count].name) {
        w->error = ENOMEM;
        return;
    }
    w->count++;
}

/* Where a walk along a path stands: `at` is free of symlinks, "" for the root. */
struct walk {
    char at[PATH_MAX];
    char rest[PATH_MAX];
    unsigned symlinks;
};

/* Puts a symlink's target in front of what is left of the path. */
static int follow(struct walk *walk, const char *link, const char *left)
{
    char target[PATH_MAX];
    char joined[PATH_MAX];
    const ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0) {
        return -1;
    }
    target[length] = '\0';
    if (++walk->symlinks > SYMLINKS_MOST ||
        snprintf(joined, sizeof joined, "%s/%s", target, left) >= (int)sizeof joined) {
        errno = ELOOP;
        return -1;
    }
    if (target[0] == '/') {
        walk->at[0] = '\0';
    }
    memcpy(walk->rest, joined, strlen(joined) + 1);
    return 0;
}

/* Goes one component on. false: the walk has ended, at the file, at what is missing, or by an
   error in w->error. */
static bool step(struct watch *w, struct walk *walk)
{
    char *name = walk->rest + strspn(walk->rest, "/");
    const size_t length = strcspn(name, "/");
    const char *left = name + length + strspn(name + length, "/");
    if (length == 0) {
        return false;
    }
    if (length == 1 && name[0] == '.') {
        memmove(walk->rest, left, strlen(left) + 1);
        return true;
    }
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        char *slash = strrchr(walk->at, '/');
        walk->at[slash ? slash - walk->at : 0] = '\0';
        memmove(walk->rest, left, strlen(left) + 1);
        return true;
    }
    char next[PATH_MAX];
    struct stat st;
    if (snprintf(next, sizeof next, "%s/%.*s", walk->at, (int)length, name) >= (int)sizeof next) {
        w->error = ENAMETOOLONG;
        return false;
    }
    const bool there = lstat(next, &st) == 0;
    if (!there || S_ISLNK(st.st_mode) || !*left) {
        watch_entry(w, walk->at, name, length);
    }
    if (there && S_ISLNK(st.st_mode)) {
        if (follow(walk, next, left) != 0) {
            w->error = errno;
            return false;
        }
        return true;
    }
    if (!there || !*left) {
        return false;
    }
    memcpy(walk->at, next, strlen(next) + 1);
    memmove(walk->rest, left, strlen(left) + 1);
    return true;
}

static void watch_path(struct watch *w, const char *path)
{
    struct walk walk = {.symlinks = 0};
    if (snprintf(walk.rest, sizeof walk.rest, "%s", path) >= (int)sizeof walk.rest) {
        w->error = ENAMETOOLONG;
        return;
    }
    /* Ends: a component is taken off each time, and symlinks add more at most SYMLINKS_MOST times.
     */
    while (step(w, &walk)) {
    }
}

static bool is_watched(const struct watch *w, int wd)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->entries[i].wd == wd) {
            return true;
        }
    }
    return false;
}

bool watch_paths(struct watch *w, char *const *paths, size_t count)
{
    if (w->fd < 0) {
        return false;
    }
    struct entry *old = w->entries;
    const size_t old_count = w->count;
    w->entries = NULL;
    w->count = 0;
    w->error = 0;
    for (size_t i = 0; i < count; i++) {
        watch_path(w, paths[i]);
    }
    for (size_t i = 0; i < old_count; i++) {
        if (!is_watched(w, old[i].wd)) {
            inotify_rm_watch(w->fd, old[i].wd); /* fails when its directory went away: no matter */
        }
    }
    free_entries(old, old_count);
    return w->error == 0;
}

/* ---- events ------------------------------------------------------------------------------- */

static bool is_entry(const struct watch *w, const struct inotify_event *event)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->entries[i].wd == event->wd && event->len &&
            strcmp(w->entries[i].name, event->name) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned news_of(const struct watch *w, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        return WATCH_OVERFLOW;
    }
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
        return is_watched(w, event->wd) ? WATCH_CHANGED : WATCH_NOTHING;
    }
    if (!is_entry(w, event)) {
        return WATCH_NOTHING;
    }
    return (event->mask & IN_CREATE) && !(event->mask & IN_ISDIR) ? WATCH_CREATED : WATCH_CHANGED;
}

unsigned watch_read(struct watch *w)
{
    union {
        struct inotify_event aligned;
        char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
    } buffer;
    unsigned news = WATCH_NOTHING;
    ssize_t length;
    while ((length = read(w->fd, &buffer, sizeof buffer)) > 0 || (length < 0 && errno == EINTR)) {
        for (ssize_t at = 0; at < length;) {
            const void *start = buffer.bytes + at; /* aligned: the kernel pads the names */
            const struct inotify_event *event = start;
            const unsigned n = news_of(w, event);
            /* A file that was created is complete once something else happened to it. */
            news = (n == WATCH_CHANGED ? news & ~(unsigned)WATCH_CREATED : news) | n;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    return news;
}
