/*
 * big_segments.h - is the context a member of a big segment? What the agent has put into shared
 * memory (big_segments_file.h), looked up; and the way to ask for what is not there.
 *
 * The lookup makes no system call and takes no lock; it runs only in evaluations that meet a big
 * segment. What is not known is asked for through telemetry, once in a while for each context; with
 * ffshm_options.big_segment_wait_ms through the agent's doorbell, and the answer is waited for.
 */
#ifndef FFSHM_BIG_SEGMENTS_H
#define FFSHM_BIG_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "big_segments_file.h"
#include "ffshm.h"
#include "hash.h"

/* One mapping of a memberships file. Lives in a page of its own. */
struct big_segments_map {
    const struct big_segments_header *file;
    size_t length;
    uint64_t id;
    const struct big_segments_slot *slots;
    const _Atomic uint64_t *references;
    uint32_t slot_mask;
    uint32_t reference_count;
    struct big_segments_map *next; /* retired */
};

/* ---- the format ---------------------------------------------------------------------------- */

/* hash_member, out of line: one more of it inlined into the evaluator, and neither is. */
struct hash128 big_segments_hash(const char *key, size_t length, uint64_t set_seed);

/* The reference of a segment's generation; bit 0 is clear. */
uint64_t big_segments_reference(const char *text, size_t length, uint64_t set_seed);
uint64_t big_segments_reference_of(const char *segment, size_t length, int64_t generation,
                                   uint64_t set_seed);
#define BIG_SEGMENTS_INCLUDED 1u /* bit 0 of what is in the ring */

/* Is it a sound file of the store, so that every lookup stays inside? *why says what is not. */
bool big_segments_verify(const void *bytes, size_t length, uint64_t store_epoch, const char **why);
/* The map of a file that was verified. */
void big_segments_map_of(const void *bytes, size_t length, struct big_segments_map *out);

/* ---- lookup -------------------------------------------------------------------------------- */

struct big_segments_found {
    enum big_segments_state state; /* EMPTY: the key is not known; nothing else is set then */
    bool mentioned;                /* the reference is in the membership */
    bool included;
    uint64_t learnt_ms;
};

/* Bounded work, whatever the file says and whoever writes it meanwhile. */
struct big_segments_found big_segments_find(const struct big_segments_map *map, struct hash128 hash,
                                            uint64_t reference);

/* ---- an evaluation ------------------------------------------------------------------------- */

struct big_segments_question {
    const char *key; /* of the context of the segment's kind */
    size_t key_length;
    struct hash128 hash;
    uint64_t reference;
};

struct big_segments_answer {
    uint8_t status; /* enum ffshm_big_segments; STORE_ERROR: nothing is known */
    bool mentioned; /* else the segment's rules decide */
    bool included;
    const char *note; /* for the narrator: where the answer came from */
};

/* Has the agent a store to ask? ff NULL: no. */
bool big_segments_configured(struct ffshm *ff);
/* What the agent knows, where it has one. Asks, and waits where the program wants
   that; keeps errno. */
struct big_segments_answer big_segments_ask(struct ffshm *ff,
                                            const struct big_segments_question *question);

/* ---- for tools ----------------------------------------------------------------------------- */

struct big_segments_counts {
    uint64_t contexts, asks, dropped_asks, queries, failures, evictions, answer_us;
};
/* What the agent has counted since its start. false: there is no file, or it cannot be read. */
bool big_segments_counts(struct ffshm *ff, struct big_segments_counts *out);

/* ---- for store.c --------------------------------------------------------------------------- */

/* Maps the file that the control page names, when that is not the one which is mapped. With the
   store's lock held. */
void big_segments_refresh(struct ffshm *ff);
/* Takes what is retired off; to be unmapped with big_segments_free once no section is left that
   might look at it. */
struct big_segments_map *big_segments_take_retired(struct ffshm *ff);
void big_segments_free(struct big_segments_map *list);

/* ---- big_segments_wait.c ------------------------------------------------------------------- */

/* Rings the doorbell, and waits until the key is known, the answer is a failure, or the time is
   over. EMPTY: it is not known. */
struct big_segments_found big_segments_wait(struct ffshm *ff, const struct big_segments_map *map,
                                            const struct big_segments_question *question);
/* Sleeps while the word has this value, at most so long. Spurious wakes are possible. */
void big_segments_sleep(const _Atomic uint32_t *word, uint32_t value, uint64_t ns);

#endif
