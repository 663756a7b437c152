/*
 * The memberships file: what its writer puts in, a reader finds; what a dead writer or a damaged
 * file leaves harms nobody.
 *
 * ctest: quick timeout=180
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "big_segments/memberships.h"

#define EPOCH 77
#define SEED 4711
#define CONTEXTS 100

/* A directory, the writer, and the file as a reader has it. */
struct fixture {
    char path[64];
    struct store_dir dir;
    struct memberships *writer;
    struct big_segments_map reader;
    int64_t now_ms;
};

static void map_reader(struct fixture *f)
{
    const int fd = openat(f->dir.fd, BIG_SEGMENTS_FILE, O_RDONLY);
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(bytes != MAP_FAILED);
    close(fd);
    const char *why = "";
    assert_true(big_segments_verify(bytes, (size_t)st.st_size, EPOCH, &why));
    big_segments_map_of(bytes, (size_t)st.st_size, &f->reader);
}

static void unmap_reader(struct fixture *f)
{
    munmap((void *)(uintptr_t)f->reader.file, f->reader.length);
}

static struct memberships *open_with(struct fixture *f, unsigned contexts, uint64_t epoch)
{
    struct fault fault = {0};
    const struct memberships_options options = {
        .dir = f->dir,
        .store_epoch = epoch,
        .contexts = contexts,
        .ageing_ms = 2500,
        .old_ms = 5000,
        .gone_ms = 60000,
    };
    struct memberships *m = memberships_open(&options, f->now_ms, &fault);
    assert_non_null(m);
    return m;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->path, sizeof f->path, "/dev/shm/ffshm-memberships.XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->dir = (struct store_dir){open(f->path, O_RDONLY | O_DIRECTORY), f->path};
    f->now_ms = 1000000;
    f->writer = open_with(f, CONTEXTS, EPOCH);
    map_reader(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    memberships_close(f->writer);
    unmap_reader(f);
    memberships_remove(&f->dir);
    close(f->dir.fd);
    assert_int_equal(rmdir(f->path), 0);
    free(f);
    return 0;
}

static struct hash128 key_of(unsigned n)
{
    char key[32];
    snprintf(key, sizeof key, "user-%u", n);
    return hash_member(key, strlen(key), SEED);
}

static uint64_t in(const char *segment, int64_t generation)
{
    return big_segments_reference_of(segment, strlen(segment), generation, SEED) |
           BIG_SEGMENTS_INCLUDED;
}

static uint64_t out(const char *segment, int64_t generation)
{
    return big_segments_reference_of(segment, strlen(segment), generation, SEED);
}

static void put(struct fixture *f, unsigned n, const uint64_t *references, size_t count)
{
    assert_int_equal(memberships_put(f->writer, key_of(n), references, count, f->now_ms), 0);
}

static struct big_segments_found look(const struct fixture *f, unsigned n, const char *segment)
{
    return big_segments_find(&f->reader, key_of(n), out(segment, 1));
}

static enum big_segments_state state_of(const struct fixture *f, unsigned n)
{
    const struct big_segments_found found = look(f, n, "any");
    assert_int_equal(found.state, memberships_state(f->writer, key_of(n)));
    return found.state;
}

/* ---- references ---------------------------------------------------------------------------- */

static void a_reference_is_the_segments_key_and_generation(void **state)
{
    char text[600];
    char segment[513];
    (void)state;
    memset(segment, 's', sizeof segment);
    for (size_t length = 0; length < sizeof segment; length += 17) {
        static const int64_t generations[] = {0, 1, 7, 10, 1234567890123, INT64_MAX, -5, INT64_MIN};
        for (size_t i = 0; i < sizeof generations / sizeof *generations; i++) {
            const int n = snprintf(text, sizeof text, "%.*s.g%lld", (int)length, segment,
                                   (long long)generations[i]);
            assert_true(big_segments_reference(text, (size_t)n, SEED) ==
                        big_segments_reference_of(segment, length, generations[i], SEED));
        }
    }
    assert_true(out("a", 1) != out("a", 2));
    assert_true(out("a", 1) != out("b", 1));
    assert_true(out("a", 1) != big_segments_reference_of("a", 1, 1, SEED + 1));
}

/* ---- what is put is found ------------------------------------------------------------------ */

static void what_is_learnt_is_found(void **state)
{
    struct fixture *f = *state;
    const uint64_t some[] = {in("a", 1), in("both", 1), out("b", 1), out("both", 1)};
    put(f, 1, some, 4);
    put(f, 2, NULL, 0);
    struct big_segments_found found = look(f, 1, "a");
    assert_true(found.state == BIG_SEGMENTS_KNOWN && found.mentioned && found.included);
    assert_true(found.learnt_ms > 0);
    found = look(f, 1, "b");
    assert_true(found.mentioned && !found.included);
    found = look(f, 1, "both"); /* the first counts */
    assert_true(found.mentioned && found.included);
    found = look(f, 1, "c");
    assert_true(found.state == BIG_SEGMENTS_KNOWN && !found.mentioned && !found.included);
    found = look(f, 2, "a");
    assert_true(found.state == BIG_SEGMENTS_KNOWN && !found.mentioned);
    assert_int_equal(look(f, 3, "a").state, BIG_SEGMENTS_EMPTY);
}

static void what_is_learnt_again_replaces_what_was(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t one[] = {i % 2 ? in("a", 1) : out("a", 1), in("b", i)};
        put(f, 1, one, 2);
        const struct big_segments_found found = look(f, 1, "a");
        assert_true(found.mentioned && found.included == i % 2);
    }
    struct memberships_stats stats;
    memberships_stats(f->writer, &stats);
    assert_int_equal(stats.contexts, 1);
    assert_int_equal(stats.evictions, 0);
}

#define RENEWALS 5000

/* A program that evaluates for one context all the time. */
struct watch {
    const struct fixture *fixture;
    _Atomic bool started;
    _Atomic bool stop;
    unsigned looks;
    unsigned gaps; /* times that the context became unknown */
    bool wrong;
};

static void *watch_one(void *arg)
{
    struct watch *w = arg;
    bool known = true;
    while (!atomic_load(&w->stop)) {
        const struct big_segments_found found = look(w->fixture, 1, "a");
        w->gaps += known && found.state == BIG_SEGMENTS_EMPTY;
        known = found.state != BIG_SEGMENTS_EMPTY;
        w->wrong |= known && !found.included;
        w->looks++;
        atomic_store(&w->started, true);
    }
    return NULL;
}

static void what_is_learnt_again_is_known_all_the_time(void **state)
{
    struct fixture *f = *state;
    const size_t count = BIG_SEGMENTS_OF_ONE(f->reader.reference_count);
    uint64_t *many = calloc(count, sizeof *many);
    struct watch watch = {.fixture = f};
    pthread_t thread;
    assert_non_null(many);
    many[0] = in("a", 1);
    for (size_t i = 1; i < count; i++) {
        many[i] = in("s", (int64_t)i);
    }
    put(f, 1, many, count);
    assert_int_equal(pthread_create(&thread, NULL, watch_one, &watch), 0);
    while (!atomic_load(&watch.started)) {
        sched_yield();
    }
    for (unsigned i = 0; i < RENEWALS; i++) {
        put(f, 2, many, i % 100); /* which goes round the ring as well */
        put(f, 1, many, count);
    }
    atomic_store(&watch.stop, true);
    pthread_join(thread, NULL);
    free(many);
    assert_false(watch.wrong);
    assert_true(watch.looks > 0);
    /* A writer that loses its processor in the middle of six stores is the exception. */
    assert_in_range(watch.gaps, 0, 3);
}

/* ---- bounds -------------------------------------------------------------------------------- */

static void the_one_that_was_learnt_first_goes_first(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = in("a", 1);
    for (unsigned n = 0; n < CONTEXTS; n++) {
        put(f, n, &one, 1);
    }
    put(f, 0, &one, 1); /* again: it is not the first any more */
    put(f, CONTEXTS, &one, 1);
    assert_int_equal(state_of(f, 0), BIG_SEGMENTS_KNOWN);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_EMPTY);
    assert_int_equal(state_of(f, 2), BIG_SEGMENTS_KNOWN);
    struct memberships_stats stats;
    memberships_stats(f->writer, &stats);
    assert_int_equal(stats.contexts, CONTEXTS);
    assert_int_equal(stats.evictions, 1);
}

static void two_contexts_are_two(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = in("a", 1);
    memberships_close(f->writer);
    f->writer = open_with(f, 2, EPOCH);
    unmap_reader(f);
    map_reader(f);
    for (unsigned n = 1; n <= 3; n++) {
        put(f, n, &one, 1);
    }
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_EMPTY);
    assert_int_equal(state_of(f, 2), BIG_SEGMENTS_KNOWN);
    assert_int_equal(state_of(f, 3), BIG_SEGMENTS_KNOWN);
}

static void large_memberships_push_out_the_oldest(void **state)
{
    struct fixture *f = *state;
    const size_t most = BIG_SEGMENTS_OF_ONE(f->reader.reference_count);
    uint64_t *many = calloc(most + 1, sizeof *many);
    assert_non_null(many);
    for (unsigned n = 0; n < 40; n++) {
        for (size_t i = 0; i < most; i++) {
            many[i] = in("s", (int64_t)(n * most + i));
        }
        put(f, n, many, most);
        /* Four fit, and each is whole. */
        for (unsigned k = n < 3 ? 0 : n - 3; k <= n; k++) {
            for (size_t i = 0; i < most; i += most / 7) {
                const struct big_segments_found found =
                    big_segments_find(&f->reader, key_of(k), out("s", (int64_t)(k * most + i)));
                assert_true(found.state == BIG_SEGMENTS_KNOWN && found.included);
            }
            assert_false(big_segments_find(&f->reader, key_of(k), out("s", -1)).mentioned);
        }
        if (n > 3) {
            assert_int_equal(state_of(f, n - 4), BIG_SEGMENTS_EMPTY);
        }
    }
    /* More than one may have: not known, also where it was. */
    assert_int_equal(memberships_put(f->writer, key_of(39), many, most + 1, f->now_ms), -1);
    assert_int_equal(state_of(f, 39), BIG_SEGMENTS_EMPTY);
    free(many);
}

/* Whatever was put and let go: a context that is found has what was last put for it. */
static void anything_that_is_found_is_right(void **state)
{
    struct fixture *f = *state;
    static uint64_t last[500];
    unsigned random = 1;
    uint64_t many[600];
    unsigned found_count = 0;
    for (unsigned round = 1; round < 20000; round++) {
        random = random * 1103515245u + 12345u;
        const unsigned n = random >> 8 & 0x1ff;
        const size_t count = (random >> 20) % 600;
        if (n >= 500) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            many[i] = in("s", (int64_t)i + round);
        }
        put(f, n, many, count);
        last[n] = round;
        for (unsigned k = 0; k < 500; k += 7) {
            const struct big_segments_found found =
                big_segments_find(&f->reader, key_of(k), out("s", (int64_t)last[k] - 1));
            found_count += found.state != BIG_SEGMENTS_EMPTY;
            assert_false(found.mentioned);
        }
        const struct big_segments_found found = big_segments_find(
            &f->reader, key_of(n), out("s", (int64_t)(count ? count - 1 : 0) + round));
        assert_true(found.state == BIG_SEGMENTS_KNOWN && found.included == (count > 0));
    }
    assert_true(found_count > 1000);
}

/* ---- age ----------------------------------------------------------------------------------- */

static int64_t after(struct fixture *f, int64_t ms)
{
    f->now_ms += ms;
    return memberships_age(f->writer, f->now_ms);
}

static void memberships_grow_old(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = in("a", 1);
    assert_int_equal(after(f, 0), -1);
    put(f, 1, &one, 1);
    assert_int_equal(after(f, 0), 2500);
    assert_int_equal(after(f, 2499), 1);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_KNOWN);
    assert_int_equal(after(f, 1), 2500);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_AGEING);
    assert_true(look(f, 1, "a").included);
    put(f, 2, &one, 1);
    assert_int_equal(after(f, 2500), 2500);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_OLD);
    assert_int_equal(state_of(f, 2), BIG_SEGMENTS_AGEING);
    put(f, 1, &one, 1); /* learnt again */
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_KNOWN);
    assert_int_equal(after(f, 2500), 2500);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_AGEING);
    assert_int_equal(state_of(f, 2), BIG_SEGMENTS_OLD);
    assert_int_equal(after(f, 2500), 52500);
    assert_int_equal(after(f, 52500), 2500);
    assert_int_equal(state_of(f, 2), BIG_SEGMENTS_EMPTY);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_OLD);
    assert_int_equal(after(f, 2500), -1);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_EMPTY);
    assert_int_equal(atomic_load(&f->reader.file->entries), 0);
}

static void a_failure_takes_only_what_is_old(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = in("a", 1);
    put(f, 1, &one, 1);
    const struct big_segments_bell *bell =
        &f->reader.file->bells[key_of(1).hi % BIG_SEGMENTS_BELLS];
    const uint32_t answers = atomic_load(&bell->answers);
    memberships_fail(f->writer, key_of(1));
    assert_int_equal(atomic_load(&bell->answers), answers + 1);
    assert_int_equal(atomic_load(&bell->failures), 1);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_KNOWN);
    after(f, 3000);
    memberships_fail(f->writer, key_of(1));
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_AGEING);
    after(f, 3000);
    memberships_fail(f->writer, key_of(1));
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_EMPTY);
    memberships_fail(f->writer, key_of(2));
}

/* ---- the end of a writer, and the next one ------------------------------------------------- */

static struct big_segments_slot *slot_for_writing(struct fixture *f, unsigned n, void **memory)
{
    const int fd = openat(f->dir.fd, BIG_SEGMENTS_FILE, O_RDWR);
    assert_true(fd >= 0);
    uint8_t *bytes = mmap(NULL, f->reader.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(bytes != MAP_FAILED);
    close(fd);
    struct big_segments_slot *slots = (void *)(bytes + f->reader.file->slots_offset);
    *memory = bytes;
    for (uint32_t i = 0;; i++) {
        struct big_segments_slot *slot = &slots[(key_of(n).lo + i) & f->reader.slot_mask];
        if (atomic_load(&slot->lo) == key_of(n).lo) {
            return slot;
        }
    }
}

static void a_slot_that_was_never_finished_is_not_there(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = in("a", 1);
    put(f, 1, &one, 1);
    put(f, 2, &one, 1);
    void *memory;
    struct big_segments_slot *slot = slot_for_writing(f, 1, &memory);
    atomic_fetch_add(&slot->sequence, 1);
    assert_int_equal(look(f, 1, "a").state, BIG_SEGMENTS_EMPTY);
    assert_true(look(f, 2, "a").included);

    memberships_close(f->writer);
    assert_int_equal(atomic_load(&f->reader.file->status), BIG_SEGMENTS_UNKNOWN);
    assert_int_equal(look(f, 2, "a").state, BIG_SEGMENTS_OLD);
    f->writer = open_with(f, CONTEXTS, EPOCH);
    assert_int_equal(memberships_id(f->writer), f->reader.id);
    assert_int_equal(atomic_load(&f->reader.file->status), BIG_SEGMENTS_UNKNOWN);
    assert_int_equal(state_of(f, 1), BIG_SEGMENTS_EMPTY);
    assert_int_equal(state_of(f, 2), BIG_SEGMENTS_OLD);
    assert_true(look(f, 2, "a").included);
    assert_int_equal(atomic_load(&slot->sequence) % 2, 0);
    put(f, 1, &one, 1);
    assert_true(look(f, 1, "a").included);
    munmap(memory, f->reader.length);
}

static void a_new_agent_keeps_what_was_known(void **state)
{
    struct fixture *f = *state;
    uint64_t many[300];
    for (unsigned n = 0; n < 3 * CONTEXTS; n++) {
        const size_t count = n * 31 % 300;
        for (size_t i = 0; i < count; i++) {
            many[i] = in("s", (int64_t)n * 1000 + (int64_t)i);
        }
        put(f, n, many, count);
    }
    struct memberships_stats before;
    struct memberships_stats stats;
    memberships_stats(f->writer, &before);
    for (unsigned round = 0; round < 3; round++) {
        memberships_close(f->writer);
        f->writer = open_with(f, CONTEXTS, EPOCH);
        memberships_stats(f->writer, &stats);
        assert_int_equal(stats.adopted, before.contexts);
        assert_int_equal(stats.contexts, before.contexts);
    }
    for (unsigned n = 0; n < 3 * CONTEXTS; n++) {
        const struct big_segments_found found =
            big_segments_find(&f->reader, key_of(n), out("s", (int64_t)n * 1000));
        if (found.state != BIG_SEGMENTS_EMPTY) {
            assert_int_equal(found.state, BIG_SEGMENTS_OLD);
            assert_true(found.included == (n * 31 % 300 > 0));
        }
    }
    /* And goes on: the oldest is still the first to go. */
    unsigned oldest = 0;
    while (state_of(f, oldest) == BIG_SEGMENTS_EMPTY) {
        oldest++;
    }
    for (unsigned n = 1000; state_of(f, oldest) != BIG_SEGMENTS_EMPTY; n++) {
        assert_true(n < 1000 + CONTEXTS);
        assert_int_not_equal(state_of(f, oldest + 1), BIG_SEGMENTS_EMPTY);
        put(f, n, many, 1);
    }
    after(f, 0);
    after(f, 60000);
    memberships_stats(f->writer, &stats);
    assert_int_equal(stats.contexts, 0);
}

static void another_size_or_store_is_another_file(void **state)
{
    struct fixture *f = *state;
    const uint64_t id = memberships_id(f->writer);
    memberships_close(f->writer);
    f->writer = open_with(f, 10 * CONTEXTS, EPOCH);
    assert_true(memberships_id(f->writer) != id);
    const uint64_t larger = memberships_id(f->writer);
    memberships_close(f->writer);
    f->writer = open_with(f, 10 * CONTEXTS, EPOCH + 1);
    assert_true(memberships_id(f->writer) != larger);
    struct stat st;
    assert_int_equal(fstatat(f->dir.fd, BIG_SEGMENTS_FILE ".new", &st, 0), -1);
}

static void a_file_that_is_not_ours_is_replaced(void **state)
{
    struct fixture *f = *state;
    const uint64_t id = memberships_id(f->writer);
    memberships_close(f->writer);
    assert_int_equal(fchmodat(f->dir.fd, BIG_SEGMENTS_FILE, 0666, 0), 0);
    f->writer = open_with(f, CONTEXTS, EPOCH);
    assert_true(memberships_id(f->writer) != id);
    memberships_close(f->writer);
    memberships_remove(&f->dir);
    assert_int_equal(symlinkat("/etc/passwd", f->dir.fd, BIG_SEGMENTS_FILE), 0);
    f->writer = open_with(f, CONTEXTS, EPOCH);
    struct stat st;
    assert_int_equal(fstatat(f->dir.fd, BIG_SEGMENTS_FILE, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode));
}

/* ---- damage -------------------------------------------------------------------------------- */

#define DAMAGED 8 /* contexts in the file */

/* Looks at everything: no address outside, no endless loop. */
static unsigned look_at_all(const void *bytes, size_t length)
{
    const char *why;
    unsigned known = 0;
    if (!big_segments_verify(bytes, length, EPOCH, &why)) {
        return 0;
    }
    struct big_segments_map map;
    big_segments_map_of(bytes, length, &map);
    for (unsigned n = 0; n <= DAMAGED; n++) {
        known += big_segments_find(&map, key_of(n), out("s", 3)).state != BIG_SEGMENTS_EMPTY;
    }
    return known;
}

/* Header, used slots and used references: each byte with all bits turned, and with ones. The file
   is a copy with nothing readable behind it. */
static void no_byte_that_changes_harms_a_reader(void **state)
{
    struct fixture *f = *state;
    uint64_t references[DAMAGED];
    for (unsigned n = 0; n < DAMAGED; n++) {
        references[n] = in("s", n);
        put(f, n, references, n);
    }
    const size_t length = f->reader.length;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(length % page, 0);
    uint8_t *copy =
        mmap(NULL, length + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(copy != MAP_FAILED);
    assert_int_equal(mprotect(copy + length, page, PROT_NONE), 0);
    memcpy(copy, f->reader.file, length);
    assert_int_equal(look_at_all(copy, length), DAMAGED);
    const size_t slots_end = f->reader.file->references_offset;
    unsigned worse = 0;
    for (size_t at = 0; at < length; at++) {
        if (at > slots_end + 64 * sizeof(uint64_t)) {
            break; /* references that nobody has */
        }
        for (unsigned how = 0; how < 3; how++) {
            const uint8_t was = copy[at];
            copy[at] = how == 0 ? (uint8_t)~was : how == 1 ? 0xff : was ^ 1;
            worse += look_at_all(copy, length) < DAMAGED;
            copy[at] = was;
        }
    }
    assert_true(worse > 64); /* the header's, and those of slots */
    for (size_t cut = 0; cut < length; cut += 61) {
        assert_int_equal(look_at_all(copy, cut), 0);
    }
    munmap(copy, length + page);
}

/* Whatever an agent finds: it starts, and what it puts is found. */
static void no_damage_keeps_an_agent_from_starting(void **state)
{
    struct fixture *f = *state;
    uint64_t references[DAMAGED];
    unsigned random = 7;
    for (unsigned n = 0; n < DAMAGED; n++) {
        references[n] = in("s", n);
        put(f, n, references, n);
    }
    memberships_close(f->writer);
    uint8_t *good = malloc(f->reader.length);
    assert_non_null(good);
    memcpy(good, f->reader.file, f->reader.length);
    for (unsigned round = 0; round < 2000; round++) {
        const int fd = openat(f->dir.fd, BIG_SEGMENTS_FILE, O_RDWR);
        assert_int_equal(pwrite(fd, good, f->reader.length, 0), (ssize_t)f->reader.length);
        for (unsigned i = 0; i < 1 + round % 40; i++) {
            random = random * 1103515245u + 12345u;
            /* slots and ring_head, mostly: the constants of the header have a checksum */
            const size_t at = random % 5
                                  ? 4096 + random % (f->reader.file->references_offset - 4096)
                                  : 256 + random % 8;
            const uint8_t byte = (uint8_t)(random >> 16);
            assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
        }
        close(fd);
        f->writer = open_with(f, CONTEXTS, EPOCH);
        for (unsigned n = 0; n < 3 * CONTEXTS; n += 1 + n % 3) {
            put(f, n, references, n % DAMAGED);
            const struct big_segments_found found = look(f, n, "s");
            assert_int_equal(found.state, BIG_SEGMENTS_KNOWN);
            assert_true(found.mentioned == (n % DAMAGED > 1));
        }
        after(f, 5000);
        after(f, 60000);
        struct memberships_stats stats;
        memberships_stats(f->writer, &stats);
        assert_int_equal(stats.contexts, 0);
        memberships_close(f->writer);
    }
    free(good);
    f->writer = open_with(f, CONTEXTS, EPOCH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reference_is_the_segments_key_and_generation),
        TEST(what_is_learnt_is_found),
        TEST(what_is_learnt_again_replaces_what_was),
        TEST(what_is_learnt_again_is_known_all_the_time),
        TEST(the_one_that_was_learnt_first_goes_first),
        TEST(two_contexts_are_two),
        TEST(large_memberships_push_out_the_oldest),
        TEST(anything_that_is_found_is_right),
        TEST(memberships_grow_old),
        TEST(a_failure_takes_only_what_is_old),
        TEST(a_slot_that_was_never_finished_is_not_there),
        TEST(a_new_agent_keeps_what_was_known),
        TEST(another_size_or_store_is_another_file),
        TEST(a_file_that_is_not_ours_is_replaced),
        TEST(no_byte_that_changes_harms_a_reader),
        TEST(no_damage_keeps_an_agent_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
