#include "fleet_record.h"

#include <inttypes.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../storage/packed.h"
#include "hash.h"

#define FORM 1
#define MEMBERS 5

void fleet_chain_next(const char chain[FLEET_CHAIN], const void *record, size_t length,
                      char next[FLEET_CHAIN])
{
    XXH3_state_t *state = XXH3_createState();
    XXH128_hash_t hash = {0, 0};
    if (state) {
        XXH3_128bits_reset(state);
        XXH3_128bits_update(state, chain, FLEET_CHAIN - 1);
        XXH3_128bits_update(state, record, length);
        hash = XXH3_128bits_digest(state);
        XXH3_freeState(state);
    }
    snprintf(next, FLEET_CHAIN, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

static void random_bytes(void *bytes, size_t length)
{
    if (getrandom(bytes, length, 0) != (ssize_t)length) {
        abort(); /* up to 256 bytes never fail once the system is up */
    }
}

void fleet_random(char text[FLEET_CHAIN])
{
    uint64_t bits[2];
    random_bytes(bits, sizeof bits);
    snprintf(text, FLEET_CHAIN, "%016" PRIx64 "%016" PRIx64, bits[0], bits[1]);
}

int fleet_sequence(const char *text, size_t length, int64_t *sequence)
{
    int64_t number = 0;
    if (length == 0 || length > 18) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    *sequence = number;
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

struct fleet_record_writer {
    msgpack_sbuffer changes;
    size_t count;
    const char *host;
    int64_t time_ms;
    bool failed;
};

struct fleet_record_writer *fleet_record_begin(const char *host, int64_t time_ms)
{
    struct fleet_record_writer *w = calloc(1, sizeof *w);
    if (w) {
        msgpack_sbuffer_init(&w->changes);
        w->host = host;
        w->time_ms = time_ms;
    }
    return w;
}

static int put_bytes(msgpack_packer *out, const void *bytes, size_t length)
{
    return msgpack_pack_bin(out, length) | msgpack_pack_bin_body(out, bytes, length);
}

int fleet_record_put(struct fleet_record_writer *w, const struct row_change *change)
{
    msgpack_packer out;
    msgpack_packer_init(&out, &w->changes, msgpack_sbuffer_write);
    int failed = msgpack_pack_array(&out, 3) | msgpack_pack_uint32(&out, change->table) |
                 put_bytes(&out, change->key, change->key_length);
    failed |=
        change->row ? put_bytes(&out, change->row, change->row_length) : msgpack_pack_nil(&out);
    w->count++;
    w->failed = w->failed || failed;
    return failed ? -1 : 0;
}

int fleet_record_end(struct fleet_record_writer *w, struct fleet_record *record)
{
    msgpack_sbuffer bytes;
    msgpack_packer out;
    const size_t host = strlen(w->host);
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&out, &bytes, msgpack_sbuffer_write);
    random_bytes(record->id, sizeof record->id);
    int failed = msgpack_pack_array(&out, MEMBERS) | msgpack_pack_uint32(&out, FORM) |
                 put_bytes(&out, record->id, sizeof record->id) | msgpack_pack_str(&out, host) |
                 msgpack_pack_str_body(&out, w->host, host) | msgpack_pack_int64(&out, w->time_ms) |
                 msgpack_pack_array(&out, w->count);
    failed |= w->count > 0 ? msgpack_sbuffer_write(&bytes, w->changes.data, w->changes.size) : 0;
    failed |= w->failed;
    record->changes = w->count;
    record->length = bytes.size;
    record->bytes = failed ? NULL : msgpack_sbuffer_release(&bytes);
    msgpack_sbuffer_destroy(&bytes);
    msgpack_sbuffer_destroy(&w->changes);
    free(w);
    return failed ? -1 : 0;
}

static int put_change(void *arg, const struct row_change *change)
{
    return fleet_record_put(arg, change);
}

int fleet_record_of(struct storage *s, const char *host, int64_t time_ms,
                    struct fleet_record *record, struct fault *fault)
{
    struct fleet_record_writer *w = fleet_record_begin(host, time_ms);
    fault_set(fault, "", "give the agent more memory", "out of memory");
    if (!w) {
        return -1;
    }
    const int told = rows_captured(s, put_change, w, fault);
    if (fleet_record_end(w, record) != 0) {
        return -1;
    }
    if (told != 0) {
        fleet_record_free(record);
    }
    return told;
}

void fleet_record_free(struct fleet_record *record)
{
    free(record->bytes);
    *record = (struct fleet_record){.bytes = NULL};
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool is_bytes(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_BIN;
}

static bool read_change(const msgpack_object *o, struct row_change *change)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 3) {
        return false;
    }
    const msgpack_object *of = o->via.array.ptr;
    const bool gone = of[2].type == MSGPACK_OBJECT_NIL;
    if (of[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || of[0].via.u64 >= ROWS_TABLES ||
        !is_bytes(&of[1]) || (!gone && !is_bytes(&of[2]))) {
        return false;
    }
    *change = (struct row_change){
        .table = (enum rows_table)of[0].via.u64,
        .key = of[1].via.bin.ptr,
        .key_length = of[1].via.bin.size,
        .row = gone ? NULL : of[2].via.bin.ptr,
        .row_length = gone ? 0 : of[2].via.bin.size,
    };
    return true;
}

static bool read_head(const msgpack_object *o, struct fleet_record_head *head)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != MEMBERS) {
        return false;
    }
    const msgpack_object *of = o->via.array.ptr;
    if (of[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || of[0].via.u64 != FORM ||
        !is_bytes(&of[1]) || of[1].via.bin.size != FLEET_ID || of[2].type != MSGPACK_OBJECT_STR ||
        of[3].type != MSGPACK_OBJECT_POSITIVE_INTEGER || of[4].type != MSGPACK_OBJECT_ARRAY) {
        return false;
    }
    memcpy(head->id, of[1].via.bin.ptr, FLEET_ID);
    head->host = of[2].via.str.ptr;
    head->host_length = of[2].via.str.size;
    head->time_ms = (int64_t)of[3].via.u64;
    head->changes = of[4].via.array.size;
    struct row_change change;
    for (size_t i = 0; i < head->changes; i++) {
        if (!read_change(&of[4].via.array.ptr[i], &change)) {
            return false;
        }
    }
    return true;
}

int fleet_record_read(const void *bytes, size_t length, struct fleet_record_head *head, rows_fn *fn,
                      void *arg, struct fault *fault)
{
    msgpack_unpacked unpacked;
    size_t at = 0;
    int result = 0;
    msgpack_unpacked_init(&unpacked);
    if (!packed_is_sound(bytes, length) ||
        msgpack_unpack_next(&unpacked, bytes, length, &at) != MSGPACK_UNPACK_SUCCESS ||
        at != length || !read_head(&unpacked.data, head)) {
        fault_set(fault, "", "run the same version of ffagent on all hosts",
                  "what is in the fleet's log is not a record that this version understands");
        result = -1;
    }
    for (size_t i = 0; result == 0 && fn && i < head->changes; i++) {
        struct row_change change = {.table = ROWS_TABLES};
        (void)read_change(&unpacked.data.via.array.ptr[4].via.array.ptr[i], &change);
        result = fn(arg, &change);
    }
    msgpack_unpacked_destroy(&unpacked);
    return result;
}
