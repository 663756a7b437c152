/*
 * telemetry_read_ring.c - the ring of a process: see telemetry_read.h.
 *
 * Nobody overwrites what lies between the position and ring_tail while the process keeps to the
 * rules, for it waits until `acks` says that it was read. But records in there may be unfinished,
 * and a copy of many pages is not of one moment: a stamp that was copied does not say that the
 * payload copied with it was there. So everything is read twice: first to see how far the stamps
 * are right, then, after that, those bytes.
 */
#include <stdatomic.h>
#include <string.h>

#include "telemetry_read.h"
#include "telemetry_record.h"

#define PART_BYTES (96u << 10) /* read at a time; more than any record */

enum run_end {
    RUN_BYTES,      /* all bytes are records */
    RUN_CUT,        /* a record goes on behind the bytes */
    RUN_UNFINISHED, /* there is no record where one has to begin */
    RUN_BAD,        /* there is one that cannot be */
};

_Static_assert(PART_BYTES > TELEMETRY_RECORD_MOST + sizeof(struct telemetry_record) &&
                   PART_BYTES <= TELEMETRY_READ_BYTES && PART_BYTES % TELEMETRY_ALIGN == 0,
               "a part has at least a record");

struct run {
    size_t length; /* of whole records */
    enum run_end end;
};

static uint64_t to_end(const struct telemetry_reader *r, uint64_t position)
{
    return r->ring_bytes - (position & (r->ring_bytes - 1));
}

static bool is_there(const struct telemetry_reader *r, uint64_t stamp, uint64_t position)
{
    return stamp == (position ^ r->stamp_key);
}

/* Bytes that the record takes in the ring; 0: it cannot be. */
static uint64_t record_size(const struct telemetry_reader *r, const struct telemetry_record *record,
                            uint64_t position, uint64_t tail)
{
    uint64_t size = sizeof *record + (uint64_t)record->length;
    const uint64_t end = to_end(r, position);
    if (record->type == TELEMETRY_PAD) {
        return size == end && size <= tail - position ? size : 0;
    }
    size = (size + TELEMETRY_ALIGN - 1) & ~(uint64_t)(TELEMETRY_ALIGN - 1);
    return record->length <= TELEMETRY_RECORD_MOST && size <= end && size <= tail - position ? size
                                                                                             : 0;
}

static void give(struct telemetry_io *io, const struct telemetry_record *record,
                 const uint8_t *payload)
{
    struct telemetry_item item;
    if (record->type == TELEMETRY_PAD) {
        return;
    }
    if (!telemetry_record_read(&io->scratch, record->type, record->flags, payload, record->length,
                               &item)) {
        io->tally.malformed++;
        return;
    }
    io->tally.records++;
    if (item.kind == TELEMETRY_ITEM_ASK) {
        if (io->asked) {
            io->asked(io->asked_arg, item.key);
        }
    } else if (item.kind == TELEMETRY_ITEM_SEEN) {
        io->sink->seen(io->sink->arg, &item.seen);
    } else {
        io->sink->event(io->sink->arg, &item.event);
    }
    telemetry_item_free(&item);
}

/* The records in the buffer, whose first byte is that of `position`. */
static struct run walk(const struct telemetry_reader *r, struct telemetry_io *io, uint64_t position,
                       size_t length, uint64_t tail, bool give_them)
{
    struct run run = {0, RUN_BYTES};
    while (run.length < length) {
        const uint8_t *const bytes = io->buffer + run.length;
        const uint64_t at = position + run.length;
        struct telemetry_record record;
        memcpy(&record, bytes, sizeof record);
        if (!is_there(r, atomic_load_explicit(&record.stamp, memory_order_relaxed), at)) {
            run.end = RUN_UNFINISHED;
            break;
        }
        const uint64_t size = record_size(r, &record, at, tail);
        if (size == 0 || size > length - run.length) {
            run.end = size == 0 ? RUN_BAD : RUN_CUT;
            break;
        }
        if (give_them) {
            give(io, &record, bytes + sizeof record);
        }
        run.length += (size_t)size;
    }
    return run;
}

/* Reads from a position up to the tail, the ring's end, or as much as fits. */
static size_t read_part(const struct telemetry_reader *r, struct telemetry_io *io,
                        uint64_t position, uint64_t tail)
{
    uint64_t size = tail - position;
    size = size < to_end(r, position) ? size : to_end(r, position);
    size = size < PART_BYTES ? size : PART_BYTES;
    const size_t length = telemetry_read_at(r->fd, io->buffer, (size_t)size,
                                            r->ring_offset + (position & (r->ring_bytes - 1)));
    /* Pairs with the release store of a record's stamp in the process: what is read from here on is
       as new as the stamps. */
    atomic_thread_fence(memory_order_acquire);
    return length - length % TELEMETRY_ALIGN;
}

/* The next position from `position` on at which a record is, or the tail. */
static uint64_t scan(const struct telemetry_reader *r, struct telemetry_io *io, uint64_t position,
                     uint64_t tail)
{
    while (position < tail) {
        const size_t length = read_part(r, io, position, tail);
        for (size_t at = 0; at < length; at += TELEMETRY_ALIGN) {
            uint64_t stamp;
            memcpy(&stamp, io->buffer + at, sizeof stamp);
            if (is_there(r, stamp, position + at)) {
                return position + at;
            }
        }
        if (length == 0) {
            return tail; /* the file was cut */
        }
        position += length;
    }
    return tail;
}

static void move_to(struct telemetry_reader *r, uint64_t position)
{
    r->ring_moved = r->ring_moved || position != r->now.position;
    r->now.position = position;
}

static bool is_sane(const struct telemetry_reader *r, uint64_t tail)
{
    return tail >= r->now.position && tail - r->now.position <= r->ring_bytes &&
           tail % TELEMETRY_ALIGN == 0;
}

/* A tail that cannot be. When more was written than there is room for, the process took something
   for read that was not: nothing but their stamps says where the records begin that are left. */
static void resynchronise(struct telemetry_reader *r, struct telemetry_io *io, uint64_t tail)
{
    const bool is_ahead = tail > r->now.position && tail % TELEMETRY_ALIGN == 0;
    io->tally.malformed++;
    move_to(r, is_ahead ? scan(r, io, tail - r->ring_bytes, tail) : tail - tail % TELEMETRY_ALIGN);
}

enum telemetry_ring_state telemetry_read_ring(struct telemetry_reader *r, uint64_t tail,
                                              uint64_t limit, struct telemetry_io *io)
{
    struct telemetry_words again;
    if (!is_sane(r, tail) && telemetry_read_words(r, &again)) {
        tail = again.ring_tail; /* it may have been read while it was being written */
    }
    if (!is_sane(r, tail)) {
        resynchronise(r, io, tail);
        tail -= tail % TELEMETRY_ALIGN;
    }
    const uint64_t start = r->now.position;
    while (r->now.position < tail) {
        const uint64_t position = r->now.position;
        if (position - start >= limit) {
            return TELEMETRY_RING_MORE;
        }
        struct run run = walk(r, io, position, read_part(r, io, position, tail), tail, false);
        const enum run_end end = run.end;
        if (run.length > 0) {
            const size_t length = read_part(r, io, position, position + run.length);
            run = walk(r, io, position, length, tail, true);
        }
        if (run.length > 0) {
            move_to(r, position + run.length);
        } else if (end == RUN_UNFINISHED && !r->skips) {
            return TELEMETRY_RING_WAITING;
        } else {
            io->tally.malformed += end != RUN_UNFINISHED;
            move_to(r, scan(r, io, position + TELEMETRY_ALIGN, tail));
        }
    }
    return TELEMETRY_RING_READ;
}

bool telemetry_ring_has_later(const struct telemetry_reader *r, uint64_t tail,
                              struct telemetry_io *io)
{
    return is_sane(r, tail) && r->now.position < tail &&
           scan(r, io, r->now.position + TELEMETRY_ALIGN, tail) < tail;
}
