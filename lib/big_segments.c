#include "big_segments.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "rcu.h"
#include "store.h"
#include "telemetry.h"

#define TRIES 3               /* of a slot that was written meanwhile */
#define LOOKS 200             /* at a slot that is being written: a few stores, and a cache miss */
#define AGAIN_NS 100000000ull /* between two looks for a file that is not there */

/* ---- the format ---------------------------------------------------------------------------- */

struct hash128 big_segments_hash(const char *key, size_t length, uint64_t set_seed)
{
    return hash_member(key, length, set_seed);
}

uint64_t big_segments_reference(const char *text, size_t length, uint64_t set_seed)
{
    return XXH3_64bits_withSeed(text, length, set_seed) & ~(uint64_t)BIG_SEGMENTS_INCLUDED;
}

/* "<segment>.g<generation>", piece by piece where it is long: the same hash. */
uint64_t big_segments_reference_of(const char *segment, size_t length, int64_t generation,
                                   uint64_t set_seed)
{
    char end[24];
    char *digit = end + sizeof(end);
    uint64_t left = generation < 0 ? 0 - (uint64_t)generation : (uint64_t)generation;
    do {
        *--digit = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (generation < 0) {
        *--digit = '-';
    }
    *--digit = 'g';
    *--digit = '.';
    const size_t end_length = (size_t)(end + sizeof(end) - digit);
    char text[256];
    if (length <= sizeof(text) - sizeof(end)) {
        memcpy(text, segment, length);
        memcpy(text + length, digit, end_length);
        return big_segments_reference(text, length + end_length, set_seed);
    }
    XXH3_state_t state = {.seed = 0};
    XXH3_64bits_reset_withSeed(&state, set_seed);
    XXH3_64bits_update(&state, segment, length);
    XXH3_64bits_update(&state, digit, end_length);
    return XXH3_64bits_digest(&state) & ~(uint64_t)BIG_SEGMENTS_INCLUDED;
}

static bool power_of_two(uint64_t n, uint64_t least, uint64_t most)
{
    return n >= least && n <= most && (n & (n - 1)) == 0;
}

bool big_segments_verify(const void *bytes, size_t length, uint64_t store_epoch, const char **why)
{
    const struct big_segments_header *h = bytes;
    *why = "it is not a file of memberships of this version";
    if (length < sizeof(*h) || h->magic != BIG_SEGMENTS_MAGIC || h->major != BIG_SEGMENTS_MAJOR ||
        h->header_size != sizeof(*h) || h->endian_tag != IMAGE_ENDIAN_TAG) {
        return false;
    }
    *why = "its header is damaged";
    if (h->checksum != hash_bytes(h, offsetof(struct big_segments_header, checksum))) {
        return false;
    }
    *why = "it is of another store";
    if (h->store_epoch != store_epoch) {
        return false;
    }
    *why = "its sizes contradict each other";
    return h->id != 0 &&
           power_of_two(h->slot_count, BIG_SEGMENTS_SLOTS_LEAST, BIG_SEGMENTS_SLOTS_MOST) &&
           power_of_two(h->reference_count, BIG_SEGMENTS_REFERENCES_LEAST,
                        BIG_SEGMENTS_REFERENCES_MOST) &&
           h->slots_offset == sizeof(*h) &&
           h->references_offset ==
               h->slots_offset + (uint64_t)h->slot_count * sizeof(struct big_segments_slot) &&
           h->file_size == h->references_offset + (uint64_t)h->reference_count * sizeof(uint64_t) &&
           h->file_size == length;
}

void big_segments_map_of(const void *bytes, size_t length, struct big_segments_map *out)
{
    const struct big_segments_header *h = bytes;
    *out = (struct big_segments_map){
        .file = h,
        .length = length,
        .id = h->id,
        .slots = (const void *)((const uint8_t *)bytes + h->slots_offset),
        .references = (const void *)((const uint8_t *)bytes + h->references_offset),
        .slot_mask = h->slot_count - 1,
        .reference_count = h->reference_count,
    };
}

/* ---- lookup -------------------------------------------------------------------------------- */

/* Steps a to c; false: the slot has another key, or none, or cannot be read now. */
static bool read_slot(const struct big_segments_map *map, const struct big_segments_slot *slot,
                      struct hash128 hash, uint64_t reference, struct big_segments_found *out,
                      bool *torn)
{
    *torn = true;
    /* pairs with the release store of an even number in agent/big_segments/memberships.c */
    uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_acquire);
    for (unsigned i = 1; i < LOOKS && (sequence & 1); i++) {
        sequence = atomic_load_explicit(&slot->sequence, memory_order_acquire);
    }
    if (sequence & 1) {
        return false;
    }
    /* Each before what is loaded later; on the processors that there are, for nothing. */
    const uint64_t lo = atomic_load_explicit(&slot->lo, memory_order_acquire);
    const uint64_t hi = atomic_load_explicit(&slot->hi, memory_order_acquire);
    *torn = false;
    if (lo != hash.lo || hi != hash.hi) {
        return false;
    }
    const uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    const uint64_t position = atomic_load_explicit(&slot->position, memory_order_acquire);
    const uint32_t count = atomic_load_explicit(&slot->count, memory_order_acquire);
    const uint32_t mask = map->reference_count - 1;
    *out = (struct big_segments_found){
        .state = state <= BIG_SEGMENTS_OLD ? (enum big_segments_state)state : BIG_SEGMENTS_EMPTY,
        .learnt_ms = atomic_load_explicit(&slot->learnt_ms, memory_order_acquire),
    };
    for (uint32_t i = 0; i < count && i < BIG_SEGMENTS_OF_ONE(map->reference_count); i++) {
        const uint64_t r =
            atomic_load_explicit(&map->references[(position + i) & mask], memory_order_acquire);
        if ((r & ~(uint64_t)BIG_SEGMENTS_INCLUDED) == reference) {
            out->mentioned = true;
            out->included = r & BIG_SEGMENTS_INCLUDED;
            break;
        }
    }
    *torn = atomic_load_explicit(&slot->sequence, memory_order_relaxed) != sequence;
    return !*torn && out->state != BIG_SEGMENTS_EMPTY;
}

struct big_segments_found big_segments_find(const struct big_segments_map *map, struct hash128 hash,
                                            uint64_t reference)
{
    struct big_segments_found found;
    for (uint32_t probe = 0; probe < BIG_SEGMENTS_PROBES; probe++) {
        const struct big_segments_slot *slot = &map->slots[(hash.lo + probe) & map->slot_mask];
        bool torn = true;
        for (unsigned i = 0; i < TRIES && torn; i++) {
            if (read_slot(map, slot, hash, reference, &found, &torn)) {
                return found;
            }
        }
    }
    return (struct big_segments_found){.state = BIG_SEGMENTS_EMPTY};
}

/* ---- the mapping --------------------------------------------------------------------------- */

static uint64_t wanted_id(struct ffshm *ff)
{
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    /* pairs with the release store in agent/publish: the file is there, complete */
    return atomic_load_explicit(&control->big_segments, memory_order_acquire);
}

static void unmap(struct big_segments_map *map)
{
    munmap((void *)(uintptr_t)map->file, map->length);
    munmap(map, sizeof(*map));
}

void big_segments_free(struct big_segments_map *list)
{
    while (list) {
        struct big_segments_map *next = list->next;
        unmap(list);
        list = next;
    }
}

struct big_segments_map *big_segments_take_retired(struct ffshm *ff)
{
    struct big_segments_map *list = ff->retired_memberships;
    ff->retired_memberships = NULL;
    ff->retired_memberships_count = 0;
    return list;
}

static struct big_segments_map *map_file(struct ffshm *ff, uint64_t id, const char **why)
{
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    size_t length;
    const void *bytes =
        store_map_file(atomic_load_explicit(&ff->dir_fd, memory_order_relaxed), BIG_SEGMENTS_FILE,
                       sizeof(struct big_segments_header), &length, why);
    if (!bytes) {
        return NULL;
    }
    struct big_segments_map *map = NULL;
    if (big_segments_verify(bytes, length, control->store_epoch, why)) {
        map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *why = "out of memory";
        if (map == MAP_FAILED) {
            map = NULL;
        }
    }
    if (!map) {
        munmap((void *)(uintptr_t)bytes, length);
        return NULL;
    }
    big_segments_map_of(bytes, length, map);
    if (map->id != id) { /* on its way: its agent has not announced it yet, or another one has */
        *why = "it is not the one that the agent has announced";
        unmap(map);
        return NULL;
    }
    return map;
}

void big_segments_refresh(struct ffshm *ff)
{
    struct big_segments_map *old = atomic_load_explicit(&ff->memberships, memory_order_relaxed);
    const uint64_t id = wanted_id(ff);
    if (!ff->dir || id == 0 || (old && old->id == id)) {
        return;
    }
    const char *why = "";
    struct big_segments_map *map = map_file(ff, id, &why);
    if (!map) {
        atomic_store_explicit(&ff->memberships_next_try_ns, store_now_ns() + AGAIN_NS,
                              memory_order_relaxed);
        store_log(ff, FFSHM_LOG_WARNING, "the memberships of big segments cannot be read", why);
        return;
    }
    atomic_store_explicit(&ff->memberships_next_try_ns, 0, memory_order_relaxed);
    /* pairs with the acquire load in map_of */
    atomic_store_explicit(&ff->memberships, map, memory_order_release);
    if (old) { /* a section may still look at it */
        old->next = ff->retired_memberships;
        ff->retired_memberships = old;
        ff->retired_memberships_count++;
    }
}

/* An evaluation wants a file that is not mapped: as it would want a new snapshot. */
static __attribute__((noinline, cold)) void look_for_file(struct ffshm *ff)
{
    const uint64_t next = atomic_load_explicit(&ff->memberships_next_try_ns, memory_order_relaxed);
    if (ff->mode == FFSHM_REFRESH_MANUAL || (next != 0 && store_now_ns() < next)) {
        return;
    }
    const int saved_errno = errno;
    if (ff->mode == FFSHM_REFRESH_THREAD) {
        atomic_store_explicit(&ff->memberships_next_try_ns, store_now_ns() + AGAIN_NS,
                              memory_order_relaxed);
        store_thread_poke(ff);
    } else if (store_try_lock(ff)) {
        big_segments_refresh(ff);
        store_unlock(ff);
    }
    errno = saved_errno;
}

static const struct big_segments_map *map_of(struct ffshm *ff, uint64_t id)
{
    const struct big_segments_map *map =
        atomic_load_explicit(&ff->memberships, memory_order_acquire);
    if (__builtin_expect(!map || map->id != id, 0)) {
        look_for_file(ff);
        map = atomic_load_explicit(&ff->memberships, memory_order_acquire);
    }
    return map && map->id == id ? map : NULL;
}

/* ---- an evaluation ------------------------------------------------------------------------- */

/* The agent is to ask for it; once a tick is enough. */
static void tell(struct ffshm *ff, const struct big_segments_map *map,
                 const struct big_segments_question *q)
{
    const uint64_t tick = atomic_load_explicit(&map->file->tick, memory_order_relaxed);
    telemetry_ask(ff, q->key, q->key_length, q->hash.hi + tick * 0x9e3779b97f4a7c15u);
}

static uint32_t status_of(const struct big_segments_map *map)
{
    return atomic_load_explicit(&map->file->status, memory_order_relaxed);
}

static __attribute__((noinline)) struct big_segments_found
not_fresh(struct ffshm *ff, const struct big_segments_map *map,
          const struct big_segments_question *q, struct big_segments_found found)
{
    const int saved_errno = errno;
    if (q->key_length > BIG_SEGMENTS_KEY_MOST) {
        found.state = BIG_SEGMENTS_EMPTY;
    } else if (found.state != BIG_SEGMENTS_AGEING && ff->big_segment_wait_ms > 0) {
        const struct big_segments_found was = found;
        found = big_segments_wait(ff, map, q);
        if (found.state == BIG_SEGMENTS_EMPTY && status_of(map) == BIG_SEGMENTS_UNKNOWN) {
            found = was; /* there is no agent, or it has just begun */
        }
    } else {
        tell(ff, map, q);
    }
    /* What is too old to be trusted is better than nothing while the store only has to be asked
       again; when it does not answer, nobody knows. */
    if (found.state == BIG_SEGMENTS_OLD && status_of(map) == BIG_SEGMENTS_UNAVAILABLE) {
        found.state = BIG_SEGMENTS_EMPTY;
    }
    errno = saved_errno;
    return found;
}

static struct big_segments_answer answer_of(const struct big_segments_map *map,
                                            const struct big_segments_found *found)
{
    if (found->state == BIG_SEGMENTS_EMPTY) {
        return (struct big_segments_answer){
            .status = FFSHM_BIG_SEGMENTS_STORE_ERROR,
            .note = "the context's membership is not known here, or not yet",
        };
    }
    const bool stale = found->state == BIG_SEGMENTS_OLD || status_of(map) == BIG_SEGMENTS_STALE;
    return (struct big_segments_answer){
        .status = stale ? FFSHM_BIG_SEGMENTS_STALE : FFSHM_BIG_SEGMENTS_HEALTHY,
        .mentioned = found->mentioned,
        .included = found->included,
        .note = found->mentioned ? "the store of big segments says so"
                                 : "the store of big segments says nothing: the rules decide",
    };
}

bool big_segments_configured(struct ffshm *ff)
{
    return ff && wanted_id(ff) != 0;
}

struct big_segments_answer big_segments_ask(struct ffshm *ff,
                                            const struct big_segments_question *question)
{
    struct big_segments_answer answer = {
        .status = FFSHM_BIG_SEGMENTS_STORE_ERROR,
        .note = "the agent's memberships cannot be read",
    };
    rcu_enter(); /* in a view there is no section around it */
    const struct big_segments_map *map = map_of(ff, wanted_id(ff));
    if (map) {
        struct big_segments_found found =
            big_segments_find(map, question->hash, question->reference);
        if (found.state != BIG_SEGMENTS_KNOWN) {
            found = not_fresh(ff, map, question, found);
        }
        answer = answer_of(map, &found);
    }
    rcu_leave();
    return answer;
}

/* ---- the status ---------------------------------------------------------------------------- */

/* The word of the current file; UNKNOWN where there is none. */
static uint32_t status_word(struct ffshm *ff, struct ffshm_big_segment_status *out)
{
    *out = (struct ffshm_big_segment_status){.configured = wanted_id(ff) != 0};
    if (!out->configured) {
        return BIG_SEGMENTS_UNKNOWN;
    }
    if (store_try_lock(ff)) {
        big_segments_refresh(ff);
        store_unlock(ff);
    }
    rcu_enter();
    const struct big_segments_map *map = map_of(ff, wanted_id(ff));
    uint32_t status = BIG_SEGMENTS_UNKNOWN;
    if (map) {
        status = atomic_load_explicit(&map->file->status, memory_order_acquire);
        out->last_up_to_date_ms =
            atomic_load_explicit(&map->file->last_up_to_date_ms, memory_order_relaxed);
    }
    rcu_leave();
    const bool alive = store_agent_alive(ff);
    out->available = alive && (status == BIG_SEGMENTS_HEALTHY || status == BIG_SEGMENTS_STALE);
    out->stale = status == BIG_SEGMENTS_STALE;
    return alive ? status : BIG_SEGMENTS_UNAVAILABLE;
}

static bool same(const struct ffshm_big_segment_status *a, const struct ffshm_big_segment_status *b)
{
    return a->configured == b->configured && a->available == b->available && a->stale == b->stale;
}

#define LOOK_NS 20000000ull /* between two looks at what no word tells of: the agent's end */

/* Until the answer is another than *known (NULL: until there is one); end_ns 0: for ever. */
static bool wait_for_status(struct ffshm *ff, const struct ffshm_big_segment_status *known,
                            uint64_t end_ns, struct ffshm_big_segment_status *out)
{
    for (;;) {
        const uint32_t word = status_word(ff, out);
        if (known ? !same(known, out) : !out->configured || word != BIG_SEGMENTS_UNKNOWN) {
            return true;
        }
        const uint64_t now = store_now_ns();
        if (end_ns != 0 && now >= end_ns) {
            return false;
        }
        const uint64_t left = end_ns != 0 && end_ns - now < LOOK_NS ? end_ns - now : LOOK_NS;
        const struct timespec pause = {0, (long)left};
        nanosleep(&pause, NULL);
    }
}

void ffshm_big_segment_status(struct ffshm *ff, struct ffshm_big_segment_status *out)
{
    *out = (struct ffshm_big_segment_status){.configured = false};
    if (!ff) {
        return;
    }
    const int saved_errno = errno;
    if (ff->big_segment_wait_ms > 0) {
        wait_for_status(ff, NULL, store_now_ns() + ff->big_segment_wait_ms * 1000000ull, out);
    } else {
        status_word(ff, out);
    }
    errno = saved_errno;
}

int ffshm_wait_big_segment_status(struct ffshm *ff, struct ffshm_big_segment_status *known,
                                  int timeout_ms)
{
    if (!ff || !known) {
        return FFSHM_INVALID_ARGUMENT;
    }
    const int saved_errno = errno;
    const struct ffshm_big_segment_status before = *known;
    const uint64_t end = timeout_ms < 0 ? 0 : store_now_ns() + (uint64_t)timeout_ms * 1000000u;
    const bool changed = wait_for_status(ff, &before, end, known);
    errno = saved_errno;
    return changed ? FFSHM_OK : FFSHM_TIMEOUT;
}

bool big_segments_counts(struct ffshm *ff, struct big_segments_counts *out)
{
    bool there = false;
    rcu_enter();
    const uint64_t id = wanted_id(ff);
    const struct big_segments_map *map = id ? map_of(ff, id) : NULL;
    if (map) {
        const struct big_segments_header *file = map->file;
        there = true;
        *out = (struct big_segments_counts){
            .contexts = atomic_load_explicit(&file->entries, memory_order_relaxed),
            .asks = atomic_load_explicit(&file->asks, memory_order_relaxed),
            .dropped_asks = atomic_load_explicit(&file->dropped_asks, memory_order_relaxed),
            .queries = atomic_load_explicit(&file->queries, memory_order_relaxed),
            .failures = atomic_load_explicit(&file->failures, memory_order_relaxed),
            .evictions = atomic_load_explicit(&file->evictions, memory_order_relaxed),
            .answer_us = atomic_load_explicit(&file->answer_us, memory_order_relaxed),
        };
    }
    rcu_leave();
    return there;
}
