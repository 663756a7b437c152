/*
 * telemetry_file.h - what readers tell the agent: the files below telemetry/ in a store.
 *
 *   telemetry/<id>   one per process and store, 32 hex digits; the process alone writes it (mode
 *                    0600, or 0640 where the directory hands down the agent's group), the agent
 *                    reads it with pread and believes nothing in it
 *   acks             one per store, next to ctl: the agent alone writes it, processes map it
 *                    read-only; how far the agent has read each process's ring
 *
 * A process makes its file under the name "tmp.<id>", allocates it in full (no hole can become a
 * SIGBUS), takes flock(LOCK_EX) on it, maps it, closes the descriptor and renames it: the lock
 * lives as long as the mapping, so "nobody holds the lock" means that the process is gone (or has
 * executed another program, or closed the store), whatever namespaces lie between. Then the agent
 * reads the rest and unlinks the file.
 *
 *   [header, 8192 bytes][ring, ring_bytes][arena, grows by fallocate up to arena_limit]
 *
 * Counters are monotonic and never reset by anybody; the agent keeps what it has counted already.
 * Their owner is one thread each (a stripe) except in stripe TELEMETRY_SHARED_STRIPE.
 *
 * The ring is multi-producer. A producer moves ring_tail on by the record's whole size with a
 * compare-and-swap, writes the record, and stores its stamp last, with release. A position is a
 * count of bytes since the file was made; it never wraps. A record starts at offset (position
 * modulo ring_bytes) and never wraps round the end: a PAD record fills what is left there. A record
 * is there when its stamp equals (position ^ stamp_key); whatever an earlier lap left behind does
 * not. A claimed record that was never finished (its process was killed) is found by scanning on in
 * steps of TELEMETRY_ALIGN for the next stamp that fits its own position.
 *
 * Little-endian; layouts are pinned below.
 */
#ifndef FFSHM_TELEMETRY_FILE_H
#define FFSHM_TELEMETRY_FILE_H

#include <stdatomic.h>
#include <stdint.h>

#define TELEMETRY_MAJOR 1
#define TELEMETRY_MINOR 0
#define TELEMETRY_FILE_MAGIC 0x4c45544d48534646ull /* "FFSHMTEL" */
#define TELEMETRY_ACKS_MAGIC 0x4b43414d48534646ull /* "FFSHMACK" */
#define TELEMETRY_DIRECTORY "telemetry"
#define TELEMETRY_ACKS "acks"
#define TELEMETRY_NAME 33 /* 32 hex digits (id[0], id[1], most significant first) and a NUL */

#define TELEMETRY_ALIGN 16u              /* of records */
#define TELEMETRY_UNIT 64u               /* of blocks */
#define TELEMETRY_RING_LEAST (16u << 10) /* bytes; powers of two */
#define TELEMETRY_RING_MOST (16u << 20)
#define TELEMETRY_RING_DEFAULT (128u << 10)
#define TELEMETRY_ARENA_STEP (64u << 10) /* the arena grows by this much */
#define TELEMETRY_ARENA_MOST (256u << 20)
#define TELEMETRY_RECORD_MOST (64u << 10) /* bytes of a record; and a quarter of the ring */
#define TELEMETRY_COUNTERS_MOST 4096u /* of a block; a flag with more variations is not counted */
#define TELEMETRY_KEY_MOST 1024u      /* bytes of a flag's key in a block or record */
#define TELEMETRY_ERRORS 64u

#define TELEMETRY_SHARED_STRIPE                                                                    \
    1u                        /* threads that found no stripe of their own: atomic additions       \
                               */
#define TELEMETRY_STRIPES 16u /* 0: none yet; 1: shared; the others have one thread each */

/* Evaluations of one flag version (or of one unknown key) in one stripe. Starts on a multiple of
   TELEMETRY_UNIT in the arena and is as many units long as it says. Complete before arena_used
   covers it; then only the counters change. counters[i] is variation i, the last one counts the
   evaluations that served the caller's fallback. The key follows the counters. */
struct telemetry_block {
    uint32_t units;
    uint16_t counter_count; /* variations + 1; 1 for an unknown key */
    uint16_t kind;          /* enum telemetry_block_kind */
    uint32_t stripe;
    uint32_t key_length;
    uint64_t tag; /* of flag, version and content: telemetry_tag */
    int64_t version;
    _Atomic uint64_t counters[];
};

enum telemetry_block_kind {
    TELEMETRY_FLAG = 1,
    TELEMETRY_UNKNOWN = 2, /* no flag has this key */
};

/* Evaluations that failed, by error and flag. A slot is free while tag is 0; claimed by
   compare-and-swap; the rest is filled in before `complete` is set with release. */
struct telemetry_error {
    _Atomic uint64_t tag;
    _Atomic uint64_t count;
    _Atomic int64_t first_ms; /* CLOCK_REALTIME */
    _Atomic int64_t last_ms;
    _Atomic uint16_t complete;
    uint8_t error;      /* enum ffshm_error */
    uint8_t key_length; /* of what fits */
    char key[28];
};

struct telemetry_header {
    uint64_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t header_size; /* sizeof(struct telemetry_header) */
    uint32_t endian_tag;  /* IMAGE_ENDIAN_TAG */
    uint32_t flags;
    uint64_t id[2]; /* the file's name */
    uint64_t store_epoch;
    uint64_t stamp_key; /* random */
    uint64_t created_ms;
    uint32_t ring_offset; /* from the file's start */
    uint32_t ring_bytes;  /* a power of two */
    uint32_t arena_offset;
    uint32_t arena_limit; /* bytes that the arena may have */
    int32_t pid;          /* as the process sees itself; for people */
    uint8_t reserved0[44];
    _Atomic uint64_t ring_tail; /* position after the last claim. Alone on 128 bytes */
    uint8_t reserved1[120];
    _Atomic uint64_t arena_used; /* bytes of complete blocks */
    _Atomic uint64_t
        flush_requests; /* calls of ffshm_flush; the file's times are changed with it */
    _Atomic uint64_t dropped_events; /* found no room in the ring, or were too large */
    _Atomic uint64_t dropped_counts; /* evaluations that found no block */
    uint8_t reserved2[3808];
    struct telemetry_error errors[TELEMETRY_ERRORS]; /* at 4096 */
};

/* ---- records ------------------------------------------------------------------------------- */

struct telemetry_record {
    _Atomic uint64_t stamp;
    uint32_t length; /* of the payload; the record is padded to TELEMETRY_ALIGN */
    uint16_t type;   /* enum telemetry_record_type */
    uint16_t flags;  /* TELEMETRY_FEATURE, TELEMETRY_DEBUG; else 0 */
};

/*
 * The payload is one msgpack array; what is optional is nil. JSON means the text of a JSON value as
 * a msgpack str; times are CLOCK_REALTIME in milliseconds.
 *
 *   EVALUATION [time, flag key, version or nil, variation or nil, value JSON or nil,
 *               fallback JSON or nil, prerequisite-of key or nil, reason or nil, sampling ratio,
 *               debug-until ms or 0, context]
 *               a flag whose evaluations are sent whole. The sampling was done by the process:
 *               flags say which of the two events it is to be
 *   INDEX      [time, context]              a context that this process had not told of lately
 *   IDENTIFY   [time, context]
 *   CUSTOM     [time, event key, data JSON or nil, metric or nil, context]
 *   MIGRATION  [time, flag key, version or nil, variation or nil, value JSON, fallback JSON,
 *               reason, sampling ratio, operation, measurements, context]
 *   SEEN       [flag key, version or nil, fallback JSON or nil, [kind, ...]]
 *               the first evaluation of a flag in a window (control page: telemetry_window), and
 *               the first for each set of kinds in it
 *   ASK        [context key]
 *              its membership of big segments is wanted (big_segments_file.h)
 *
 *   context:      [[kind, key, name or nil, anonymous, [[attribute, value], ...],
 *                   [private reference, ...]], ...], one element a kind. A value is bool, float,
 *                   int, str, an array of str, or bin: the text of a JSON object or array
 *   reason:       [kind (enum ffshm_reason), error (enum ffshm_error), rule index or nil,
 *                  rule id or nil, prerequisite key or nil, in experiment,
 *                  big segments (enum ffshm_big_segments)]
 *   operation:    "read" or "write"
 *   measurements: [invoked mask, error mask, latency old ms or nil, latency new ms or nil,
 *                  consistent or nil, consistency check ratio]; masks: 1 old, 2 new
 *
 * A value that would not fit (more than TELEMETRY_VALUE_MOST bytes) is nil in a record; the agent
 * looks it up by key, version and variation.
 */
enum telemetry_record_type {
    TELEMETRY_PAD = 1, /* no payload to be read: `length` bytes up to the ring's end */
    TELEMETRY_EVALUATION = 2,
    TELEMETRY_INDEX = 3,
    TELEMETRY_IDENTIFY = 4,
    TELEMETRY_CUSTOM = 5,
    TELEMETRY_MIGRATION = 6,
    TELEMETRY_SEEN = 7,
    TELEMETRY_ASK = 8,
};

#define TELEMETRY_VALUE_MOST 4096u
#define TELEMETRY_FEATURE                                                                          \
    1u                     /* EVALUATION: a feature event (or, with DEBUG alone, only that one)    \
                            */
#define TELEMETRY_DEBUG 2u /* EVALUATION: a debug event, if the agent finds it in time */

/* ---- acks ---------------------------------------------------------------------------------- */

#define TELEMETRY_ACK_SLOTS 16384u /* a power of two: processes that can be served at once */
#define TELEMETRY_ACK_PROBES 64u   /* from id[0] modulo TELEMETRY_ACK_SLOTS on, round the end */

/* id 0: never used. An entry whose process is gone keeps another id until it is used again; a
   process looks at each of the TELEMETRY_ACK_PROBES, and checks the id again after the position. */
struct telemetry_ack {
    _Atomic uint64_t id; /* id[0] of the file; stored after position, with release */
    _Atomic uint64_t position;
};

struct telemetry_acks {
    uint64_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t slots;
    uint64_t store_epoch;
    uint8_t reserved[40];
    struct telemetry_ack entries[TELEMETRY_ACK_SLOTS];
};

/* ---- pins ---------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct telemetry_block) == 32, "size of struct telemetry_block");
_Static_assert(sizeof(struct telemetry_error) == 64, "size of struct telemetry_error");
_Static_assert(sizeof(struct telemetry_record) == 16, "size of struct telemetry_record");
_Static_assert(sizeof(struct telemetry_header) == 8192, "size of struct telemetry_header");
_Static_assert(__builtin_offsetof(struct telemetry_header, ring_tail) == 128, "its own line");
_Static_assert(__builtin_offsetof(struct telemetry_header, arena_used) == 256, "its own line");
_Static_assert(__builtin_offsetof(struct telemetry_header, errors) == 4096, "errors in a page");
_Static_assert(sizeof(struct telemetry_acks) == 64 + 16 * TELEMETRY_ACK_SLOTS, "size of acks");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics are shared by processes");

#endif
