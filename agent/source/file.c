#include "file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "watch.h"

#define QUIET_MS 20   /* without an event before a load, so that one save is one load */
#define COMPLETE_MS 2 /* the same, after a file that was closed or renamed into place */
#define QUIET_MOST_MS                                                                              \
    200 /* from the first event: somebody who never stops writing is not waited for */
#define RETRY_MS 1000
#define SCHEDULE_MOST_MS 60000 /* a clock that was set is noticed within this */
/* Looking at the files: all there is without inotify; else the net under it (network file systems,
   overlays, a directory further up that was renamed). */
#define POLL_MS 1000
#define POLL_NET_MS 10000

/* What tells one state of a file from another. */
struct signature {
    int error; /* of stat: 0 when it is there */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct state {
    bool missing;            /* and the owner was told */
    struct signature loaded; /* when the last load began */
    struct signature seen;   /* when it was last looked at */
};

struct source_file {
    struct source_file_owner owner;
    char **paths; /* absolute: what is said of them is read elsewhere */
    struct state *states;
    size_t count;

    struct document_memo *memo;
    struct watch *watch;
    bool polling; /* inotify cannot be relied on, and the owner was told */
    struct event *readable;
    struct event *quiet;
    struct event *retry;
    struct event *schedule;
    struct event *poll;

    int64_t deadline_ms; /* CLOCK_MONOTONIC; when a pending load happens at the latest */
    int64_t quiet_ms;    /* how long to wait for more after the last event */
    int64_t loaded_ms;   /* CLOCK_REALTIME of the last good load */
    int64_t next_ms;     /* of the schedules in it; 0: none */
    char *last_fault;    /* text of the last load's fault; NULL: it was good */
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(timer, &wait);
}

/* ---- the state of the files --------------------------------------------------------------- */

static struct signature sign(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return (struct signature){.error = errno};
    }
    return (struct signature){0, st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same(const struct signature *a, const struct signature *b)
{
    return a->error == b->error && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && same_time(a->modified, b->modified) &&
           same_time(a->changed, b->changed);
}

/* Whether a file differs from what was loaded. */
static bool differs(const struct source_file *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct signature now = sign(s->paths[i]);
        if (!same(&now, &s->states[i].loaded)) {
            return true;
        }
    }
    return false;
}

/* Whether a file changed since the last call. */
static bool moves(struct source_file *s)
{
    bool moved = false;
    for (size_t i = 0; i < s->count; i++) {
        const struct signature now = sign(s->paths[i]);
        moved = moved || !same(&now, &s->states[i].seen);
        s->states[i].seen = now;
    }
    return moved;
}

static void sign_all(struct source_file *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct state *p = &s->states[i];
        p->loaded = p->seen = sign(s->paths[i]);
        const bool missing = p->loaded.error == ENOENT || p->loaded.error == ENOTDIR;
        if (missing && !p->missing) {
            s->owner.told(s->owner.arg, "file-missing", s->paths[i],
                          "waiting for it to appear; nothing changes until then");
        }
        p->missing = missing;
    }
}

/* ---- loading ------------------------------------------------------------------------------ */

static void watch_all(struct source_file *s)
{
    const bool good = watch_paths(s->watch, s->paths, s->count);
    if (!good && !s->polling) {
        const int error = watch_error(s->watch);
        char text[256];
        snprintf(text, sizeof text, "%s; looking at the files every second instead",
                 error == ENOSPC   ? "the limit fs.inotify.max_user_watches is reached"
                 : error == EMFILE ? "the limit fs.inotify.max_user_instances is reached"
                                   : strerror(error));
        s->owner.told(s->owner.arg, "watch-failed", s->paths[0], text);
    }
    s->polling = !good;
    arm(s->poll, s->polling ? POLL_MS : POLL_NET_MS);
}

static void arm_schedule(struct source_file *s)
{
    event_del(s->schedule);
    if (s->next_ms) {
        const int64_t left = s->next_ms - clock_ms(CLOCK_REALTIME);
        arm(s->schedule, left < 1 ? 1 : left < SCHEDULE_MOST_MS ? left : SCHEDULE_MOST_MS);
    }
}

/* Remembers the fault; true when the last load had the same. */
static bool is_repeated(struct source_file *s, const struct fault *fault)
{
    char text[2048];
    fault_text(fault, text, sizeof text);
    const bool repeated = s->last_fault && strcmp(s->last_fault, text) == 0;
    if (!repeated) {
        free(s->last_fault);
        s->last_fault = strdup(text); /* NULL: the next one is told again, no more */
    }
    return repeated;
}

/* Has something of the definition files changed since it began to load? Then what was read may be
   half old and half new. */
static void load_again_if_changed(struct source_file *s)
{
    if (differs(s) && !event_pending(s->quiet, EV_TIMEOUT, NULL)) {
        s->deadline_ms = clock_ms(CLOCK_MONOTONIC) + QUIET_MOST_MS;
        arm(s->quiet, QUIET_MS);
    }
}

static void load_failed(struct source_file *s, const struct fault *fault)
{
    s->next_ms = 0; /* of definitions that are no longer there */
    s->owner.failed(s->owner.arg, fault, is_repeated(s, fault));
}

static int hand_over(struct source_file *s, struct definitions *d, int64_t now_ms, int64_t load_us)
{
    free(s->last_fault);
    s->last_fault = NULL;
    s->loaded_ms = now_ms;
    s->next_ms = d->next_ms;
    const int result = s->owner.loaded(s->owner.arg, d, load_us);
    definitions_free(d);
    return result;
}

static int load(struct source_file *s)
{
    struct definitions d = {0};
    struct fault fault = {0};
    event_del(s->quiet);
    event_del(s->retry);
    watch_all(s); /* before reading: what changes afterwards is an event */
    sign_all(s);
    const int64_t start = clock_us();
    const int64_t now_ms = clock_ms(CLOCK_REALTIME);
    int result =
        definitions_load((const char *const *)s->paths, s->count, now_ms, s->memo, &d, &fault);
    if (result == 0) {
        result = hand_over(s, &d, now_ms, clock_us() - start);
    } else {
        load_failed(s, &fault);
    }
    arm_schedule(s);
    load_again_if_changed(s);
    return result;
}

int source_file_load(struct source_file *s)
{
    const int result = load(s);
    if (result != 0) { /* perhaps it only happened to fail: no memory, no descriptor */
        arm(s->retry, RETRY_MS);
    }
    return result;
}

/* ---- events ------------------------------------------------------------------------------- */

/* Loads once the files are quiet. */
static void load_soon(struct source_file *s)
{
    if (!event_pending(s->quiet, EV_TIMEOUT, NULL)) {
        s->deadline_ms = clock_ms(CLOCK_MONOTONIC) + QUIET_MOST_MS;
    }
    moves(s);
    const int64_t left = s->deadline_ms - clock_ms(CLOCK_MONOTONIC);
    arm(s->quiet, left < 1 ? 1 : left < s->quiet_ms ? left : s->quiet_ms);
}

static void on_quiet(evutil_socket_t fd, short what, void *arg)
{
    struct source_file *s = arg;
    (void)fd, (void)what;
    if (moves(s) && clock_ms(CLOCK_MONOTONIC) < s->deadline_ms) {
        arm(s->quiet, s->quiet_ms > QUIET_MS ? s->quiet_ms : QUIET_MS);
        return;
    }
    source_file_load(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct source_file *s = arg;
    (void)fd, (void)what;
    const unsigned news = watch_read(s->watch);
    if (news & WATCH_OVERFLOW) {
        s->owner.told(s->owner.arg, "watch-overflow", s->paths[0],
                      "the kernel dropped events; loading the files again");
    }
    if (news) {
        s->quiet_ms = news & WATCH_CREATED ? QUIET_MOST_MS : COMPLETE_MS;
        load_soon(s);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    load(arg);
}

static void on_schedule(evutil_socket_t fd, short what, void *arg)
{
    struct source_file *s = arg;
    (void)fd, (void)what;
    const int64_t now = clock_ms(CLOCK_REALTIME);
    if (now >= s->next_ms || now < s->loaded_ms) { /* due, or the clock was set back */
        source_file_load(s);
    } else {
        arm_schedule(s);
    }
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    struct source_file *s = arg;
    (void)fd, (void)what;
    if (s->polling) {
        watch_all(s);
    } else {
        arm(s->poll, POLL_NET_MS);
    }
    if (differs(s) && !event_pending(s->quiet, EV_TIMEOUT, NULL)) {
        s->quiet_ms = QUIET_MS; /* nothing says whether its writer has finished */
        load_soon(s);
    }
}

/* ---- life --------------------------------------------------------------------------------- */

static char *absolute_path(const char *path)
{
    char cwd[PATH_MAX];
    char *joined;
    if (path[0] == '/' || !getcwd(cwd, sizeof cwd)) {
        return strdup(path);
    }
    return asprintf(&joined, "%s/%s", cwd, path) < 0 ? NULL : joined;
}

static int copy_paths(struct source_file *s, const char *const *paths, size_t count)
{
    s->paths = calloc(count, sizeof *s->paths);
    s->states = calloc(count, sizeof *s->states);
    if (!s->paths || !s->states) {
        return -1;
    }
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        s->paths[i] = absolute_path(paths[i]);
        if (!s->paths[i]) {
            return -1;
        }
    }
    return 0;
}

static int make_events(struct source_file *s, struct event_base *base)
{
    int fd;
    s->memo = document_memo_new(); /* NULL: every load parses everything */
    s->watch = watch_new(&fd);
    if (!s->watch) {
        return -1;
    }
    s->quiet = evtimer_new(base, on_quiet, s);
    s->retry = evtimer_new(base, on_retry, s);
    s->schedule = evtimer_new(base, on_schedule, s);
    s->poll = evtimer_new(base, on_poll, s);
    if (!s->quiet || !s->retry || !s->schedule || !s->poll) {
        return -1;
    }
    if (fd >= 0) {
        s->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, s);
        return s->readable ? event_add(s->readable, NULL) : -1;
    }
    return 0;
}

struct source_file *source_file_new(struct event_base *base, const char *const *paths, size_t count,
                                    const struct source_file_owner *owner)
{
    struct source_file *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->owner = *owner;
    if (copy_paths(s, paths, count) != 0 || make_events(s, base) != 0) {
        source_file_free(s);
        return NULL;
    }
    return s;
}

static void free_event(struct event *event)
{
    if (event) {
        event_free(event);
    }
}

void source_file_free(struct source_file *s)
{
    if (!s) {
        return;
    }
    free_event(s->readable);
    free_event(s->quiet);
    free_event(s->retry);
    free_event(s->schedule);
    free_event(s->poll);
    watch_free(s->watch);
    document_memo_free(s->memo);
    for (size_t i = 0; i < s->count; i++) {
        free(s->paths[i]);
    }
    free(s->paths);
    free(s->states);
    free(s->last_fault);
    free(s);
}
