/*
 * telemetry_read_counts.c - the counters of a process: see telemetry_read.h.
 *
 * A counter says how often since the file was made; what is new is what it says beyond what was
 * counted before. A value that was read while it was being written is made good by the next
 * reading.
 */
#include <stdatomic.h>
#include <string.h>

#include "telemetry_read.h"
#include "telemetry_text.h"

/* sink NULL: what there is counts as counted. */
struct walk {
    struct telemetry_reader *reader;
    struct telemetry_io *io;
    const struct collector_sink *sink;
    size_t index; /* of the next counter */
};

/* How much of a counter is new; counted goes on by as much. An absurd jump comes in parts, so that
   a long absence of the agent loses nothing and a wild value does little harm at once. */
static uint64_t news_of(uint64_t value, uint64_t *counted, struct telemetry_tally *tally)
{
    if (value <= *counted) {
        return 0;
    }
    uint64_t delta = value - *counted;
    if (delta > TELEMETRY_DELTA_MOST) {
        delta = TELEMETRY_DELTA_MOST;
        tally->malformed++;
    }
    *counted += delta;
    return delta;
}

static bool is_sound(const struct telemetry_block *b)
{
    const uint64_t needs =
        sizeof *b + (uint64_t)b->counter_count * sizeof(uint64_t) + b->key_length;
    return (b->kind == TELEMETRY_FLAG || b->kind == TELEMETRY_UNKNOWN) && b->counter_count > 0 &&
           b->counter_count <= TELEMETRY_COUNTERS_MOST && b->key_length > 0 &&
           b->key_length <= TELEMETRY_KEY_MOST && b->stripe < TELEMETRY_STRIPES &&
           (b->kind == TELEMETRY_FLAG || b->counter_count == 1) &&
           b->units == (needs + TELEMETRY_UNIT - 1) / TELEMETRY_UNIT;
}

static void count_news(struct walk *w, const struct telemetry_block *b, const uint64_t *values,
                       const char *key)
{
    for (unsigned i = 0; i < b->counter_count; i++) {
        const uint64_t delta = news_of(values[i], &w->reader->counted[w->index + i], &w->io->tally);
        if (delta == 0) {
            continue;
        }
        const struct deliver_count count = {
            .key = key,
            .version = b->version,
            .variation = i + 1u == b->counter_count ? -1 : (int64_t)i,
            .unknown = b->kind == TELEMETRY_UNKNOWN,
            .count = delta,
        };
        w->reader->counts_moved = true;
        w->io->tally.evaluations += delta;
        w->sink->count(w->sink->arg, &count);
    }
}

static void tell_broken(struct walk *w)
{
    w->io->tally.malformed += !w->reader->arena_broken;
    w->reader->arena_broken = true;
}

/* A block that is whole at `bytes`. false: no memory. */
static bool take_block(struct walk *w, const struct telemetry_block *b, const uint8_t *bytes)
{
    uint64_t values[TELEMETRY_COUNTERS_MOST];
    char key[TELEMETRY_KEY_MOST + 1];
    const size_t size = b->counter_count * sizeof *values;
    if (!telemetry_reader_room(w->reader, w->index + b->counter_count, w->io)) {
        return false;
    }
    memcpy(values, bytes + sizeof *b, size);
    memcpy(key, bytes + sizeof *b + size, b->key_length);
    key[b->key_length] = '\0';
    if (!w->sink) {
        memcpy(w->reader->counted + w->index, values, size);
        w->reader->counts_moved = true;
    } else if (telemetry_is_text(key, b->key_length)) {
        count_news(w, b, values, key);
    } else {
        tell_broken(w);
    }
    w->index += b->counter_count;
    return true;
}

enum blocks { BLOCKS_TAKEN, BLOCKS_BROKEN, BLOCKS_NO_MEMORY };

/* The whole blocks in the buffer's first `length` bytes; *done: how many bytes they were. */
static enum blocks take_blocks(struct walk *w, size_t length, size_t *done)
{
    *done = 0;
    while (*done + sizeof(struct telemetry_block) <= length) {
        struct telemetry_block b;
        memcpy(&b, w->io->buffer + *done, sizeof b);
        if (!is_sound(&b)) {
            return BLOCKS_BROKEN;
        }
        const size_t size = (size_t)b.units * TELEMETRY_UNIT;
        if (size > length - *done) {
            break;
        }
        if (!take_block(w, &b, w->io->buffer + *done)) {
            return BLOCKS_NO_MEMORY;
        }
        *done += size;
    }
    return BLOCKS_TAKEN;
}

/* false: no memory. A block that makes no sense ends the arena: where the next one would begin is
   not known. */
static bool walk_arena(struct walk *w, uint64_t used)
{
    struct telemetry_reader *const r = w->reader;
    enum blocks result =
        used > r->arena_limit || used % TELEMETRY_UNIT != 0 ? BLOCKS_BROKEN : BLOCKS_TAKEN;
    for (uint64_t at = 0; result == BLOCKS_TAKEN && at < used;) {
        const uint64_t left = used - at;
        const size_t size = left < TELEMETRY_READ_BYTES ? (size_t)left : TELEMETRY_READ_BYTES;
        const size_t length = telemetry_read_at(r->fd, w->io->buffer, size, r->arena_offset + at);
        size_t done;
        result = take_blocks(w, length, &done);
        at += done;
        if (result == BLOCKS_TAKEN && done == 0) {
            result = BLOCKS_BROKEN; /* the file, or the last block, was cut */
        }
    }
    if (result == BLOCKS_BROKEN) {
        tell_broken(w);
    }
    return result != BLOCKS_NO_MEMORY;
}

/* ---- errors ------------------------------------------------------------------------------- */

static void read_errors(struct telemetry_reader *r, struct telemetry_io *io, bool tell)
{
    struct telemetry_error errors[TELEMETRY_ERRORS];
    struct telemetry_tally *const tally = &io->tally;
    if (telemetry_read_at(r->fd, errors, sizeof errors,
                          offsetof(struct telemetry_header, errors)) != sizeof errors) {
        return;
    }
    for (unsigned i = 0; i < TELEMETRY_ERRORS; i++) {
        const struct telemetry_error *const e = &errors[i];
        if (atomic_load_explicit(&e->tag, memory_order_relaxed) == 0 ||
            atomic_load_explicit(&e->complete, memory_order_relaxed) == 0) {
            continue;
        }
        const uint64_t delta = news_of(atomic_load_explicit(&e->count, memory_order_relaxed),
                                       &r->now.errors[i], tally);
        if (delta > 0) {
            r->counts_moved = true;
        }
        if (delta > 0 && tell) {
            const size_t most = sizeof tally->error_key - 1;
            const size_t length = e->key_length < most ? e->key_length : most;
            const size_t whole = telemetry_whole_text(e->key, length);
            tally->errors += delta;
            tally->error = e->error;
            memcpy(tally->error_key, e->key, whole);
            tally->error_key[whole] = '\0';
        }
    }
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void read_dropped(struct telemetry_reader *r, const struct telemetry_words *words,
                         struct telemetry_io *io)
{
    const uint64_t events = news_of(words->dropped_events, &r->now.dropped_events, &io->tally);
    const uint64_t counts = news_of(words->dropped_counts, &r->now.dropped_counts, &io->tally);
    if (events > 0) {
        io->sink->dropped(io->sink->arg, events);
    }
    io->tally.dropped_events += events;
    io->tally.dropped_counts += counts;
    r->counts_moved = r->counts_moved || events > 0 || counts > 0;
}

bool telemetry_read_counts(struct telemetry_reader *r, const struct telemetry_words *words,
                           struct telemetry_io *io)
{
    struct walk w = {r, io, io->sink, 0};
    /* Pairs with the release store of arena_used in the process: the blocks that it covers are
       read after it. */
    atomic_thread_fence(memory_order_acquire);
    read_dropped(r, words, io);
    read_errors(r, io, true);
    return walk_arena(&w, words->arena_used);
}

bool telemetry_take_for_counted(struct telemetry_reader *r, struct telemetry_io *io)
{
    struct walk w = {r, io, NULL, 0};
    struct telemetry_words words;
    if (!telemetry_read_words(r, &words)) {
        return true;
    }
    atomic_thread_fence(memory_order_acquire); /* as above */
    r->now.dropped_events = words.dropped_events;
    r->now.dropped_counts = words.dropped_counts;
    read_errors(r, io, false);
    return walk_arena(&w, words.arena_used);
}
