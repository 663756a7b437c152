/*
 * telemetry_read.h - one process's file: its header checked, its counters and its ring read on from
 * where the last reading ended. All of it with pread, and nothing in it believed: whatever a file
 * says costs a bounded amount of work and memory, and is at worst counted as malformed.
 */
#ifndef FFSHM_AGENT_TELEMETRY_READ_H
#define FFSHM_AGENT_TELEMETRY_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sink.h"
#include "telemetry_fields.h"

#define TELEMETRY_READ_BYTES (256u << 10)        /* at a time: more than any block or record */
#define TELEMETRY_COUNTERS_IN_MEMORY (16u << 20) /* of all files together, 16 bytes each */
#define TELEMETRY_DELTA_MOST (UINT64_C(1) << 40) /* what a counter may grow by in one round */

/* What one transaction has read; becomes part of the statistics when it is committed. */
struct telemetry_tally {
    uint64_t records, malformed, evaluations, dropped_events, dropped_counts;
    uint64_t errors;    /* evaluations that failed */
    uint8_t error;      /* of them, the last one: enum ffshm_error */
    char error_key[29]; /* its flag, perhaps cut */
};

/* What reading needs, one for all files. */
struct telemetry_io {
    const struct collector_sink *sink;
    void (*asked)(void *arg, const char *key); /* NULL: nobody listens */
    void *asked_arg;
    struct telemetry_tally tally;
    size_t counters; /* that files have memory for */
    struct telemetry_scratch scratch;
    _Alignas(8) uint8_t buffer[TELEMETRY_READ_BYTES];
};

/* How far a file has been read, but for its counters. */
struct telemetry_progress {
    uint64_t position; /* in the ring */
    uint64_t dropped_events;
    uint64_t dropped_counts;
    uint64_t errors[TELEMETRY_ERRORS];
};

struct telemetry_reader {
    int fd; /* owned */
    uint64_t id[2];
    uint64_t stamp_key;
    uint32_t ring_offset;
    uint32_t ring_bytes;
    uint32_t arena_offset;
    uint32_t arena_limit;
    struct telemetry_progress now;  /* in this transaction */
    struct telemetry_progress kept; /* in the last one that was committed */
    uint64_t *counted;              /* counters in the order of the arena, each as far as counted */
    uint64_t *counted_kept;
    size_t counted_count; /* of both; what was never counted is 0 */
    bool unstored;        /* storage has to learn of it, moved or not */
    bool ring_moved;      /* since the last commit */
    bool counts_moved;
    bool arena_broken; /* and has been counted as malformed */
    bool skips;        /* records that were never finished: nobody will */
};

/* The words at the front of a file that change. */
struct telemetry_words {
    uint64_t ring_tail;
    uint64_t arena_used;
    uint64_t flush_requests;
    uint64_t dropped_events;
    uint64_t dropped_counts;
};

/* Takes over fd when it is a file of that id, sound in its fixed parts. false: it is not, and fd is
   still the caller's. */
bool telemetry_reader_open(struct telemetry_reader *r, int fd, const uint64_t id[2]);
void telemetry_reader_close(struct telemetry_reader *r, struct telemetry_io *io);

/* false: the file has been cut. */
bool telemetry_read_words(const struct telemetry_reader *r, struct telemetry_words *out);

/* Counters that have grown, dropped events and errors, to the sink and the tally. true: all that
   the words say; false: there was no memory, the next time brings the rest. */
bool telemetry_read_counts(struct telemetry_reader *r, const struct telemetry_words *words,
                           struct telemetry_io *io);
/* Takes what the file says now for counted already: somebody else did. false: no memory. */
bool telemetry_take_for_counted(struct telemetry_reader *r, struct telemetry_io *io);

enum telemetry_ring_state {
    TELEMETRY_RING_READ,    /* up to tail */
    TELEMETRY_RING_MORE,    /* `limit` bytes were read, and there is more */
    TELEMETRY_RING_WAITING, /* for a record that somebody is writing */
};
/* Records up to tail, in their order, to the sink. */
enum telemetry_ring_state telemetry_read_ring(struct telemetry_reader *r, uint64_t tail,
                                              uint64_t limit, struct telemetry_io *io);
/* Is a finished record behind the one that is waited for? Then its writer may be gone. */
bool telemetry_ring_has_later(const struct telemetry_reader *r, uint64_t tail,
                              struct telemetry_io *io);

/* Is there anything for storage? */
bool telemetry_reader_moved(const struct telemetry_reader *r);
/* After a transaction: what was read now counts, or never was. */
void telemetry_reader_committed(struct telemetry_reader *r);
void telemetry_reader_revert(struct telemetry_reader *r);

/* Room for so many counters; false: no memory, or too many. */
bool telemetry_reader_room(struct telemetry_reader *r, size_t count, struct telemetry_io *io);

/* Up to `size` bytes; less where the file ends or cannot be read. */
size_t telemetry_read_at(int fd, void *bytes, size_t size, uint64_t offset);

#endif
