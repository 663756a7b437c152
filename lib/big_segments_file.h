/*
 * big_segments_file.h - memberships of big segments in shared memory: what the agent has learnt
 * lately from the store on the network, for contexts that were asked for.
 *
 *   memberships        beside ctl: the agent alone writes it, every other process maps it read-only
 *   memberships.sock   a datagram socket of the agent's: the doorbell of processes that wait
 *
 *   [header, 4096 bytes][slots: slot_count][references: reference_count, a ring]
 *
 * One writer, any number of readers, none of whom waits for another.
 *
 * A context key has the slots from (hash.lo modulo slot_count) on, BIG_SEGMENTS_PROBES of them,
 * round the end. A reader looks at each of them; the writer uses whichever is free, or the oldest
 * of them. A slot is a seqlock:
 *
 *   writer   0  the references are written to the ring, each with release
 *            1  sequence becomes odd
 *            2  the slot's members are written, each with release
 *            3  sequence becomes even, with release
 *   reader   a  loads sequence with acquire; odd: it is not there
 *            b  loads the members and the references, each with acquire
 *            c  loads sequence again: another one than in a: what was read is of two times. A few
 *               tries later it is not there
 *
 * The ring is written round and round; before its oldest references are written over in 0, steps 1
 * to 3 took them from the slot that had them. A load in b that saw something new synchronises with
 * its store in 2, before which came 1 of this slot, or in 0, before which came 1 of the slot that
 * had the bytes: c then finds another sequence than a. A key that is learnt again keeps its slot,
 * and what was known of it stays readable during 0: it is not there for six stores only, which a
 * reader in a sits out.
 *
 * A writer that dies between 1 and 3 leaves an odd sequence: that slot is not there, for good, as
 * far as readers can tell; the next writer empties it. Nothing else can be torn: each member is one
 * aligned word. Whatever a file says, a reader's work and addresses are bounded by the header,
 * which it verifies once, and by masks.
 *
 * Keys. hash is hash_member(key, set_seed): 128 bits, with a seed that is random per store and that
 * only who can read the store knows. Two keys of one host have the same one with a probability of
 * n * n / 2^129: 10^-26 for a million contexts. Nobody can construct such keys without the seed;
 * who can read the store has better ways to betray himself than evaluating with a wrong key. A
 * reference is BIG_SEGMENTS_REFERENCE of "<segment key>.g<generation>", 63 bits, and one bit that
 * says included. A context of 1,000 references is taken for a member of a segment that is not among
 * them with a probability of 10^-16.
 *
 * Which file is valid: the control page's big_segments has its id; 0: no store is configured. A
 * reader that has mapped another one maps it anew. An agent that starts takes the file over, with
 * what is in it, where its sizes are the ones wanted.
 *
 * Little-endian; layouts are pinned below.
 */
#ifndef FFSHM_BIG_SEGMENTS_FILE_H
#define FFSHM_BIG_SEGMENTS_FILE_H

#include <stdatomic.h>
#include <stdint.h>

#define BIG_SEGMENTS_MAGIC 0x4d454d4d48534646ull /* "FFSHMMEM" */
#define BIG_SEGMENTS_MAJOR 1
#define BIG_SEGMENTS_MINOR 0
#define BIG_SEGMENTS_FILE "memberships"
#define BIG_SEGMENTS_SOCKET "memberships.sock"

#define BIG_SEGMENTS_PROBES 8u
#define BIG_SEGMENTS_SLOTS_LEAST 64u
#define BIG_SEGMENTS_SLOTS_MOST (1u << 22)
#define BIG_SEGMENTS_REFERENCES_LEAST (1u << 14)
#define BIG_SEGMENTS_REFERENCES_MOST (1u << 26) /* 512 MiB */
#define BIG_SEGMENTS_OF_ONE(ring) ((ring) / 4)  /* references that one context may have */
#define BIG_SEGMENTS_KEY_MOST 4096u             /* bytes; a longer context key is never known */
#define BIG_SEGMENTS_BELLS 256u

enum big_segments_status {
    BIG_SEGMENTS_UNKNOWN = 0, /* the store has not answered yet, or the agent was stopped */
    BIG_SEGMENTS_HEALTHY = 1,
    BIG_SEGMENTS_STALE = 2,
    BIG_SEGMENTS_UNAVAILABLE = 3,
};

enum big_segments_state {
    BIG_SEGMENTS_EMPTY = 0,
    BIG_SEGMENTS_KNOWN = 1,
    BIG_SEGMENTS_AGEING = 2, /* known; who needs it is to say so, that it is asked for again */
    BIG_SEGMENTS_OLD = 3,    /* was known, and is older than the cache time */
};

struct big_segments_slot {
    _Atomic uint32_t sequence;
    _Atomic uint32_t state; /* enum big_segments_state */
    _Atomic uint64_t lo;    /* of the key's hash */
    _Atomic uint64_t hi;
    _Atomic uint64_t position; /* of the first reference in the ring, counted from the file's start
                                  on: its place is position modulo reference_count */
    _Atomic uint32_t count;    /* of references */
    uint32_t reserved0;
    _Atomic uint64_t learnt_ms; /* CLOCK_REALTIME when the store answered, for people */
    uint8_t reserved1[16];
};

/* Where processes wait (futex words), by hash.hi modulo BIG_SEGMENTS_BELLS. */
struct big_segments_bell {
    _Atomic uint32_t answers;  /* bumped after each answer for a key of this bell */
    _Atomic uint32_t failures; /* of them, those that are no membership; bumped before */
};

struct big_segments_header {
    uint64_t magic; /* stored last at creation, with release */
    uint16_t major;
    uint16_t minor;
    uint32_t header_size; /* sizeof(struct big_segments_header) */
    uint32_t endian_tag;  /* IMAGE_ENDIAN_TAG */
    uint32_t slot_count;  /* a power of two */
    uint64_t id;          /* random, not 0 */
    uint64_t store_epoch; /* of the control page */
    uint64_t file_size;
    uint32_t reference_count; /* a power of two */
    uint32_t slots_offset;
    uint64_t references_offset;
    uint64_t checksum; /* XXH3-64 of the bytes before it */
    uint8_t reserved0[56];
    /* What lookups read beside the slots, alone on 128 bytes. */
    _Atomic uint32_t status; /* enum big_segments_status; a futex word */
    _Atomic uint32_t tick;   /* grows now and then: what was asked for before may be asked again */
    _Atomic uint64_t last_up_to_date_ms; /* CLOCK_REALTIME, the store's word; 0: none */
    uint8_t reserved1[112];
    _Atomic uint64_t ring_head; /* the next position */
    _Atomic uint64_t entries;   /* contexts that are known now */
    _Atomic uint64_t queries;   /* since this agent's start, as all of these */
    _Atomic uint64_t failures;
    _Atomic uint64_t asks;
    _Atomic uint64_t dropped_asks; /* more than can be dealt with at a time */
    _Atomic uint64_t evictions;
    _Atomic uint64_t answer_us; /* of the last query that was answered, from ask to answer */
    uint8_t reserved2[192];
    struct big_segments_bell bells[BIG_SEGMENTS_BELLS]; /* at 512 */
    uint8_t reserved3[1536];
};

/* What a process that waits sends to BIG_SEGMENTS_SOCKET: this, and the context's key. */
#define BIG_SEGMENTS_ASK 0x316b7361u /* "ask1" */

/* ---- pins ---------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct big_segments_slot) == 64, "size of struct big_segments_slot");
_Static_assert(__builtin_offsetof(struct big_segments_slot, learnt_ms) == 40, "learnt_ms");
_Static_assert(sizeof(struct big_segments_header) == 4096, "size of struct big_segments_header");
_Static_assert(__builtin_offsetof(struct big_segments_header, checksum) == 64, "checksum");
_Static_assert(__builtin_offsetof(struct big_segments_header, status) == 128, "status");
_Static_assert(__builtin_offsetof(struct big_segments_header, ring_head) == 256, "ring_head");
_Static_assert(__builtin_offsetof(struct big_segments_header, bells) == 512, "bells");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics are shared by processes");

#endif
