/*
 * telemetry_ring.c - the ring's producers: this process's threads, and signal handlers in them.
 *
 * A record (test point 210 + n before step n):
 *   1. the payload is packed, to know its length
 *   2. ring_tail is moved on past the record, with a PAD record before it where the ring ends
 *   3. the record is written
 *   4. its stamp is stored with release: it is there
 */
#include "telemetry_ring.h"

#include <string.h>

#include "telemetry_map.h"
#include "test_point.h"

#define LEAST 64u  /* bytes of room that are worth packing for */
#define SMALL 1024 /* bytes of payload that are packed once, and then copied */

/* The ring, as one push sees it. Values and not places: what is read in the private mapping or in
   the file may be zero from one moment to the next, when a signal handler forks, in the child. */
struct ring {
    struct telemetry_header *file;
    uint8_t *bytes;
    uint64_t size; /* a power of two */
    uint64_t stamp_key;
};

static bool ring_of(struct telemetry *t, struct ring *ring)
{
    ring->file = atomic_load_explicit(&t->file, memory_order_acquire);
    if (!ring->file) {
        return false;
    }
    ring->bytes = (uint8_t *)ring->file + sizeof(struct telemetry_header);
    ring->size = ring->file->ring_bytes;
    ring->stamp_key = ring->file->stamp_key;
    return ring->size >= TELEMETRY_RING_LEAST;
}

/* ---- how far the agent has read ---- */

static const struct telemetry_ack *find_ack(const struct telemetry_acks *acks, uint64_t id)
{
    for (uint64_t i = 0; i < TELEMETRY_ACK_PROBES; i++) {
        const struct telemetry_ack *ack = &acks->entries[(id + i) % TELEMETRY_ACK_SLOTS];
        if (atomic_load_explicit(&ack->id, memory_order_acquire) == id) {
            return ack;
        }
    }
    return NULL;
}

static void look_at_acks(struct ffshm *ff, struct telemetry *t, const struct ring *ring)
{
    const struct telemetry_acks *acks = atomic_load_explicit(&t->acks, memory_order_acquire);
    if (!acks) {
        telemetry_map_acks(ff, t);
        acks = atomic_load_explicit(&t->acks, memory_order_acquire);
    }
    const uint64_t id = ring->file->id[0];
    const struct telemetry_ack *ack = atomic_load_explicit(&t->ack, memory_order_acquire);
    if (!acks || id == 0) {
        return;
    }
    if (!ack || atomic_load_explicit(&ack->id, memory_order_acquire) != id) {
        ack = find_ack(acks, id);
        atomic_store_explicit(&t->ack, ack, memory_order_release);
    }
    if (!ack) {
        return;
    }
    const uint64_t position = atomic_load_explicit(&ack->position, memory_order_acquire);
    const uint64_t tail = atomic_load_explicit(&ring->file->ring_tail, memory_order_relaxed);
    if (atomic_load_explicit(&ack->id, memory_order_relaxed) == id && position <= tail &&
        position > atomic_load_explicit(&t->acked, memory_order_relaxed)) {
        atomic_store_explicit(&t->acked, position, memory_order_release);
    }
}

/* The tail may be an old one, which what was acknowledged since lies beyond: room then, and no
   claim will succeed with it. */
static bool fits(struct telemetry *t, const struct ring *ring, uint64_t tail, uint64_t bytes)
{
    return tail + bytes <= atomic_load_explicit(&t->acked, memory_order_acquire) + ring->size;
}

static bool has_room(struct ffshm *ff, struct telemetry *t, const struct ring *ring, uint64_t tail,
                     uint64_t bytes)
{
    if (fits(t, ring, tail, bytes)) {
        return true;
    }
    look_at_acks(ff, t, ring);
    return fits(t, ring, tail, bytes);
}

/* ---- a record ---- */

static struct telemetry_record *record_at(const struct ring *ring, uint64_t position)
{
    return (void *)(ring->bytes + (position & (ring->size - 1)));
}

static void finish(const struct ring *ring, uint64_t position)
{
    atomic_store_explicit(&record_at(ring, position)->stamp, position ^ ring->stamp_key,
                          memory_order_release);
}

static void pad(const struct ring *ring, uint64_t position, uint64_t bytes)
{
    struct telemetry_record *record = record_at(ring, position);
    record->length = (uint32_t)(bytes - sizeof(*record));
    record->type = TELEMETRY_PAD;
    record->flags = 0;
    finish(ring, position);
}

/* The position of `bytes` in one piece. */
static bool claim(struct ffshm *ff, struct telemetry *t, const struct ring *ring, uint64_t bytes,
                  uint64_t *position)
{
    uint64_t tail = atomic_load_explicit(&ring->file->ring_tail, memory_order_acquire);
    for (;;) {
        const uint64_t to_end = ring->size - (tail & (ring->size - 1));
        const uint64_t skipped = to_end < bytes ? to_end : 0;
        FFSHM_TEST_POINT(212);
        if (!has_room(ff, t, ring, tail, skipped + bytes)) {
            return false;
        }
        if (atomic_compare_exchange_weak_explicit(&ring->file->ring_tail, &tail,
                                                  tail + skipped + bytes, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            if (skipped) {
                pad(ring, tail, skipped);
            }
            *position = tail + skipped;
            return true;
        }
    }
}

bool telemetry_push(struct ffshm *ff, struct telemetry *t, enum telemetry_record_type type,
                    unsigned flags, telemetry_pack_fn *pack, const void *what)
{
    struct ring ring;
    if (!ring_of(t, &ring) ||
        !has_room(ff, t, &ring, atomic_load_explicit(&ring.file->ring_tail, memory_order_relaxed),
                  LEAST)) {
        return false; /* full: not worth the packing */
    }
    uint8_t small[SMALL];
    struct telemetry_sink sink = {small, sizeof(small), 0};
    pack(&sink, what);
    const size_t length = sink.length;
    const uint64_t bytes = (sizeof(struct telemetry_record) + length + TELEMETRY_ALIGN - 1) &
                           ~(uint64_t)(TELEMETRY_ALIGN - 1);
    uint64_t position;
    if (bytes > TELEMETRY_RECORD_MOST || bytes > ring.size / 4 ||
        !claim(ff, t, &ring, bytes, &position)) {
        return false;
    }
    FFSHM_TEST_POINT(213);
    struct telemetry_record *record = record_at(&ring, position);
    record->length = (uint32_t)length;
    record->type = (uint16_t)type;
    record->flags = (uint16_t)flags;
    if (length <= sizeof(small)) {
        memcpy(record + 1, small, length);
    } else {
        sink = (struct telemetry_sink){(uint8_t *)(record + 1), length, 0};
        pack(&sink, what);
    }
    FFSHM_TEST_POINT(214);
    finish(&ring, position);
    return true;
}

bool telemetry_push_event(struct ffshm *ff, struct telemetry *t, enum telemetry_record_type type,
                          unsigned flags, telemetry_pack_fn *pack, const void *what)
{
    if (telemetry_push(ff, t, type, flags, pack, what)) {
        return true;
    }
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    atomic_fetch_add_explicit(file ? &file->dropped_events : &t->lost_events, 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&ff->dropped_events, 1, memory_order_relaxed);
    return false;
}
