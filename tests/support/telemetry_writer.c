#include "telemetry_writer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: %m\n", __FILE__, __LINE__, #condition);                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void start_file(struct telemetry_writer *w, uint32_t ring_bytes)
{
    w->size = sizeof(struct telemetry_header) + ring_bytes + WRITER_ARENA;
    REQUIRE(fallocate(w->fd, 0, 0, (off_t)w->size) == 0);
    w->bytes = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
    REQUIRE(w->bytes != MAP_FAILED);
    w->header = (void *)w->bytes;
    struct telemetry_header *const h = w->header;
    h->magic = TELEMETRY_FILE_MAGIC;
    h->major = TELEMETRY_MAJOR;
    h->minor = TELEMETRY_MINOR;
    h->header_size = sizeof *h;
    h->endian_tag = IMAGE_ENDIAN_TAG;
    h->id[0] = w->id[0];
    h->id[1] = w->id[1];
    h->stamp_key = 0x5eed5eed5eed5eedull;
    h->ring_offset = sizeof *h;
    h->ring_bytes = ring_bytes;
    h->arena_offset = (uint32_t)sizeof *h + ring_bytes;
    h->arena_limit = WRITER_ARENA;
    h->pid = (int32_t)getpid();
}

void writer_open_nameless(struct telemetry_writer *w, uint32_t ring_bytes)
{
    *w = (struct telemetry_writer){.id = {1, 2}};
    w->fd = memfd_create("telemetry", MFD_CLOEXEC);
    REQUIRE(w->fd >= 0);
    start_file(w, ring_bytes);
}

void writer_open(struct telemetry_writer *w, const char *dir, uint64_t id0, uint32_t ring_bytes)
{
    char temporary[256];
    *w = (struct telemetry_writer){.fd = -1};
    REQUIRE(getrandom(w->id, sizeof w->id, 0) == sizeof w->id);
    w->id[0] = id0 ? id0 : w->id[0] | 1;
    snprintf(w->path, sizeof w->path, "%s/telemetry/%016" PRIx64 "%016" PRIx64, dir, w->id[0],
             w->id[1]);
    snprintf(temporary, sizeof temporary, "%s/telemetry/tmp.%016" PRIx64 "%016" PRIx64, dir,
             w->id[0], w->id[1]);
    w->fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    REQUIRE(w->fd >= 0);
    REQUIRE(flock(w->fd, LOCK_EX | LOCK_NB) == 0);
    start_file(w, ring_bytes);
    REQUIRE(rename(temporary, w->path) == 0);
}

void writer_die(struct telemetry_writer *w)
{
    if (w->bytes) {
        munmap(w->bytes, w->size);
        close(w->fd);
        w->bytes = NULL;
    }
}

void writer_ask_flush(struct telemetry_writer *w)
{
    atomic_fetch_add(&w->header->flush_requests, 1);
    REQUIRE(futimens(w->fd, NULL) == 0);
}

/* ---- counters ----------------------------------------------------------------------------- */

struct telemetry_block *writer_block(struct telemetry_writer *w, enum telemetry_block_kind kind,
                                     const char *key, int64_t version, unsigned variations,
                                     unsigned stripe)
{
    const uint64_t at = atomic_load(&w->header->arena_used);
    struct telemetry_block *const b = (void *)(w->bytes + w->header->arena_offset + at);
    const size_t counters = kind == TELEMETRY_UNKNOWN ? 1 : variations + 1;
    const size_t bytes = sizeof *b + counters * 8 + strlen(key);
    const size_t units = (bytes + TELEMETRY_UNIT - 1) / TELEMETRY_UNIT;
    REQUIRE(at + units * TELEMETRY_UNIT <= WRITER_ARENA);
    b->units = (uint32_t)units;
    b->counter_count = (uint16_t)counters;
    b->kind = (uint16_t)kind;
    b->stripe = stripe;
    b->key_length = (uint32_t)strlen(key);
    b->tag = at + 1;
    b->version = version;
    memcpy(&b->counters[counters], key, strlen(key));
    atomic_store_explicit(&w->header->arena_used, at + (uint64_t)b->units * TELEMETRY_UNIT,
                          memory_order_release);
    return b;
}

void writer_count(struct telemetry_block *b, int variation, uint64_t n)
{
    atomic_fetch_add(&b->counters[variation < 0 ? b->counter_count - 1 : variation], n);
}

void writer_error(struct telemetry_writer *w, unsigned slot, int error, const char *key,
                  uint64_t count)
{
    struct telemetry_error *const e = &w->header->errors[slot];
    atomic_store(&e->tag, slot + 1);
    e->error = (uint8_t)error;
    e->key_length = (uint8_t)strnlen(key, sizeof e->key);
    memcpy(e->key, key, e->key_length);
    atomic_store(&e->count, count);
    atomic_store_explicit(&e->complete, 1, memory_order_release);
}

/* ---- the ring ----------------------------------------------------------------------------- */

static uint8_t *at(struct telemetry_writer *w, uint64_t position)
{
    return w->bytes + w->header->ring_offset + position % w->header->ring_bytes;
}

void writer_finish(struct telemetry_writer *w, uint64_t position, unsigned type, unsigned flags,
                   const void *payload, size_t length)
{
    struct telemetry_record *const record = (void *)at(w, position);
    record->length = (uint32_t)length;
    record->type = (uint16_t)type;
    record->flags = (uint16_t)flags;
    if (payload) {
        memcpy(record + 1, payload, length);
    }
    atomic_store_explicit(&record->stamp, position ^ w->header->stamp_key, memory_order_release);
}

uint64_t writer_claim(struct telemetry_writer *w, size_t length)
{
    const uint64_t size = (sizeof(struct telemetry_record) + length + TELEMETRY_ALIGN - 1) &
                          ~(uint64_t)(TELEMETRY_ALIGN - 1);
    uint64_t tail = atomic_load(&w->header->ring_tail);
    const uint64_t to_end = w->header->ring_bytes - tail % w->header->ring_bytes;
    if (size > to_end) {
        atomic_store(&w->header->ring_tail, tail + to_end);
        writer_finish(w, tail, TELEMETRY_PAD, 0, NULL, to_end - sizeof(struct telemetry_record));
        tail += to_end;
    }
    atomic_store(&w->header->ring_tail, tail + size);
    return tail;
}

uint64_t writer_put(struct telemetry_writer *w, unsigned type, unsigned flags, const void *payload,
                    size_t length)
{
    const uint64_t position = writer_claim(w, length);
    writer_finish(w, position, type, flags, payload, length);
    return position;
}

static void pack(msgpack_packer *p, const json_t *value)
{
    const json_t *bin = json_object_get(value, "bin");
    const json_t *element;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_ARRAY:
        msgpack_pack_array(p, json_array_size(value));
        json_array_foreach(value, i, element)
        {
            pack(p, element);
        }
        break;
    case JSON_STRING:
        msgpack_pack_str(p, json_string_length(value));
        msgpack_pack_str_body(p, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(p, json_integer_value(value));
        break;
    case JSON_REAL:
        msgpack_pack_double(p, json_real_value(value));
        break;
    case JSON_OBJECT:
        REQUIRE(json_is_string(bin));
        msgpack_pack_bin(p, json_string_length(bin));
        msgpack_pack_bin_body(p, json_string_value(bin), json_string_length(bin));
        break;
    case JSON_NULL:
        msgpack_pack_nil(p);
        break;
    default:
        if (json_is_true(value)) {
            msgpack_pack_true(p);
        } else {
            msgpack_pack_false(p);
        }
        break;
    }
}

void *writer_pack(const char *json, size_t *length)
{
    json_error_t error;
    json_t *const value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    if (!value) {
        fprintf(stderr, "%s: %s\n", error.text, json);
        exit(1);
    }
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    pack(&packer, value);
    json_decref(value);
    *length = buffer.size;
    return msgpack_sbuffer_release(&buffer);
}

uint64_t writer_put_json(struct telemetry_writer *w, unsigned type, unsigned flags,
                         const char *json)
{
    size_t length;
    void *const payload = writer_pack(json, &length);
    const uint64_t position = writer_put(w, type, flags, payload, length);
    free(payload);
    return position;
}

uint64_t writer_put_event(struct telemetry_writer *w, const char *key)
{
    char json[512];
    snprintf(json, sizeof json, "[1000,\"%s\",null,null,[[\"user\",\"u\",null,false,[],[]]]]", key);
    return writer_put_json(w, TELEMETRY_CUSTOM, 0, json);
}
