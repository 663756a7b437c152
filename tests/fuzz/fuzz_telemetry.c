/*
 * fuzz_telemetry.c - agent/collect/ on any bytes: a record of any type, or a whole file.
 *
 * The first byte says which. A file's parts that have to be right for the rest to be read at all
 * (the header, the stamps) are made right, unless the input says that they are not.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/telemetry_read.h"
#include "collect/telemetry_record.h"
#include "fuzz.h"
#include "image.h"

#define RING TELEMETRY_RING_LEAST
#define ARENA 8192u
#define FILE_BYTES (sizeof(struct telemetry_header) + RING + ARENA)

static struct telemetry_io io;
static uint64_t counts;

static void on_event(void *arg, const struct deliver_event *event)
{
    (void)arg;
    FUZZ_REQUIRE(event->type == DELIVER_INDEX || event->type == DELIVER_IDENTIFY || event->key);
    FUZZ_REQUIRE(json_is_object(event->context));
    FUZZ_REQUIRE(event->variation >= -1 && event->time_ms >= 0);
    FUZZ_REQUIRE(json_is_string(json_object_get(event->context, "kind")));
    char *const text = json_dumps(event->context, JSON_COMPACT);
    FUZZ_REQUIRE(text);
    free(text);
}

static void on_count(void *arg, const struct deliver_count *count)
{
    (void)arg;
    FUZZ_REQUIRE(count->count > 0 && count->count <= TELEMETRY_DELTA_MOST);
    FUZZ_REQUIRE(strlen(count->key) > 0 && count->variation >= -1);
    counts += count->count;
}

static void on_seen(void *arg, const struct deliver_seen *seen)
{
    (void)arg;
    FUZZ_REQUIRE(strlen(seen->key) > 0);
    for (size_t i = 0; i < seen->kind_count; i++) {
        FUZZ_REQUIRE(strlen(seen->kinds[i]) > 0);
    }
}

static void on_dropped(void *arg, uint64_t events)
{
    (void)arg;
    FUZZ_REQUIRE(events > 0);
}

static const struct collector_sink sink = {
    .event = on_event, .count = on_count, .seen = on_seen, .dropped = on_dropped};

/* ---- a record ----------------------------------------------------------------------------- */

static void read_record(const uint8_t *data, size_t size)
{
    struct telemetry_item item;
    void *const payload = malloc(size > 2 ? size - 2 : 1); /* reading beyond it is seen */
    if (!payload || size < 2) {
        free(payload);
        return;
    }
    memcpy(payload, data + 2, size - 2);
    if (telemetry_record_read(&io.scratch, data[0], data[1], payload, size - 2, &item)) {
        if (item.kind == TELEMETRY_ITEM_SEEN) {
            on_seen(NULL, &item.seen);
        } else {
            on_event(NULL, &item.event);
        }
        telemetry_item_free(&item);
    }
    free(payload);
}

/* ---- a file ------------------------------------------------------------------------------- */

static void fill(uint8_t *file, const uint8_t *data, size_t size, uint64_t tail, uint64_t used)
{
    struct telemetry_header *const h = (void *)file;
    const size_t half = size / 2 < RING ? size / 2 : RING;
    const size_t rest = size - half < ARENA ? size - half : ARENA;
    h->magic = TELEMETRY_FILE_MAGIC;
    h->major = TELEMETRY_MAJOR;
    h->header_size = sizeof *h;
    h->endian_tag = IMAGE_ENDIAN_TAG;
    h->id[0] = 1;
    h->id[1] = 2;
    h->stamp_key = 0x0123456789abcdefull;
    h->ring_offset = sizeof *h;
    h->ring_bytes = RING;
    h->arena_offset = sizeof *h + RING;
    h->arena_limit = ARENA;
    atomic_store(&h->ring_tail, tail);
    atomic_store(&h->arena_used, used);
    memcpy(file + h->ring_offset, data, half);
    memcpy(file + h->arena_offset, data + half, rest);
}

/* Each record's stamp, as far as their lengths lead. */
static void stamp(uint8_t *file, uint64_t tail)
{
    const struct telemetry_header *const h = (void *)file;
    for (uint64_t at = 0; at + sizeof(struct telemetry_record) <= tail && at < RING;) {
        struct telemetry_record *const r = (void *)(file + h->ring_offset + at);
        atomic_store(&r->stamp, at ^ h->stamp_key);
        at += (sizeof *r + (uint64_t)r->length + 15) & ~15ull;
    }
}

static void read_all(struct telemetry_reader *r)
{
    struct telemetry_words words;
    if (!telemetry_read_words(r, &words)) {
        return;
    }
    telemetry_read_counts(r, &words, &io);
    telemetry_read_ring(r, words.ring_tail, UINT64_MAX, &io);
    (void)telemetry_ring_has_later(r, words.ring_tail, &io);
}

static void read_file(const uint8_t *data, size_t size)
{
    if (size < 6) {
        return;
    }
    const uint64_t tail = (data[0] | (uint64_t)data[1] << 8) * (data[4] & 1 ? 1 : TELEMETRY_ALIGN);
    const uint64_t used = (data[2] | (uint64_t)data[3] << 8) * (data[4] & 2 ? 1 : TELEMETRY_UNIT);
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    static uint8_t file[FILE_BYTES] __attribute__((aligned(64)));
    memset(file, 0, sizeof file);
    fill(file, data + 6, size - 6, tail, used);
    if (!(data[4] & 4)) {
        stamp(file, tail);
    }
    if (data[4] & 8 && size > 8) { /* any byte of the header but its name */
        file[(data[6] | (size_t)data[7] << 8) % sizeof(struct telemetry_header)] ^= data[5];
    }
    const size_t cut = data[4] & 16 ? (size_t)data[5] * 128 : sizeof file;
    FUZZ_REQUIRE(fd >= 0 && write(fd, file, cut) == (ssize_t)cut);
    struct telemetry_reader r;
    if (!telemetry_reader_open(&r, fd, (uint64_t[2]){1, 2})) {
        close(fd);
        return;
    }
    r.skips = (data[4] & 32) != 0;
    counts = 0;
    read_all(&r);
    const uint64_t first = counts;
    telemetry_reader_committed(&r);
    read_all(&r);
    /* Only what was too much for one round comes in the next one. */
    FUZZ_REQUIRE(counts == first || first >= TELEMETRY_DELTA_MOST);
    telemetry_reader_revert(&r);
    telemetry_reader_close(&r, &io);
    FUZZ_REQUIRE(io.counters == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!io.sink) {
        io.sink = &sink;
        FUZZ_REQUIRE(telemetry_scratch_init(&io.scratch));
    }
    if (size < 1 || size > 20000) {
        return 0;
    }
    if (data[0] & 1) {
        read_file(data + 1, size - 1);
    } else {
        read_record(data + 1, size - 1);
    }
    return 0;
}
