/*
 * collector_round.c - one transaction: what is new in the files goes to the sink, and how far they
 * have been read goes to storage, both or neither.
 *
 *   1  the transaction begins; files are read, the sink is handed what is new
 *   2  the sink has stored what it made of it
 *   3  the marks are stored
 *   4  committed. Whatever is killed from here on: the next agent begins behind what was read
 *   5  the sink sends
 *   6  acks has the positions: the processes' rings have room again
 *   7  files of dead processes, which were read to their ends, are unlinked
 *   8  a later transaction deletes their marks
 *
 * Killed before 4: nothing was stored, the next agent reads the same again. Between 4 and 6: rings
 * look fuller than they are for a while. Between 4 and 7: the next agent finds a file that has
 * nothing new, and unlinks it. Between 7 and 8: it finds marks without a file, and deletes them;
 * never a file without its marks, for that would be counted anew.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector_state.h"
#include "test_point.h"

#define RING_LIMIT (32u << 10) /* bytes of one ring in a round of rings */
#define ROUND_MS 3     /* of a round of rings; the rest comes in the next turn of the loop */
#define STUCK_MS 10000 /* after which a record is given up that nobody finishes */
#define PATIENCE_MS 10 /* of a flush that waits for records */

int64_t collector_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void collector_open_window(struct collector *c)
{
    const uint64_t epoch = c->window >> 32;
    const uint32_t window = (uint32_t)c->window + 1;
    c->window = window != 0 ? epoch << 32 | window : ((epoch + 1) & UINT32_MAX) << 32 | 1;
    c->options.set_window(c->options.arg, c->window);
}

static bool reads_rings(const struct collector *c)
{
    return c->options.has_events || c->options.asked;
}

/* ---- one file ----------------------------------------------------------------------------- */

/* A record that stays unfinished while later ones are finished has lost its writer, a thread that
   ended in the middle; a stopped process writes no later ones. */
static void give_up_when_stuck(struct collector *c, struct telemetry_file *f, uint64_t tail)
{
    const int64_t now_ms = collector_now_ms();
    if (f->waiting_since_ms == 0 || f->waiting_at != f->reader.now.position) {
        f->waiting_since_ms = now_ms;
        f->waiting_at = f->reader.now.position;
        return;
    }
    if (now_ms - f->waiting_since_ms < STUCK_MS ||
        !telemetry_ring_has_later(&f->reader, tail, &c->io)) {
        return;
    }
    f->reader.skips = true;
    c->io.tally.malformed++;
    telemetry_read_ring(&f->reader, tail, 1, &c->io);
    f->reader.skips = f->dead;
    f->waiting_since_ms = 0;
}

static void read_ring(struct collector *c, struct telemetry_file *f, uint64_t tail, uint64_t limit,
                      int64_t wait_until_ms)
{
    static const struct timespec moment = {0, 200000};
    enum telemetry_ring_state state = telemetry_read_ring(&f->reader, tail, limit, &c->io);
    while (state == TELEMETRY_RING_WAITING && collector_now_ms() < wait_until_ms) {
        nanosleep(&moment, NULL);
        state = telemetry_read_ring(&f->reader, tail, limit, &c->io);
    }
    if (state == TELEMETRY_RING_WAITING) {
        give_up_when_stuck(c, f, tail);
    } else {
        f->waiting_since_ms = 0;
        c->backlog = c->backlog || state == TELEMETRY_RING_MORE;
    }
}

static void read_whole(struct collector *c, struct telemetry_file *f, int64_t wait_until_ms)
{
    struct telemetry_words words;
    if (f->unusable || !telemetry_read_words(&f->reader, &words)) {
        f->drained = f->dead; /* nothing more can come of it */
        return;
    }
    f->flush_requests = words.flush_requests;
    const bool counted = telemetry_read_counts(&f->reader, &words, &c->io);
    if (reads_rings(c)) {
        read_ring(c, f, words.ring_tail, UINT64_MAX, wait_until_ms);
    }
    f->drained = f->dead && counted;
}

/* ---- before and after --------------------------------------------------------------------- */

static int begin(struct collector *c, struct fault *fault)
{
    c->io.tally = (struct telemetry_tally){.malformed = c->io.tally.malformed};
    c->backlog = false;
    if (c->storage && storage_begin(c->storage, fault) != 0) {
        collector_tell_failed(c, fault);
        return -1;
    }
    FFSHM_TEST_POINT(31);
    return 0;
}

static void add_tally(struct collector *c)
{
    const struct telemetry_tally *const tally = &c->io.tally;
    c->stats.records += tally->records;
    c->stats.malformed += tally->malformed;
    c->stats.evaluations += tally->evaluations;
    c->stats.dropped_events += tally->dropped_events;
    c->stats.dropped_counts += tally->dropped_counts;
    collector_tell_tally(c);
    c->io.tally = (struct telemetry_tally){.malformed = 0};
}

static int store_marks(struct collector *c, struct fault *fault)
{
    for (size_t i = 0; i < c->files.count; i++) {
        const struct telemetry_reader *const r = &c->files.files[i]->reader;
        if (telemetry_reader_moved(r) && mark_store(c->storage, r, fault) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < c->removed_count; i++) {
        if (mark_delete(c->storage, c->removed[i], fault) != 0) {
            return -1;
        }
    }
    FFSHM_TEST_POINT(33);
    return c->storage ? storage_commit(c->storage, fault) : 0;
}

/* What was read never was. */
static void revert(struct collector *c, const struct fault *fault)
{
    if (c->storage) {
        storage_rollback(c->storage);
    }
    c->sink.revert(c->sink.arg);
    for (size_t i = 0; i < c->files.count; i++) {
        struct telemetry_file *const f = c->files.files[i];
        telemetry_reader_revert(&f->reader);
        f->drained = false;
    }
    c->io.tally = (struct telemetry_tally){.malformed = 0};
    collector_tell_failed(c, fault);
}

static void publish_positions(struct collector *c)
{
    for (size_t i = 0; i < c->files.count; i++) {
        struct telemetry_file *const f = c->files.files[i];
        const bool moved = telemetry_reader_moved(&f->reader);
        if (moved) {
            telemetry_reader_committed(&f->reader);
            f->has_marks = true;
        }
        if (f->has_marks && !f->dead && (moved || f->ack == ACKS_NO_SLOT)) {
            f->ack = acks_publish(&c->acks, f->ack, f->reader.id[0], f->reader.now.position);
        }
    }
}

bool collector_remember_removed(struct collector *c, const uint64_t id[2])
{
    if (c->removed_count == c->removed_capacity) {
        const size_t capacity = c->removed_capacity ? 2 * c->removed_capacity : 64;
        void *const grown = realloc(c->removed, capacity * sizeof *c->removed);
        if (!grown) {
            return false;
        }
        c->removed = grown;
        c->removed_capacity = capacity;
    }
    c->removed[c->removed_count][0] = id[0];
    c->removed[c->removed_count][1] = id[1];
    c->removed_count++;
    return true;
}

static void remove_drained(struct collector *c)
{
    for (size_t i = c->files.count; i-- > 0;) { /* removing moves the last one to i */
        struct telemetry_file *const f = c->files.files[i];
        /* Without memory to remember it, it stays until the next time. */
        if (f->drained && (!f->has_marks || collector_remember_removed(c, f->reader.id))) {
            acks_leave(&c->acks, f->ack);
            telemetry_files_remove(&c->files, f);
        }
    }
}

/* From 4 on. */
static void committed(struct collector *c)
{
    c->removed_count = 0;
    FFSHM_TEST_POINT(34);
    c->sink.committed(c->sink.arg);
    FFSHM_TEST_POINT(35);
    publish_positions(c);
    FFSHM_TEST_POINT(36);
    remove_drained(c);
    FFSHM_TEST_POINT(37);
    add_tally(c);
    c->stats.rounds++;
    collector_tell_works(c);
}

static int end(struct collector *c, int (*store)(void *arg), struct fault *fault)
{
    if (store(c->sink.arg) != 0) {
        fault_set(fault, "", "see what the storage's file and its filesystem have to say", "%s",
                  "events cannot be stored");
        revert(c, fault);
        return -1;
    }
    FFSHM_TEST_POINT(32);
    if (store_marks(c, fault) != 0) {
        revert(c, fault);
        return -1;
    }
    committed(c);
    return 0;
}

/* ---- rounds ------------------------------------------------------------------------------- */

/* Is there something in the file's ring that was not read? Also notices what the process asks. */
static bool has_news(struct collector *c, struct telemetry_file *f, struct telemetry_words *words)
{
    if (f->unusable || f->dead || !telemetry_read_words(&f->reader, words)) {
        return false;
    }
    if (words->flush_requests != f->flush_requests) {
        collector_flush_within(c, 0);
    }
    return reads_rings(c) && words->ring_tail != f->reader.now.position;
}

bool collector_read_rings(struct collector *c)
{
    struct fault fault = {.line = 0};
    const int64_t until_ms = collector_now_ms() + ROUND_MS;
    bool begun = false;
    bool moved = false;
    size_t i;
    for (i = 0; i < c->files.count && collector_now_ms() <= until_ms; i++) {
        struct telemetry_file *const f = c->files.files[(c->next_file + i) % c->files.count];
        struct telemetry_words words;
        if (!has_news(c, f, &words)) {
            continue;
        }
        if (!begun && begin(c, &fault) != 0) {
            return false;
        }
        begun = true;
        read_ring(c, f, words.ring_tail, RING_LIMIT, 0);
        moved = moved || f->reader.ring_moved;
    }
    c->backlog = begun ? c->backlog || i < c->files.count : i < c->files.count;
    c->next_file = c->files.count ? (c->next_file + i) % c->files.count : 0;
    if (begun && !moved) { /* all that is there is being written just now */
        if (c->storage) {
            storage_rollback(c->storage);
        }
        return false;
    }
    return begun && end(c, c->sink.keep, &fault) == 0;
}

int collector_flush_all(struct collector *c, bool wait)
{
    struct fault fault = {.line = 0};
    collector_open_window(c);
    /* First the window, then the counters: who is counted after this reads the new one, and tells
       of itself in it. */
    atomic_thread_fence(memory_order_seq_cst);
    c->last_flush_ms = collector_now_ms();
    c->catching_up = 0;
    if (begin(c, &fault) != 0) {
        return -1;
    }
    const int64_t until_ms = wait ? c->last_flush_ms + PATIENCE_MS : 0;
    for (size_t i = 0; i < c->files.count; i++) {
        read_whole(c, c->files.files[i], until_ms);
    }
    if (end(c, c->sink.flush, &fault) != 0) {
        return -1;
    }
    c->stats.flushes++;
    return 0;
}
