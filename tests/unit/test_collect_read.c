/* One telemetry file: what is read of it, and what is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/telemetry_read.h"
#include "recording_sink.h"
#include "telemetry_writer.h"

#define RING TELEMETRY_RING_LEAST

struct fixture {
    struct telemetry_writer writer;
    struct telemetry_reader reader;
    struct recording_sink sink;
    struct collector_sink table;
    struct telemetry_io *io;
};

static int set_up(void **state)
{
    struct fixture *const f = calloc(1, sizeof *f);
    assert_non_null(f);
    writer_open_nameless(&f->writer, RING);
    recording_sink_init(&f->sink, NULL);
    f->table = recording_sink(&f->sink);
    f->io = calloc(1, sizeof *f->io);
    assert_non_null(f->io);
    assert_true(telemetry_scratch_init(&f->io->scratch));
    f->io->sink = &f->table;
    assert_true(telemetry_reader_open(&f->reader, dup(f->writer.fd), f->writer.id));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *const f = *state;
    telemetry_reader_close(&f->reader, f->io);
    assert_int_equal(f->io->counters, 0);
    telemetry_scratch_free(&f->io->scratch);
    free(f->io);
    recording_sink_free(&f->sink);
    writer_die(&f->writer);
    free(f);
    return 0;
}

static void read_counts(struct fixture *f)
{
    struct telemetry_words words;
    assert_true(telemetry_read_words(&f->reader, &words));
    assert_true(telemetry_read_counts(&f->reader, &words, f->io));
}

static enum telemetry_ring_state read_ring(struct fixture *f)
{
    struct telemetry_words words;
    assert_true(telemetry_read_words(&f->reader, &words));
    return telemetry_read_ring(&f->reader, words.ring_tail, UINT64_MAX, f->io);
}

static uint64_t counted(struct fixture *f, const char *key, int64_t variation)
{
    return recorded_counts(f->sink.pending, key, variation);
}

static unsigned events(struct fixture *f, const char *key)
{
    return recorded_events(f->sink.pending, key);
}

static uint64_t malformed(struct fixture *f)
{
    const uint64_t n = f->io->tally.malformed;
    f->io->tally.malformed = 0;
    return n;
}

/* ---- the header --------------------------------------------------------------------------- */

static bool opens(struct fixture *f)
{
    struct telemetry_reader r;
    const int fd = dup(f->writer.fd);
    const bool opened = telemetry_reader_open(&r, fd, f->writer.id);
    close(fd);
    return opened;
}

#define REFUSES_HEADER(f, member, value)                                                           \
    do {                                                                                           \
        struct telemetry_header *const header = (f)->writer.header;                                \
        const __typeof__(header->member) was = header->member;                                     \
        header->member = (__typeof__(header->member))(value);                                      \
        if (opens(f)) {                                                                            \
            fail_msg("accepted: " #member " = " #value);                                           \
        }                                                                                          \
        header->member = was;                                                                      \
        assert_true(opens(f));                                                                     \
    } while (0)

static void every_field_of_the_header_is_checked(void **state)
{
    struct fixture *const f = *state;
    REFUSES_HEADER(f, magic, 0);
    REFUSES_HEADER(f, magic, TELEMETRY_ACKS_MAGIC);
    REFUSES_HEADER(f, major, TELEMETRY_MAJOR + 1);
    REFUSES_HEADER(f, major, 0);
    REFUSES_HEADER(f, header_size, 4096);
    REFUSES_HEADER(f, header_size, UINT32_MAX);
    REFUSES_HEADER(f, endian_tag, 0x04030201);
    REFUSES_HEADER(f, id[0], 7);
    REFUSES_HEADER(f, id[1], 7);
    REFUSES_HEADER(f, ring_bytes, 0);
    REFUSES_HEADER(f, ring_bytes, RING / 2);
    REFUSES_HEADER(f, ring_bytes, RING + 16);
    REFUSES_HEADER(f, ring_bytes, 2 * RING);
    REFUSES_HEADER(f, ring_bytes, 2 * TELEMETRY_RING_MOST);
    REFUSES_HEADER(f, ring_bytes, 0x80000000u);
    REFUSES_HEADER(f, ring_offset, 0);
    REFUSES_HEADER(f, ring_offset, 4096);
    REFUSES_HEADER(f, ring_offset, UINT32_MAX);
    REFUSES_HEADER(f, arena_offset, 0);
    REFUSES_HEADER(f, arena_offset, 8192);
    REFUSES_HEADER(f, arena_offset, UINT32_MAX);
    REFUSES_HEADER(f, arena_limit, 2 * TELEMETRY_ARENA_MOST);
    REFUSES_HEADER(f, arena_limit, 100);
    REFUSES_HEADER(f, arena_limit, UINT32_MAX);
}

static void what_may_differ_may_differ(void **state)
{
    struct fixture *const f = *state;
    f->writer.header->minor = 9;
    f->writer.header->store_epoch = 12345;
    f->writer.header->flags = 1;
    f->writer.header->pid = -1;
    assert_true(opens(f));
}

static void the_size_has_to_cover_the_parts(void **state)
{
    struct fixture *const f = *state;
    const off_t sizes[] = {0, 100, 8191, 8192, 8192 + RING - 1, (off_t)1 << 40};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(ftruncate(f->writer.fd, sizes[i]), 0);
        assert_false(opens(f));
        assert_int_equal(ftruncate(f->writer.fd, (off_t)f->writer.size), 0);
        if (sizes[i] < 8192) { /* the header went with it */
            break;
        }
    }
}

/* ---- counters ----------------------------------------------------------------------------- */

static void only_what_is_new_is_counted(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_block *const b = writer_block(&f->writer, TELEMETRY_FLAG, "flag", 3, 2, 2);
    writer_count(b, 0, 5);
    writer_count(b, -1, 2);
    read_counts(f);
    assert_int_equal(counted(f, "flag", 0), 5);
    assert_int_equal(counted(f, "flag", 1), 0);
    assert_int_equal(counted(f, "flag", -1), 2);
    read_counts(f);
    assert_int_equal(counted(f, "flag", -2), 7);
    writer_count(b, 1, 1);
    writer_count(b, 0, 1);
    read_counts(f);
    assert_int_equal(counted(f, "flag", -2), 9);
    assert_int_equal(f->io->tally.evaluations, 9);
    const json_t *const first = recorded(f->sink.pending, "count");
    assert_int_equal(json_integer_value(json_object_get(first, "version")), 3);
    assert_null(json_object_get(first, "unknown"));
}

static void stripes_add_up_and_versions_do_not(void **state)
{
    struct fixture *const f = *state;
    for (unsigned stripe = 1; stripe < TELEMETRY_STRIPES; stripe++) {
        writer_count(writer_block(&f->writer, TELEMETRY_FLAG, "flag", 1, 1, stripe), 0, stripe);
    }
    writer_count(writer_block(&f->writer, TELEMETRY_FLAG, "flag", 2, 1, 2), 0, 1000);
    writer_count(writer_block(&f->writer, TELEMETRY_UNKNOWN, "who", 0, 0, 2), -1, 4);
    read_counts(f);
    assert_int_equal(counted(f, "flag", 0), 120 + 1000);
    assert_int_equal(counted(f, "who", -1), 4);
}

static void a_transaction_that_failed_is_read_again(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_block *const b = writer_block(&f->writer, TELEMETRY_FLAG, "flag", 1, 1, 2);
    writer_count(b, 0, 5);
    read_counts(f);
    telemetry_reader_committed(&f->reader);
    writer_count(b, 0, 7);
    writer_put_event(&f->writer, "e");
    read_counts(f);
    read_ring(f);
    assert_int_equal(counted(f, "flag", 0), 12);
    telemetry_reader_revert(&f->reader);
    json_array_clear(f->sink.pending);
    read_counts(f);
    read_ring(f);
    assert_int_equal(counted(f, "flag", 0), 7);
    assert_int_equal(events(f, "e"), 1);
}

static void a_counter_that_shrinks_is_not_counted(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_block *const b = writer_block(&f->writer, TELEMETRY_FLAG, "flag", 1, 1, 2);
    writer_count(b, 0, 5);
    read_counts(f);
    atomic_store(&b->counters[0], 3);
    read_counts(f);
    atomic_store(&b->counters[0], 6);
    read_counts(f);
    assert_int_equal(counted(f, "flag", 0), 6);
    assert_int_equal(malformed(f), 0);
}

static void an_absurd_counter_comes_in_parts(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_block *const b = writer_block(&f->writer, TELEMETRY_FLAG, "flag", 1, 1, 2);
    atomic_store(&b->counters[0], TELEMETRY_DELTA_MOST + 10);
    read_counts(f);
    assert_int_equal(counted(f, "flag", 0), TELEMETRY_DELTA_MOST);
    assert_int_equal(malformed(f), 1);
    read_counts(f);
    assert_int_equal(counted(f, "flag", 0), TELEMETRY_DELTA_MOST + 10);
    assert_int_equal(malformed(f), 0);
}

static void many_blocks_are_read_in_parts(void **state)
{
    struct fixture *const f = *state;
    unsigned blocks = 0;
    while (f->writer.header->arena_used + 128 <= WRITER_ARENA) {
        char key[32];
        snprintf(key, sizeof key, "flag-%u", blocks++);
        writer_count(writer_block(&f->writer, TELEMETRY_FLAG, key, 1, 3, 2), 2, blocks);
    }
    read_counts(f);
    assert_true(blocks > 400);
    assert_int_equal(counted(f, NULL, 2), (uint64_t)blocks * (blocks + 1) / 2);
}

static void a_bad_block_ends_the_arena(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_block *const good = writer_block(&f->writer, TELEMETRY_FLAG, "good", 1, 1, 2);
    struct telemetry_block *const bad = writer_block(&f->writer, TELEMETRY_FLAG, "bad", 1, 1, 2);
    const struct telemetry_block was = *bad;
    writer_count(good, 0, 1);
    writer_count(bad, 0, 1);
#define TRY(member, value)                                                                         \
    do {                                                                                           \
        bad->member = (__typeof__(bad->member))(value);                                            \
        f->reader.arena_broken = false;                                                            \
        read_counts(f);                                                                            \
        if (malformed(f) != 1 || counted(f, "bad", -2) != 0) {                                     \
            fail_msg("read: " #member " = " #value);                                               \
        }                                                                                          \
        bad->member = was.member;                                                                  \
    } while (0)
    TRY(units, 0);
    TRY(units, 2);
    TRY(units, UINT32_MAX);
    TRY(counter_count, 0);
    TRY(counter_count, 5);
    TRY(counter_count, TELEMETRY_COUNTERS_MOST + 1);
    TRY(counter_count, UINT16_MAX);
    TRY(kind, 0);
    TRY(kind, 3);
    TRY(kind, TELEMETRY_UNKNOWN); /* has one counter */
    TRY(stripe, TELEMETRY_STRIPES);
    TRY(key_length, 0);
    TRY(key_length, 1000);
    TRY(key_length, TELEMETRY_KEY_MOST + 1);
    TRY(key_length, UINT32_MAX);
#undef TRY
    assert_int_equal(counted(f, "good", 0), 1);
    f->reader.arena_broken = false;
    read_counts(f);
    assert_int_equal(malformed(f), 0);
    assert_int_equal(counted(f, "bad", 0), 1);
}

static void a_broken_arena_is_told_once(void **state)
{
    struct fixture *const f = *state;
    writer_block(&f->writer, TELEMETRY_FLAG, "bad", 1, 1, 2)->kind = 7;
    read_counts(f);
    read_counts(f);
    read_counts(f);
    assert_int_equal(malformed(f), 1);
}

static void arena_used_is_not_believed(void **state)
{
    struct fixture *const f = *state;
    const uint64_t absurd[] = {1, WRITER_ARENA + 64, TELEMETRY_ARENA_MOST, UINT64_MAX,
                               UINT64_MAX - 63};
    for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        f->reader.arena_broken = false;
        atomic_store(&f->writer.header->arena_used, absurd[i]);
        read_counts(f);
        assert_int_equal(malformed(f), 1);
    }
}

static void a_key_is_text(void **state)
{
    struct fixture *const f = *state;
    writer_count(writer_block(&f->writer, TELEMETRY_FLAG, "bad\xff", 1, 1, 2), 0, 3);
    writer_count(writer_block(&f->writer, TELEMETRY_FLAG, "good", 1, 1, 2), 0, 4);
    read_counts(f);
    assert_int_equal(recorded_counts(f->sink.pending, NULL, -2), 4);
    assert_int_equal(malformed(f), 1);
}

static void what_is_dropped_and_what_fails_is_told(void **state)
{
    struct fixture *const f = *state;
    atomic_store(&f->writer.header->dropped_events, 5);
    atomic_store(&f->writer.header->dropped_counts, 6);
    writer_error(&f->writer, 3, 5, "a-flag-with-a-key-that-is-cut-\xc3\xa4", 9);
    read_counts(f);
    read_counts(f);
    assert_int_equal(recorded_dropped(f->sink.pending), 5);
    assert_int_equal(f->io->tally.dropped_events, 5);
    assert_int_equal(f->io->tally.dropped_counts, 6);
    assert_int_equal(f->io->tally.errors, 9);
    assert_int_equal(f->io->tally.error, 5);
    assert_string_equal(f->io->tally.error_key, "a-flag-with-a-key-that-is-cu");
}

static void what_somebody_else_counted_is_not_counted(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_block *const b = writer_block(&f->writer, TELEMETRY_FLAG, "flag", 1, 1, 2);
    writer_count(b, 0, 50);
    atomic_store(&f->writer.header->dropped_events, 5);
    writer_error(&f->writer, 0, 5, "flag", 9);
    assert_true(telemetry_take_for_counted(&f->reader, f->io));
    writer_count(b, 0, 1);
    read_counts(f);
    assert_int_equal(counted(f, "flag", 0), 1);
    assert_int_equal(recorded_dropped(f->sink.pending), 0);
    assert_int_equal(f->io->tally.errors, 0);
}

/* ---- the ring ----------------------------------------------------------------------------- */

static void records_come_in_their_order(void **state)
{
    struct fixture *const f = *state;
    writer_put_event(&f->writer, "one");
    writer_put_event(&f->writer, "two");
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(json_array_size(f->sink.pending), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(f->sink.pending, 1), "key")), "two");
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(f->io->tally.records, 2);
}

static void the_ring_goes_round(void **state)
{
    struct fixture *const f = *state;
    for (unsigned i = 0; i < 5000; i++) {
        char key[64];
        snprintf(key, sizeof key, "event-%.*s", (int)(i % 50),
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        writer_put_event(&f->writer, key);
        if (i % 37 == 0) {
            assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
        }
    }
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_true(f->reader.now.position > 10 * RING);
    assert_int_equal(events(f, NULL), 5000);
    assert_int_equal(malformed(f), 0);
}

static void a_full_ring_is_read(void **state)
{
    struct fixture *const f = *state;
    unsigned put = 0;
    while (f->writer.header->ring_tail + 512 <= RING) {
        writer_put_event(&f->writer, "e");
        put++;
    }
    writer_put(&f->writer, TELEMETRY_PAD, 0, NULL,
               RING - f->writer.header->ring_tail - sizeof(struct telemetry_record));
    assert_int_equal(f->writer.header->ring_tail, RING);
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(events(f, "e"), put);
    assert_int_equal(malformed(f), 0);
}

static void a_limit_ends_a_reading_early(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_writer *const w = &f->writer;
    writer_die(w);
    telemetry_reader_close(&f->reader, f->io);
    writer_open_nameless(w, 1u << 20);
    assert_true(telemetry_reader_open(&f->reader, dup(w->fd), w->id));
    unsigned put = 0;
    for (; w->header->ring_tail < 900000; put++) {
        writer_put_event(w, "e");
    }
    unsigned rounds = 1;
    while (telemetry_read_ring(&f->reader, w->header->ring_tail, 1, f->io) == TELEMETRY_RING_MORE) {
        rounds++;
    }
    assert_in_range(rounds, 9, 11);
    assert_int_equal(events(f, "e"), put);
}

static void an_unfinished_record_is_waited_for(void **state)
{
    struct fixture *const f = *state;
    size_t length;
    void *const payload = writer_pack("[1,[[\"user\",\"u\",null,false,[],[]]]]", &length);
    writer_put_event(&f->writer, "before");
    const uint64_t claimed = writer_claim(&f->writer, length);
    writer_put_event(&f->writer, "after");
    assert_int_equal(read_ring(f), TELEMETRY_RING_WAITING);
    assert_int_equal(events(f, NULL), 1);
    assert_int_equal(f->reader.now.position, claimed);
    struct telemetry_words words;
    assert_true(telemetry_read_words(&f->reader, &words));
    assert_true(telemetry_ring_has_later(&f->reader, words.ring_tail, f->io));
    writer_finish(&f->writer, claimed, TELEMETRY_IDENTIFY, 0, payload, length);
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(events(f, NULL), 3);
    free(payload);
}

static void a_dead_process_finishes_nothing(void **state)
{
    struct fixture *const f = *state;
    writer_put_event(&f->writer, "before");
    writer_claim(&f->writer, 100);
    writer_claim(&f->writer, 200);
    writer_put_event(&f->writer, "between");
    writer_claim(&f->writer, 300);
    f->reader.skips = true;
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(events(f, "before"), 1);
    assert_int_equal(events(f, "between"), 1);
    assert_int_equal(f->reader.now.position, f->writer.header->ring_tail);
    assert_int_equal(malformed(f), 0);
}

static void what_an_earlier_lap_left_is_no_record(void **state)
{
    struct fixture *const f = *state;
    while (f->writer.header->ring_tail < RING) {
        writer_put_event(&f->writer, "old");
        if (f->writer.header->ring_tail > RING / 2) {
            read_ring(f);
        }
    }
    read_ring(f);
    json_array_clear(f->sink.pending);
    writer_claim(&f->writer, 1000); /* over records of the first lap, never finished */
    writer_put_event(&f->writer, "new");
    f->reader.skips = true;
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(events(f, "old"), 0);
    assert_int_equal(events(f, "new"), 1);
}

static void records_that_cannot_be_are_scanned_over(void **state)
{
    static const struct {
        unsigned type;
        uint32_t length;
    } bad[] = {
        {TELEMETRY_CUSTOM, UINT32_MAX},
        {TELEMETRY_CUSTOM, TELEMETRY_RECORD_MOST + 1},
        {TELEMETRY_CUSTOM, 2000}, /* more than was claimed by anybody */
        {TELEMETRY_PAD, 16},      /* not up to the end */
        {TELEMETRY_PAD, UINT32_MAX},
    };
    struct fixture *const f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const uint64_t position = writer_put(&f->writer, bad[i].type, 0, "", 0);
        struct telemetry_record *const record =
            (void *)(f->writer.bytes + f->writer.header->ring_offset + position % RING);
        record->length = bad[i].length;
        writer_put_event(&f->writer, "next");
        assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
        assert_int_equal(events(f, "next"), i + 1);
        assert_int_equal(malformed(f), 1);
    }
}

static void malformed_payloads_are_skipped(void **state)
{
    struct fixture *const f = *state;
    writer_put(&f->writer, TELEMETRY_CUSTOM, 0, "\xc1", 1);
    writer_put(&f->writer, 77, 0, "\x90", 1);
    writer_put(&f->writer, TELEMETRY_CUSTOM, 0, "", 0);
    writer_put_event(&f->writer, "good");
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(events(f, "good"), 1);
    assert_int_equal(malformed(f), 3);
}

static void a_tail_that_goes_back_is_followed(void **state)
{
    struct fixture *const f = *state;
    writer_put_event(&f->writer, "one");
    writer_put_event(&f->writer, "two");
    read_ring(f);
    atomic_store(&f->writer.header->ring_tail, 0);
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(malformed(f), 1);
    assert_int_equal(f->reader.now.position, 0);
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(malformed(f), 0);
}

static void absurd_tails_cost_no_more_than_a_ring(void **state)
{
    const uint64_t tails[] = {RING + 16, UINT64_MAX, UINT64_MAX - 15, 1ull << 40, 7, 1ull << 63};
    struct fixture *const f = *state;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        f->reader.now.position = 0;
        atomic_store(&f->writer.header->ring_tail, tails[i]);
        const enum telemetry_ring_state was = read_ring(f);
        assert_true(was == TELEMETRY_RING_READ);
        assert_int_equal(malformed(f), 1);
        assert_int_equal(f->reader.now.position % TELEMETRY_ALIGN, 0);
    }
    assert_int_equal(json_array_size(f->sink.pending), 0);
}

static void after_an_overrun_what_is_left_is_read(void **state)
{
    struct fixture *const f = *state;
    /* A process that took everything for read: two laps without a reading. */
    for (unsigned i = 0; f->writer.header->ring_tail < 2 * RING + 1000; i++) {
        writer_put_event(&f->writer, "e");
    }
    assert_int_equal(read_ring(f), TELEMETRY_RING_READ);
    assert_int_equal(malformed(f), 1);
    assert_true(events(f, "e") > RING / 100);
    assert_int_equal(f->reader.now.position, f->writer.header->ring_tail);
}

static void a_file_that_is_cut_is_a_short_read(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_words words;
    writer_count(writer_block(&f->writer, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 1);
    writer_put_event(&f->writer, "e");
    assert_true(telemetry_read_words(&f->reader, &words));
    assert_int_equal(ftruncate(f->writer.fd, 8192), 0);
    assert_true(telemetry_read_counts(&f->reader, &words, f->io));
    assert_int_equal(telemetry_read_ring(&f->reader, words.ring_tail, UINT64_MAX, f->io),
                     TELEMETRY_RING_READ);
    assert_int_equal(malformed(f), 2);
    assert_int_equal(json_array_size(f->sink.pending), 0);
    assert_int_equal(ftruncate(f->writer.fd, 200), 0);
    assert_false(telemetry_read_words(&f->reader, &words));
}

/* Bytes at random places of a file with everything in it: whatever it becomes is read. */
static void damage_is_survived(void **state)
{
    struct fixture *const f = *state;
    struct telemetry_writer *const w = &f->writer;
    uint64_t random = 0x1234567;
    for (unsigned i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "f%u", i);
        writer_count(writer_block(w, TELEMETRY_FLAG, key, i, i % 4, 2), -1, i);
        writer_put_event(w, key);
    }
    uint8_t *const good = malloc(w->size);
    assert_non_null(good);
    memcpy(good, w->bytes, w->size);
    for (unsigned run = 0; run < 3000; run++) {
        for (unsigned i = 0; i < 8; i++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            const uint64_t places[] = {random >> 32, 128 + (random >> 32) % 160,
                                       sizeof *w->header + (random >> 32) % 1500,
                                       w->header->arena_offset + (random >> 32) % 1500};
            w->bytes[places[random >> 24 & 3] % w->size] = (uint8_t)(random >> 16);
        }
        telemetry_reader_close(&f->reader, f->io);
        const int fd = dup(w->fd);
        if (telemetry_reader_open(&f->reader, fd, w->id)) {
            struct telemetry_words words;
            f->reader.skips = run & 1;
            assert_true(telemetry_read_words(&f->reader, &words));
            telemetry_read_counts(&f->reader, &words, f->io);
            telemetry_read_ring(&f->reader, words.ring_tail, UINT64_MAX, f->io);
        } else {
            close(fd);
        }
        json_array_clear(f->sink.pending);
        memcpy(w->bytes, good, w->size);
    }
    free(good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_of_the_header_is_checked),
        TEST(what_may_differ_may_differ),
        TEST(the_size_has_to_cover_the_parts),
        TEST(only_what_is_new_is_counted),
        TEST(stripes_add_up_and_versions_do_not),
        TEST(a_transaction_that_failed_is_read_again),
        TEST(a_counter_that_shrinks_is_not_counted),
        TEST(an_absurd_counter_comes_in_parts),
        TEST(many_blocks_are_read_in_parts),
        TEST(a_bad_block_ends_the_arena),
        TEST(a_broken_arena_is_told_once),
        TEST(arena_used_is_not_believed),
        TEST(a_key_is_text),
        TEST(what_is_dropped_and_what_fails_is_told),
        TEST(what_somebody_else_counted_is_not_counted),
        TEST(records_come_in_their_order),
        TEST(the_ring_goes_round),
        TEST(a_full_ring_is_read),
        TEST(a_limit_ends_a_reading_early),
        TEST(an_unfinished_record_is_waited_for),
        TEST(a_dead_process_finishes_nothing),
        TEST(what_an_earlier_lap_left_is_no_record),
        TEST(records_that_cannot_be_are_scanned_over),
        TEST(malformed_payloads_are_skipped),
        TEST(a_tail_that_goes_back_is_followed),
        TEST(absurd_tails_cost_no_more_than_a_ring),
        TEST(after_an_overrun_what_is_left_is_read),
        TEST(a_file_that_is_cut_is_a_short_read),
        TEST(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
