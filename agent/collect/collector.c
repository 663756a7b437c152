/*
 * collector.c - when the collector does what: four timers and inotify on the agent's loop.
 *
 *   rings    every 100 ms while something comes, slowing down to 1 s; at once while more is there
 *            than fits into a round
 *   flush    every flush_ms; soon after a process ended; at once when a process asks for it
 *   look     every second: which processes are gone; now and then: which files are there
 *   death    a moment after somebody let go of a file: the same, for those files
 */
#include "collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collector_state.h"

#define FLUSH_MS 5000
#define FILES_PER_USER 1024
#define FILES_MOST 8192
#define RING_LEAST_MS 100
#define RING_MOST_MS 1000
#define RING_ASKED_MS 100 /* the same where somebody may be waiting to know */
#define LOOK_MS 1000
#define SCAN_MS 10000       /* between two looks at all names; every LOOK_MS without inotify */
#define SCAN_AT_ONCE 512    /* names */
#define DEATH_MS 5          /* the kernel tells of the end of a mapping before the lock is free */
#define FLUSH_OF_DEAD_MS 50 /* those that end together are read together */
#define FLUSH_APART_MS 20   /* however often processes ask */
#define RETRY_MS 1000       /* after a transaction that failed */
#define CATCHING_UP_MOST 50 /* rounds of rings before a flush */
#define DESCRIPTORS_BESIDE 512 /* that the agent needs for other things than files of processes */

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval time = {ms / 1000, (ms % 1000) * 1000};
    event_add(timer, &time);
}

/* ---- rings and flushes -------------------------------------------------------------------- */

static void on_rings(evutil_socket_t fd, short what, void *arg)
{
    struct collector *const c = arg;
    (void)fd;
    (void)what;
    const bool moved = collector_read_rings(c);
    const int64_t slower = c->ring_interval_ms * 2;
    const int64_t most = c->options.asked ? RING_ASKED_MS : RING_MOST_MS;
    c->ring_interval_ms = moved ? RING_LEAST_MS : slower < most ? slower : most;
    arm(c->ring_timer, c->failing ? RETRY_MS : c->backlog ? 0 : c->ring_interval_ms);
}

void collector_flush_within(struct collector *c, int64_t ms)
{
    struct timeval due;
    const int64_t now_ms = collector_now_ms();
    const int64_t apart_ms = c->last_flush_ms + (c->failing ? RETRY_MS : FLUSH_APART_MS) - now_ms;
    const int64_t wait_ms = ms > apart_ms ? ms : apart_ms;
    struct timeval now;
    if (event_pending(c->flush_timer, EV_TIMEOUT, &due) && evutil_gettimeofday(&now, NULL) == 0) {
        struct timeval left;
        evutil_timersub(&due, &now, &left);
        if ((int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 <= wait_ms) {
            return;
        }
    }
    arm(c->flush_timer, wait_ms > 0 ? wait_ms : 0);
}

static void flush_now(struct collector *c, bool wait, int *result)
{
    *result = collector_flush_all(c, wait);
    arm(c->flush_timer, *result == 0 ? c->options.flush_ms : RETRY_MS);
    /* What comes of it is read soon. */
    c->ring_interval_ms = RING_LEAST_MS;
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct collector *const c = arg;
    int result;
    (void)fd;
    (void)what;
    /* A flush reads everything in one go: rings that are full are read in parts before. */
    if (!c->failing && c->catching_up < CATCHING_UP_MOST) {
        c->catching_up++;
        collector_read_rings(c);
        if (c->backlog && !c->failing) {
            arm(c->flush_timer, 0);
            return;
        }
    }
    flush_now(c, false, &result);
}

/* ---- files -------------------------------------------------------------------------------- */

/* What the file says now is none of ours, or counted already: its counters, and its ring up to the
   position. Stored with the next transaction. */
static bool pass_over(struct collector *c, struct telemetry_file *f, uint64_t position)
{
    f->reader.now.position = position - position % TELEMETRY_ALIGN;
    if (!telemetry_take_for_counted(&f->reader, &c->io)) {
        acks_leave(&c->acks, f->ack);
        errno = 0;
        return false;
    }
    telemetry_reader_committed(&f->reader);
    f->reader.unstored = true;
    return true;
}

/* A file that is read from now on: from where it was read last. */
static bool on_found(void *arg, struct telemetry_file *f)
{
    struct collector *const c = arg;
    struct telemetry_words words;
    uint64_t position = 0;
    const enum mark_found found = marks_take(c->marks, &f->reader, &c->io);
    if (found == MARK_NO_MEMORY) {
        errno = 0;
        return false;
    }
    f->ack = acks_find(&c->acks, f->reader.id[0], &position);
    if (c->options.passes_over && telemetry_read_words(&f->reader, &words)) {
        f->has_marks = found == MARK_FOUND;
        if (!pass_over(c, f, words.ring_tail)) {
            return false;
        }
    } else if (found == MARK_FOUND) {
        f->has_marks = true;
        f->ack = acks_publish(&c->acks, f->ack, f->reader.id[0], f->reader.now.position);
    } else if (f->ack != ACKS_NO_SLOT && !pass_over(c, f, position)) {
        /* An earlier agent has served it, and what it stored is lost: better to count nothing than
           to count it twice. */
        return false;
    }
    if (telemetry_file_is_dead(f)) {
        collector_flush_within(c, FLUSH_OF_DEAD_MS);
    }
    if (c->ring_interval_ms > RING_LEAST_MS) {
        c->ring_interval_ms = RING_LEAST_MS;
        arm(c->ring_timer, RING_LEAST_MS);
    }
    return true;
}

static void on_refused(void *arg, enum telemetry_refusal why, uid_t uid)
{
    collector_tell_refused(arg, why, uid);
}

/* Marks whose files are not there any more: their agent died after it had removed the file. */
static void forget_lost_marks(struct collector *c)
{
    uint64_t id[2];
    for (size_t cursor = 0; marks_left(c->marks, &cursor, id);) {
        char name[TELEMETRY_NAME];
        telemetry_name(name, id);
        if (faccessat(c->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT ||
            !collector_remember_removed(c, id)) {
            continue;
        }
        marks_forget(c->marks, id);
        cursor--;
    }
}

/* true: all names were looked at. */
static bool scan(struct collector *c, unsigned most)
{
    if (!telemetry_files_scan(&c->files, most)) {
        c->next_scan_ms = 0;
        return false;
    }
    c->next_scan_ms = collector_now_ms() + (c->inotify >= 0 ? SCAN_MS : 0);
    forget_lost_marks(c);
    return true;
}

static void look_for_dead(struct collector *c, bool only_closed)
{
    bool any = false;
    for (size_t i = 0; i < c->files.count; i++) {
        struct telemetry_file *const f = c->files.files[i];
        if (!f->dead && (f->closed || !only_closed)) {
            any = telemetry_file_is_dead(f) || any;
        }
    }
    if (any) {
        collector_flush_within(c, FLUSH_OF_DEAD_MS);
    }
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct collector *const c = arg;
    (void)fd;
    (void)what;
    if (!c->files.scan) {
        look_for_dead(c, false);
    }
    /* Where room has appeared, those that wait for it need not wait long. */
    const bool has_room = c->files.refused > 0 && c->files.has_room;
    const bool whole = c->files.scan || has_room || collector_now_ms() >= c->next_scan_ms
                           ? scan(c, SCAN_AT_ONCE)
                           : true;
    arm(c->look_timer, whole ? LOOK_MS : 1);
}

static void on_death(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look_for_dead(arg, true);
}

static void on_name(struct collector *c, const struct inotify_event *event)
{
    uint64_t id[2];
    if (!telemetry_name_parse(event->name, id)) {
        return;
    }
    struct telemetry_file *const f = telemetry_files_get(&c->files, id);
    struct telemetry_words words;
    if (!f && event->mask & IN_MOVED_TO) {
        telemetry_files_offer(&c->files, event->name);
    } else if (f && event->mask & IN_CLOSE_WRITE) {
        f->closed = true;
        if (!event_pending(c->death_timer, EV_TIMEOUT, NULL)) {
            arm(c->death_timer, DEATH_MS);
        }
    } else if (f && event->mask & IN_ATTRIB && !f->unusable &&
               telemetry_read_words(&f->reader, &words) &&
               words.flush_requests != f->flush_requests) {
        collector_flush_within(c, 0);
    }
}

/* Reads all that inotify has to tell. */
static void read_watch(struct collector *c)
{
    union {
        struct inotify_event aligned;
        char bytes[64 * (sizeof(struct inotify_event) + 64)];
    } buffer;
    ssize_t length;
    while ((length = read(c->inotify, &buffer, sizeof buffer)) > 0 ||
           (length < 0 && errno == EINTR)) {
        for (ssize_t at = 0; at < length;) {
            const void *const start = buffer.bytes + at; /* aligned: the kernel pads the names */
            const struct inotify_event *const event = start;
            if (event->mask & IN_Q_OVERFLOW) {
                c->next_scan_ms = 0;
                arm(c->look_timer, 1);
            } else if (event->len > 0) {
                on_name(c, event);
            }
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    read_watch(arg);
}

/* ---- life --------------------------------------------------------------------------------- */

static int no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
    return -1;
}

static int copy_options(struct collector *c, const struct collector_options *options,
                        struct fault *fault)
{
    c->options = *options;
    c->options.dir = strdup(options->dir);
    if (c->options.flush_ms <= 0) {
        c->options.flush_ms = FLUSH_MS;
    }
    c->files.per_user = options->files_per_uid ? options->files_per_uid : FILES_PER_USER;
    c->files.most = options->files_most ? options->files_most : FILES_MOST;
    c->files.io = &c->io;
    c->files.owner = (struct telemetry_files_owner){on_found, on_refused, c};
    return c->options.dir ? 0 : no_memory(fault);
}

/* A descriptor for each file, if the system lets us. */
static void raise_limit(unsigned files)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    const rlim_t wanted = (rlim_t)files + DESCRIPTORS_BESIDE;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Without inotify files are found by looking, a second later. */
static void watch_dir(struct collector *c)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", c->dir);
    c->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (c->inotify >= 0 &&
        inotify_add_watch(c->inotify, path, IN_MOVED_TO | IN_ATTRIB | IN_CLOSE_WRITE | IN_ONLYDIR) <
            0) {
        close(c->inotify);
        c->inotify = -1;
    }
    c->watch =
        c->inotify < 0 ? NULL : event_new(c->base, c->inotify, EV_READ | EV_PERSIST, on_watch, c);
    if (c->inotify >= 0 && (!c->watch || event_add(c->watch, NULL) != 0)) {
        close(c->inotify);
        c->inotify = -1;
    }
}

static int make_timers(struct collector *c, struct fault *fault)
{
    c->ring_timer = evtimer_new(c->base, on_rings, c);
    c->flush_timer = evtimer_new(c->base, on_flush, c);
    c->look_timer = evtimer_new(c->base, on_look, c);
    c->death_timer = evtimer_new(c->base, on_death, c);
    if (!c->ring_timer || !c->flush_timer || !c->look_timer || !c->death_timer) {
        return no_memory(fault);
    }
    arm(c->ring_timer, RING_LEAST_MS);
    arm(c->flush_timer, c->options.flush_ms);
    arm(c->look_timer, LOOK_MS);
    return 0;
}

static int open_files(struct collector *c, struct fault *fault)
{
    c->store = telemetry_open_store(c->options.dir, fault);
    c->dir = c->store < 0 ? -1 : telemetry_open_dir(c->store, c->options.dir, fault);
    c->files.dir = c->dir;
    return c->dir < 0
               ? -1
               : acks_open(&c->acks, c->store, c->options.dir, c->options.store_epoch, fault);
}

/* Another epoch than the last agent's, so that processes tell of everything once more. */
static int first_window(struct collector *c, struct fault *fault)
{
    uint32_t epoch = 0;
    if (getrandom(&epoch, sizeof epoch, 0) != (ssize_t)sizeof epoch) {
        telemetry_fault(fault, c->options.dir, NULL, "cannot get random numbers", errno);
        return -1;
    }
    c->window = (uint64_t)(epoch ? epoch : 1) << 32;
    return 0;
}

static int start(struct collector *c, struct fault *fault)
{
    if (!telemetry_scratch_init(&c->io.scratch)) {
        return no_memory(fault);
    }
    raise_limit(c->files.most);
    if (first_window(c, fault) != 0 || open_files(c, fault) != 0) {
        return -1;
    }
    c->marks = marks_load(c->storage, fault);
    if (!c->marks || make_timers(c, fault) != 0) {
        return -1;
    }
    watch_dir(c); /* before the first look: what comes after it is told */
    scan(c, UINT32_MAX);
    c->options.passes_over = false;
    collector_open_window(c);
    return 0;
}

struct collector *collector_new_sink(struct event_base *base, struct storage *storage,
                                     const struct collector_sink *sink,
                                     const struct collector_options *options, struct fault *fault)
{
    struct collector *const c = calloc(1, sizeof *c);
    if (!c) {
        no_memory(fault);
        return NULL;
    }
    c->base = base;
    c->storage = storage;
    c->sink = *sink;
    c->io.sink = &c->sink;
    c->io.asked = options->asked;
    c->io.asked_arg = options->asked_arg;
    c->store = -1;
    c->dir = -1;
    c->inotify = -1;
    c->ring_interval_ms = RING_LEAST_MS;
    c->news.dropped_told_ms = INT64_MIN / 2;
    c->news.errors_told_ms = INT64_MIN / 2;
    c->last_flush_ms = INT64_MIN / 2;
    if (copy_options(c, options, fault) != 0 || start(c, fault) != 0) {
        collector_free(c);
        return NULL;
    }
    return c;
}

static void free_event(struct event *event)
{
    if (event) {
        event_free(event);
    }
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void collector_free(struct collector *c)
{
    if (!c) {
        return;
    }
    free_event(c->ring_timer);
    free_event(c->flush_timer);
    free_event(c->look_timer);
    free_event(c->death_timer);
    free_event(c->watch);
    telemetry_files_free(&c->files);
    marks_free(c->marks);
    acks_close(&c->acks);
    telemetry_scratch_free(&c->io.scratch);
    close_fd(c->inotify);
    close_fd(c->dir);
    close_fd(c->store);
    free(c->removed);
    free((char *)(uintptr_t)c->options.dir);
    free(c);
}

/* ---- asked from outside ------------------------------------------------------------------- */

int collector_flush(struct collector *c)
{
    int result;
    if (c->inotify >= 0) {
        read_watch(c);
    }
    if (c->inotify < 0 || c->next_scan_ms == 0) {
        scan(c, UINT32_MAX);
    }
    flush_now(c, true, &result);
    return result;
}

void collector_forget_contexts(struct collector *c)
{
    const uint64_t epoch = (c->window >> 32) + 1;
    c->window = (epoch > UINT32_MAX ? 1 : epoch) << 32 | (c->window & UINT32_MAX);
    c->options.set_window(c->options.arg, c->window);
}

void collector_stats(const struct collector *c, struct collector_stats *out)
{
    *out = c->stats;
    out->files = (uint32_t)c->files.count;
    out->refused_files = c->files.refused;
}
