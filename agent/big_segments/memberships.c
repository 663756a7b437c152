/*
 * What a kill -9 leaves (the numbers are test points):
 *
 *   41  the file is made and complete     nameless, or "memberships.new", which the next start
 *                                         removes
 *   42  the file has its name             valid; announced by the control page after that
 *   43  a slot's sequence is odd          the slot is not there; the next agent empties it. Its
 *                                         references are in the ring by then, and nobody's
 *   44  the members are written           the same
 *   45  the sequence is even              there
 *   46  a bell was bumped, nobody woken   who waits looks again when his time is over
 */
#include "memberships.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "test_point.h"

#define FILE_NEW BIG_SEGMENTS_FILE ".new"
#define FILE_MODE 0644 /* as ctl: readers ask that nobody else can write it */
#define REFERENCES_EACH 16u
#define NONE UINT32_MAX

/* What there is of a slot beside what readers see. */
struct entry {
    uint32_t older; /* in the order of learning; NONE: it is the first */
    uint32_t newer;
    uint64_t position;
    uint32_t count;
    enum big_segments_state state;
    int64_t learnt_ms;
};

struct memberships {
    struct memberships_options options;
    struct big_segments_header *file;
    struct big_segments_slot *slots;
    _Atomic uint64_t *ring;
    struct big_segments_map map; /* of the same */
    struct entry *entries;       /* one a slot */
    uint32_t oldest;
    uint32_t newest;
    uint32_t next_ageing; /* the oldest that is KNOWN still; NONE: there is none */
    uint32_t next_old;    /* the oldest that is not OLD yet */
    uint64_t contexts;
    uint64_t head;
    uint64_t evictions;
    uint64_t adopted;
};

/* ---- a slot, as readers see it ------------------------------------------------------------- */

static void slot_begin(struct big_segments_slot *slot)
{
    const uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    /* Before each store that follows, all of which are releases. */
    atomic_store_explicit(&slot->sequence, sequence | 1, memory_order_relaxed);
    FFSHM_TEST_POINT(43);
}

static void slot_end(struct big_segments_slot *slot)
{
    const uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    FFSHM_TEST_POINT(44);
    /* pairs with the acquire load in lib/big_segments.c */
    atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_release);
    FFSHM_TEST_POINT(45);
}

static void slot_clear(struct big_segments_slot *slot)
{
    slot_begin(slot);
    atomic_store_explicit(&slot->state, BIG_SEGMENTS_EMPTY, memory_order_release);
    atomic_store_explicit(&slot->lo, 0, memory_order_release);
    atomic_store_explicit(&slot->hi, 0, memory_order_release);
    atomic_store_explicit(&slot->count, 0, memory_order_release);
    slot_end(slot);
}

/* ---- the order ----------------------------------------------------------------------------- */

static void enlist(struct memberships *m, uint32_t at)
{
    struct entry *const e = &m->entries[at];
    e->older = m->newest;
    e->newer = NONE;
    if (m->newest != NONE) {
        m->entries[m->newest].newer = at;
    } else {
        m->oldest = at;
    }
    m->newest = at;
    m->next_ageing = m->next_ageing == NONE ? at : m->next_ageing;
    m->next_old = m->next_old == NONE ? at : m->next_old;
    m->contexts++;
}

static void delist(struct memberships *m, uint32_t at)
{
    const struct entry *const e = &m->entries[at];
    m->next_ageing = m->next_ageing == at ? e->newer : m->next_ageing;
    m->next_old = m->next_old == at ? e->newer : m->next_old;
    if (e->older != NONE) {
        m->entries[e->older].newer = e->newer;
    } else {
        m->oldest = e->newer;
    }
    if (e->newer != NONE) {
        m->entries[e->newer].older = e->older;
    } else {
        m->newest = e->older;
    }
    m->contexts--;
}

static void tell_contexts(struct memberships *m)
{
    atomic_store_explicit(&m->file->entries, m->contexts, memory_order_relaxed);
}

static void forget(struct memberships *m, uint32_t at)
{
    slot_clear(&m->slots[at]);
    delist(m, at);
    m->entries[at].state = BIG_SEGMENTS_EMPTY;
    tell_contexts(m);
}

static void evict(struct memberships *m, uint32_t at)
{
    forget(m, at);
    m->evictions++;
    atomic_store_explicit(&m->file->evictions, m->evictions, memory_order_relaxed);
}

/* ---- lookup -------------------------------------------------------------------------------- */

static uint32_t probe(const struct memberships *m, struct hash128 key, uint32_t n)
{
    return (uint32_t)(key.lo + n) & m->map.slot_mask;
}

static uint32_t find(const struct memberships *m, struct hash128 key)
{
    for (uint32_t i = 0; i < BIG_SEGMENTS_PROBES; i++) {
        const uint32_t at = probe(m, key, i);
        const struct big_segments_slot *const slot = &m->slots[at];
        if (m->entries[at].state != BIG_SEGMENTS_EMPTY &&
            atomic_load_explicit(&slot->lo, memory_order_relaxed) == key.lo &&
            atomic_load_explicit(&slot->hi, memory_order_relaxed) == key.hi) {
            return at;
        }
    }
    return NONE;
}

enum big_segments_state memberships_state(const struct memberships *m, struct hash128 key)
{
    const uint32_t at = find(m, key);
    return at == NONE ? BIG_SEGMENTS_EMPTY : m->entries[at].state;
}

/* ---- what is learnt ------------------------------------------------------------------------ */

static void ring_bell(struct memberships *m, struct hash128 key, bool failed)
{
    struct big_segments_bell *const bell = &m->file->bells[key.hi % BIG_SEGMENTS_BELLS];
    if (failed) {
        atomic_fetch_add_explicit(&bell->failures, 1, memory_order_release);
    }
    /* pairs with the acquire load in lib/big_segments_wait.c */
    atomic_fetch_add_explicit(&bell->answers, 1, memory_order_release);
    FFSHM_TEST_POINT(46);
    syscall(SYS_futex, &bell->answers, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* A slot that is free, if need be made so: with the oldest that the key may have. */
static uint32_t free_slot(struct memberships *m, struct hash128 key)
{
    uint32_t oldest = probe(m, key, 0);
    for (uint32_t i = 0; i < BIG_SEGMENTS_PROBES; i++) {
        const uint32_t at = probe(m, key, i);
        if (m->entries[at].state == BIG_SEGMENTS_EMPTY) {
            return at;
        }
        oldest = m->entries[at].position < m->entries[oldest].position ||
                         (m->entries[at].position == m->entries[oldest].position &&
                          m->entries[at].learnt_ms < m->entries[oldest].learnt_ms)
                     ? at
                     : oldest;
    }
    evict(m, oldest);
    return oldest;
}

/* The oldest go until there is room for so many references. */
static void make_room(struct memberships *m, size_t count)
{
    while (m->oldest != NONE &&
           m->head + count - m->entries[m->oldest].position > m->map.reference_count) {
        evict(m, m->oldest);
    }
}

static uint64_t realtime_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* All that takes long comes first: while the sequence is odd a context that is known is not there.
 */
static void write_slot(struct memberships *m, uint32_t at, struct hash128 key,
                       const uint64_t *references, size_t count)
{
    struct big_segments_slot *const slot = &m->slots[at];
    const uint64_t learnt_ms = realtime_ms();
    for (size_t i = 0; i < count; i++) {
        atomic_store_explicit(&m->ring[(m->head + i) & (m->map.reference_count - 1)], references[i],
                              memory_order_release);
    }
    slot_begin(slot);
    atomic_store_explicit(&slot->lo, key.lo, memory_order_release);
    atomic_store_explicit(&slot->hi, key.hi, memory_order_release);
    atomic_store_explicit(&slot->position, m->head, memory_order_release);
    atomic_store_explicit(&slot->count, (uint32_t)count, memory_order_release);
    atomic_store_explicit(&slot->learnt_ms, learnt_ms, memory_order_release);
    atomic_store_explicit(&slot->state, BIG_SEGMENTS_KNOWN, memory_order_release);
    slot_end(slot);
}

int memberships_put(struct memberships *m, struct hash128 key, const uint64_t *references,
                    size_t count, int64_t now_ms)
{
    uint32_t at = find(m, key);
    if (count > BIG_SEGMENTS_OF_ONE(m->map.reference_count)) {
        if (at != NONE) {
            forget(m, at);
        }
        ring_bell(m, key, true);
        return -1;
    }
    /* What is known of the key is there until the new is: its references are not written over. */
    make_room(m, count);
    if (at != NONE && m->entries[at].state == BIG_SEGMENTS_EMPTY) {
        at = NONE; /* but where it was itself the oldest, and in the way */
    }
    const bool again = at != NONE;
    if (!again) {
        while (m->contexts >= m->options.contexts) {
            evict(m, m->oldest);
        }
        at = free_slot(m, key);
    }
    /* Whoever takes the file over begins behind what may be written now. */
    atomic_store_explicit(&m->file->ring_head, m->head + count, memory_order_relaxed);
    write_slot(m, at, key, references, count);
    if (again) {
        delist(m, at); /* and to the end; the slot stays its own */
    }
    struct entry *const e = &m->entries[at];
    e->position = m->head;
    e->count = (uint32_t)count;
    e->state = BIG_SEGMENTS_KNOWN;
    e->learnt_ms = now_ms;
    m->head += count;
    enlist(m, at);
    tell_contexts(m);
    ring_bell(m, key, false);
    return 0;
}

void memberships_fail(struct memberships *m, struct hash128 key)
{
    const uint32_t at = find(m, key);
    if (at != NONE && m->entries[at].state == BIG_SEGMENTS_OLD) {
        forget(m, at);
    }
    ring_bell(m, key, true);
}

/* ---- age ----------------------------------------------------------------------------------- */

static void grow(struct memberships *m, uint32_t at, enum big_segments_state state)
{
    m->entries[at].state = state;
    atomic_store_explicit(&m->slots[at].state, state, memory_order_release);
}

static bool is_due(const struct memberships *m, uint32_t at, int64_t age_ms, int64_t now_ms)
{
    return at != NONE && now_ms - m->entries[at].learnt_ms >= age_ms;
}

static int64_t sooner(const struct memberships *m, uint32_t at, int64_t age_ms, int64_t now_ms,
                      int64_t next_ms)
{
    if (at == NONE) {
        return next_ms;
    }
    const int64_t left = m->entries[at].learnt_ms + age_ms - now_ms;
    return next_ms < 0 || left < next_ms ? left : next_ms;
}

int64_t memberships_age(struct memberships *m, int64_t now_ms)
{
    const struct memberships_options *const o = &m->options;
    while (is_due(m, m->oldest, o->gone_ms, now_ms)) {
        forget(m, m->oldest);
    }
    for (; is_due(m, m->next_old, o->old_ms, now_ms); m->next_old = m->entries[m->next_old].newer) {
        grow(m, m->next_old, BIG_SEGMENTS_OLD);
    }
    for (; o->ageing_ms > 0 && is_due(m, m->next_ageing, o->ageing_ms, now_ms);
         m->next_ageing = m->entries[m->next_ageing].newer) {
        if (m->entries[m->next_ageing].state == BIG_SEGMENTS_KNOWN) {
            grow(m, m->next_ageing, BIG_SEGMENTS_AGEING);
        }
    }
    int64_t next_ms = sooner(m, m->oldest, o->gone_ms, now_ms, -1);
    next_ms = sooner(m, m->next_old, o->old_ms, now_ms, next_ms);
    return o->ageing_ms > 0 ? sooner(m, m->next_ageing, o->ageing_ms, now_ms, next_ms) : next_ms;
}

void memberships_tick(struct memberships *m)
{
    atomic_fetch_add_explicit(&m->file->tick, 1, memory_order_relaxed);
}

/* ---- what is told -------------------------------------------------------------------------- */

void memberships_set_status(struct memberships *m, enum big_segments_status status,
                            uint64_t last_up_to_date_ms)
{
    atomic_store_explicit(&m->file->last_up_to_date_ms, last_up_to_date_ms, memory_order_relaxed);
    atomic_store_explicit(&m->file->status, status, memory_order_release);
}

void memberships_set_counts(struct memberships *m, const struct memberships_counts *counts)
{
    atomic_store_explicit(&m->file->queries, counts->queries, memory_order_relaxed);
    atomic_store_explicit(&m->file->failures, counts->failures, memory_order_relaxed);
    atomic_store_explicit(&m->file->asks, counts->asks, memory_order_relaxed);
    atomic_store_explicit(&m->file->dropped_asks, counts->dropped_asks, memory_order_relaxed);
    atomic_store_explicit(&m->file->answer_us, counts->answer_us, memory_order_relaxed);
}

void memberships_stats(const struct memberships *m, struct memberships_stats *out)
{
    *out = (struct memberships_stats){m->contexts, m->evictions, m->adopted, m->map.length};
}

uint64_t memberships_id(const struct memberships *m)
{
    return m->map.id;
}

/* ---- taking a file over -------------------------------------------------------------------- */

struct found {
    uint64_t position;
    uint32_t at;
};

static int by_position(const void *a, const void *b)
{
    const struct found *const x = a;
    const struct found *const y = b;
    return x->position != y->position ? (x->position < y->position ? -1 : 1)
                                      : (x->at > y->at) - (x->at < y->at);
}

/* Can the slot be what it says? */
static bool is_sound(const struct memberships *m, uint32_t at)
{
    const struct big_segments_slot *const slot = &m->slots[at];
    const uint64_t lo = atomic_load_explicit(&slot->lo, memory_order_relaxed);
    const uint32_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    const uint64_t position = atomic_load_explicit(&slot->position, memory_order_relaxed);
    const uint32_t count = atomic_load_explicit(&slot->count, memory_order_relaxed);
    return atomic_load_explicit(&slot->sequence, memory_order_relaxed) % 2 == 0 &&
           state != BIG_SEGMENTS_EMPTY && state <= BIG_SEGMENTS_OLD &&
           ((at - (uint32_t)lo) & m->map.slot_mask) < BIG_SEGMENTS_PROBES && position <= m->head &&
           count <= m->head - position && m->head - position <= m->map.reference_count;
}

/* Not twice the same key; the references of each behind those of the one before. */
static bool follows(const struct memberships *m, uint32_t at)
{
    const struct big_segments_slot *const slot = &m->slots[at];
    const struct hash128 key = {atomic_load_explicit(&slot->lo, memory_order_relaxed),
                                atomic_load_explicit(&slot->hi, memory_order_relaxed)};
    const uint64_t position = atomic_load_explicit(&slot->position, memory_order_relaxed);
    const struct entry *const last = m->newest == NONE ? NULL : &m->entries[m->newest];
    return m->contexts < m->options.contexts && find(m, key) == NONE &&
           (!last || position >= last->position + last->count);
}

/* All that can be kept is OLD: nobody knows how long it was not looked after. */
static void adopt_slots(struct memberships *m, struct found *found, int64_t now_ms)
{
    size_t count = 0;
    m->head = atomic_load_explicit(&m->file->ring_head, memory_order_relaxed);
    for (uint32_t at = 0; at <= m->map.slot_mask; at++) {
        if (is_sound(m, at)) {
            found[count++] = (struct found){
                atomic_load_explicit(&m->slots[at].position, memory_order_relaxed), at};
        } else {
            slot_clear(&m->slots[at]);
        }
    }
    qsort(found, count, sizeof *found, by_position);
    for (size_t i = 0; i < count; i++) {
        const uint32_t at = found[i].at;
        struct big_segments_slot *const slot = &m->slots[at];
        if (!follows(m, at)) {
            slot_clear(slot);
            continue;
        }
        m->entries[at] = (struct entry){
            .position = found[i].position,
            .count = atomic_load_explicit(&slot->count, memory_order_relaxed),
            .learnt_ms = now_ms - m->options.old_ms,
        };
        grow(m, at, BIG_SEGMENTS_OLD);
        enlist(m, at);
        m->adopted++;
    }
    m->next_ageing = NONE;
    m->next_old = NONE;
    tell_contexts(m);
}

static int adopt(struct memberships *m, int64_t now_ms)
{
    struct found *const found = calloc((size_t)m->map.slot_mask + 1, sizeof *found);
    if (!found) {
        return -1;
    }
    /* Before anything of it changes: a status of the agent's before is no longer anybody's word. */
    memberships_set_status(m, BIG_SEGMENTS_UNKNOWN, 0);
    adopt_slots(m, found, now_ms);
    memberships_set_counts(m, &(struct memberships_counts){0});
    atomic_store_explicit(&m->file->evictions, 0, memory_order_relaxed);
    memberships_tick(m);
    free(found);
    return 0;
}

/* ---- the file ------------------------------------------------------------------------------ */

static uint32_t power_of_two(uint64_t least, uint32_t from, uint32_t most)
{
    uint32_t n = from;
    while (n < least && n < most) {
        n *= 2;
    }
    return n;
}

/* Of a file with room for so many contexts. */
static void sizes(unsigned contexts, struct big_segments_header *h)
{
    h->slot_count =
        power_of_two((uint64_t)contexts * 2, BIG_SEGMENTS_SLOTS_LEAST, BIG_SEGMENTS_SLOTS_MOST);
    h->reference_count = power_of_two((uint64_t)contexts * REFERENCES_EACH,
                                      BIG_SEGMENTS_REFERENCES_LEAST, BIG_SEGMENTS_REFERENCES_MOST);
    h->slots_offset = sizeof *h;
    h->references_offset =
        h->slots_offset + (uint64_t)h->slot_count * sizeof(struct big_segments_slot);
    h->file_size = h->references_offset + (uint64_t)h->reference_count * sizeof(uint64_t);
}

static int map_file(struct memberships *m, int fd, size_t size)
{
    void *const bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        return -1;
    }
    madvise(bytes, size, MADV_DONTDUMP);
    big_segments_map_of(bytes, size, &m->map);
    m->file = bytes;
    m->slots = (void *)((uint8_t *)bytes + m->file->slots_offset);
    m->ring = (void *)((uint8_t *)bytes + m->file->references_offset);
    return 0;
}

/* An earlier agent's, as readers accept it, and of the sizes that are wanted now. */
static bool open_file(struct memberships *m)
{
    struct big_segments_header wanted = {.magic = 0};
    struct big_segments_header there;
    const char *why;
    struct stat st;
    sizes(m->options.contexts, &wanted);
    const int fd =
        openat(m->options.dir.fd, BIG_SEGMENTS_FILE, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 && st.st_size == (off_t)wanted.file_size &&
                st.st_blocks * 512 >= st.st_size &&
                pread(fd, &there, sizeof there, 0) == (ssize_t)sizeof there &&
                big_segments_verify(&there, (size_t)st.st_size, m->options.store_epoch, &why) &&
                there.slot_count == wanted.slot_count;
    good = good && map_file(m, fd, (size_t)st.st_size) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* The nameless file takes the place of whatever is there. */
static int name_file(const struct store_dir *dir, int fd, struct fault *fault)
{
    store_unlink(dir, FILE_NEW);
    if (store_link(dir, fd, FILE_NEW, fault) != 0) {
        return -1;
    }
    if (renameat(dir->fd, FILE_NEW, dir->fd, BIG_SEGMENTS_FILE) != 0) {
        store_fault(fault, dir, BIG_SEGMENTS_FILE, "cannot replace the file", errno);
        store_unlink(dir, FILE_NEW);
        return -1;
    }
    FFSHM_TEST_POINT(42);
    return 0;
}

static int make_file(struct memberships *m, struct fault *fault)
{
    const struct store_dir *const dir = &m->options.dir;
    struct big_segments_header h = {
        .magic = BIG_SEGMENTS_MAGIC,
        .major = BIG_SEGMENTS_MAJOR,
        .minor = BIG_SEGMENTS_MINOR,
        .header_size = sizeof h,
        .endian_tag = IMAGE_ENDIAN_TAG,
        .store_epoch = m->options.store_epoch,
    };
    sizes(m->options.contexts, &h);
    if (getrandom(&h.id, sizeof h.id, 0) != (ssize_t)sizeof h.id) {
        store_fault(fault, dir, BIG_SEGMENTS_FILE, "cannot get random numbers", errno);
        return -1;
    }
    h.id |= h.id == 0;
    h.checksum = hash_bytes(&h, offsetof(struct big_segments_header, checksum));
    const int fd = store_nameless(dir, FILE_MODE, &h, sizeof h, fault);
    if (fd < 0) {
        return -1;
    }
    /* A hole would be SIGBUS in a reader on a full tmpfs. */
    if (fallocate(fd, 0, 0, (off_t)h.file_size) != 0 || map_file(m, fd, h.file_size) != 0) {
        store_fault(fault, dir, BIG_SEGMENTS_FILE, "cannot make the file", errno);
        close(fd);
        return -1;
    }
    FFSHM_TEST_POINT(41);
    const int result = name_file(dir, fd, fault);
    close(fd);
    return result;
}

void memberships_remove(const struct store_dir *dir)
{
    store_unlink(dir, BIG_SEGMENTS_FILE);
    store_unlink(dir, FILE_NEW);
    store_unlink(dir, BIG_SEGMENTS_SOCKET);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory, or keep fewer contexts", "%s",
              "out of memory");
    return -1;
}

static int start(struct memberships *m, int64_t now_ms, struct fault *fault)
{
    const bool there = open_file(m);
    if (!there && make_file(m, fault) != 0) {
        return -1;
    }
    m->entries = calloc((size_t)m->map.slot_mask + 1, sizeof *m->entries);
    return m->entries && (!there || adopt(m, now_ms) == 0) ? 0 : no_memory(fault);
}

struct memberships *memberships_open(const struct memberships_options *options, int64_t now_ms,
                                     struct fault *fault)
{
    struct memberships *const m = calloc(1, sizeof *m);
    if (!m) {
        no_memory(fault);
        return NULL;
    }
    m->options = *options;
    m->oldest = m->newest = m->next_ageing = m->next_old = NONE;
    if (start(m, now_ms, fault) != 0) {
        memberships_close(m);
        return NULL;
    }
    m->options.dir = (struct store_dir){-1, NULL};
    return m;
}

void memberships_close(struct memberships *m)
{
    if (!m) {
        return;
    }
    if (m->file) {
        /* Nobody looks after it from now on, and nobody says how the store is. */
        for (uint32_t at = m->oldest; at != NONE; at = m->entries[at].newer) {
            grow(m, at, BIG_SEGMENTS_OLD);
        }
        memberships_set_status(m, BIG_SEGMENTS_UNKNOWN, 0);
        munmap(m->file, m->map.length);
    }
    free(m->entries);
    free(m);
}
