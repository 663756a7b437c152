#include "telemetry_reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

#define EXPECT(condition, name)                                                                    \
    ((condition) ? (void)0 : give_up(name, "not as it should be: " #condition))

/* ---- the collector's side ---- */

static void *map(const char *dir, const char *name, int flags, size_t size)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    const int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0 || (flags & O_CREAT && posix_fallocate(fd, 0, (off_t)size) != 0)) {
        give_up(path, strerror(errno));
    }
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) {
        give_up(path, strerror(errno));
    }
    return memory;
}

void telemetry_desk_open(struct telemetry_desk *desk, const char *dir)
{
    char path[512];
    *desk = (struct telemetry_desk){0};
    snprintf(desk->dir, sizeof(desk->dir), "%s", dir);
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY, dir);
    if (mkdir(path, 0700) != 0) {
        give_up(path, strerror(errno));
    }
    desk->control = map(dir, "ctl", O_RDWR, sizeof(*desk->control));
    desk->acks = map(dir, TELEMETRY_ACKS, O_RDWR | O_CREAT | O_EXCL, sizeof(*desk->acks));
    desk->acks->magic = TELEMETRY_ACKS_MAGIC;
    desk->acks->major = TELEMETRY_MAJOR;
    desk->acks->slots = TELEMETRY_ACK_SLOTS;
    desk->acks->store_epoch = desk->control->store_epoch;
    atomic_store(&desk->control->telemetry_ring_bytes, 0);
    telemetry_desk_window(desk, 0, 0, false);
}

/* Calls fn for each file's name. */
static void each_name(const char *dir, void (*fn)(const char *dir, const char *name, void *arg),
                      void *arg)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY, dir);
    DIR *d = opendir(path);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            fn(dir, e->d_name, arg);
        }
    }
    if (d) {
        closedir(d);
    }
}

static void remove_file(const char *dir, const char *name, void *arg)
{
    char path[512];
    (void)arg;
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY "/%s", dir, name);
    unlink(path);
}

void telemetry_desk_close(struct telemetry_desk *desk)
{
    char path[512];
    munmap(desk->control, sizeof(*desk->control));
    munmap(desk->acks, sizeof(*desk->acks));
    each_name(desk->dir, remove_file, NULL);
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY, desk->dir);
    rmdir(path);
}

static void remove_unlocked(const char *dir, const char *name, void *arg)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY "/%s", dir, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        unlink(path);
        ++*(unsigned *)arg;
    }
    close(fd);
}

unsigned telemetry_desk_remove_gone(struct telemetry_desk *desk)
{
    unsigned count = 0;
    each_name(desk->dir, remove_unlocked, &count);
    return count;
}

void telemetry_desk_window(struct telemetry_desk *desk, uint32_t epoch, uint32_t window,
                           bool events)
{
    atomic_store(&desk->control->telemetry_wants, events ? IMAGE_WANTS_EVENTS : 0);
    atomic_store_explicit(&desk->control->telemetry_window, (uint64_t)epoch << 32 | window,
                          memory_order_release);
}

/* ---- files ---- */

/* A whole file, read. */
struct file {
    const char *name;
    uint8_t *bytes;
    size_t size;
    const struct telemetry_header *header;
};

struct each {
    void (*fn)(const struct file *file, void *arg);
    void *arg;
};

static void check_header(const struct file *file)
{
    const struct telemetry_header *h = file->header;
    char id[TELEMETRY_NAME];
    snprintf(id, sizeof(id), "%016llx%016llx", (unsigned long long)h->id[0],
             (unsigned long long)h->id[1]);
    EXPECT(file->size >= sizeof(*h), file->name);
    EXPECT(h->magic == TELEMETRY_FILE_MAGIC && h->major == TELEMETRY_MAJOR, file->name);
    EXPECT(h->header_size == sizeof(*h) && h->endian_tag == IMAGE_ENDIAN_TAG, file->name);
    EXPECT(strcmp(id, file->name) == 0, file->name);
    EXPECT(h->ring_offset == sizeof(*h) && (h->ring_bytes & (h->ring_bytes - 1)) == 0, file->name);
    EXPECT(h->arena_offset == h->ring_offset + h->ring_bytes, file->name);
    EXPECT(file->size >= h->arena_offset + atomic_load(&h->arena_used), file->name);
    EXPECT(file->size <= h->arena_offset + h->arena_limit, file->name);
}

/* A process that evaluates for the first time right now is making its file: it has another name
   soon. None may stay. */
static void await_name(const char *path)
{
    for (int i = 0; access(path, F_OK) == 0; i++) {
        if (i == 2000) {
            give_up(path, "is not finished");
        }
        usleep(1000);
    }
}

static size_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
}

/* false: it grew while it was read, so that the header may tell of what was not read. */
static bool read_whole(int fd, struct file *file)
{
    free(file->bytes);
    file->size = size_of(fd);
    file->bytes = aligned_alloc(64, (file->size + 63) / 64 * 64);
    if (!file->bytes || pread(fd, file->bytes, file->size, 0) != (ssize_t)file->size) {
        give_up(file->name, "cannot be read");
    }
    return size_of(fd) == file->size;
}

static void read_file(const char *dir, const char *name, void *arg)
{
    const struct each *each = arg;
    char path[512];
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY "/%s", dir, name);
    if (strncmp(name, "tmp.", 4) == 0) {
        await_name(path);
        return;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct file file = {.name = name};
    if (fd < 0) {
        give_up(path, "cannot be read");
    }
    while (!read_whole(fd, &file)) {
        /* it has grown meanwhile */
    }
    close(fd);
    file.header = (const void *)file.bytes;
    check_header(&file);
    each->fn(&file, each->arg);
    free(file.bytes);
}

static void each_file(const char *dir, void (*fn)(const struct file *file, void *arg), void *arg)
{
    each_name(dir, read_file, &(struct each){fn, arg});
}

static void count_one(const struct file *file, void *arg)
{
    (void)file;
    ++*(unsigned *)arg;
}

unsigned telemetry_files(const char *dir)
{
    unsigned count = 0;
    each_file(dir, count_one, &count);
    return count;
}

/* ---- counters ---- */

struct query {
    const char *key; /* NULL: all */
    int64_t version;
    int variation;
    uint64_t sum;
    unsigned stripes;
};

static void add_block(const struct telemetry_block *block, struct query *q)
{
    const char *key = (const char *)&block->counters[block->counter_count];
    const bool unknown = block->kind == TELEMETRY_UNKNOWN;
    q->stripes |= 1u << block->stripe;
    if (q->key &&
        (block->key_length != strlen(q->key) || memcmp(key, q->key, block->key_length) != 0 ||
         unknown != (q->version == -1) || (!unknown && block->version != q->version))) {
        return;
    }
    for (unsigned i = 0; i < block->counter_count; i++) {
        const bool fallback = i == block->counter_count - 1u;
        if (!q->key || (int)i == (fallback && q->variation == -1 ? (int)i : q->variation)) {
            q->sum +=
                fallback && q->key && q->variation != -1 ? 0 : atomic_load(&block->counters[i]);
        }
    }
}

static void add_blocks(const struct file *file, void *arg)
{
    const uint64_t used = atomic_load(&file->header->arena_used);
    for (uint64_t at = 0; at < used;) {
        const struct telemetry_block *block =
            (const void *)(file->bytes + file->header->arena_offset + at);
        const uint64_t size = (uint64_t)block->units * TELEMETRY_UNIT;
        EXPECT(size > 0 && at + size <= used, file->name);
        EXPECT(block->kind == TELEMETRY_FLAG || block->kind == TELEMETRY_UNKNOWN, file->name);
        EXPECT(block->counter_count >= 1 && block->counter_count <= TELEMETRY_COUNTERS_MOST,
               file->name);
        EXPECT(block->stripe >= TELEMETRY_SHARED_STRIPE && block->stripe < TELEMETRY_STRIPES,
               file->name);
        EXPECT(sizeof(*block) + (size_t)8 * block->counter_count + block->key_length <= size,
               file->name);
        add_block(block, arg);
        at += size;
    }
}

uint64_t telemetry_counted(const char *dir, const char *key, int64_t version, int variation)
{
    struct query q = {key, version, variation, 0, 0};
    each_file(dir, add_blocks, &q);
    return q.sum;
}

uint64_t telemetry_counted_all(const char *dir)
{
    struct query q = {0};
    each_file(dir, add_blocks, &q);
    return q.sum;
}

unsigned telemetry_stripes(const char *dir)
{
    struct query q = {0};
    each_file(dir, add_blocks, &q);
    return q.stripes;
}

struct failed {
    int error;
    const char *key;
    uint64_t count;
};

static void add_errors(const struct file *file, void *arg)
{
    struct failed *failed = arg;
    for (unsigned i = 0; i < TELEMETRY_ERRORS; i++) {
        const struct telemetry_error *e = &file->header->errors[i];
        const size_t length = strlen(failed->key);
        const size_t kept = length < sizeof(e->key) ? length : sizeof(e->key);
        if (atomic_load(&e->complete) && e->error == failed->error && e->key_length == kept &&
            memcmp(e->key, failed->key, kept) == 0) {
            EXPECT(atomic_load(&e->first_ms) <= atomic_load(&e->last_ms), file->name);
            failed->count += atomic_load(&e->count);
        }
    }
}

uint64_t telemetry_failed(const char *dir, int error, const char *key)
{
    struct failed failed = {error, key, 0};
    each_file(dir, add_errors, &failed);
    return failed.count;
}

static void add_totals(const struct file *file, void *arg)
{
    struct telemetry_totals *totals = arg;
    totals->dropped_events += atomic_load(&file->header->dropped_events);
    totals->dropped_counts += atomic_load(&file->header->dropped_counts);
    totals->flush_requests += atomic_load(&file->header->flush_requests);
    totals->arena_used += atomic_load(&file->header->arena_used);
}

struct telemetry_totals telemetry_totals(const char *dir)
{
    struct telemetry_totals totals = {0};
    each_file(dir, add_totals, &totals);
    return totals;
}

/* ---- records ---- */

static json_t *json_of_object(const msgpack_object *o)
{
    json_t *json;
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return json_integer((json_int_t)o->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(o->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return json_real(o->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(o->via.str.size ? o->via.str.ptr : "", o->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return json_pack("{s:s#}", "bin", o->via.bin.ptr, (int)o->via.bin.size);
    case MSGPACK_OBJECT_ARRAY:
        json = json_array();
        for (uint32_t i = 0; i < o->via.array.size; i++) {
            json_array_append_new(json, json_of_object(&o->via.array.ptr[i]));
        }
        return json;
    default:
        EXPECT(o->type == MSGPACK_OBJECT_NIL, "a record");
        return json_null();
    }
}

static const char *type_name(unsigned type)
{
    static const char *const names[] = {"evaluation", "index", "identify", "custom",
                                        "migration",  "seen",  "ask"};
    return type >= TELEMETRY_EVALUATION && type <= TELEMETRY_ASK
               ? names[type - TELEMETRY_EVALUATION]
               : NULL;
}

static void add_record(json_t *records, const struct file *file,
                       const struct telemetry_record *record)
{
    const char *name = type_name(record->type);
    EXPECT(name, file->name);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t at = 0;
    const msgpack_unpack_return result =
        msgpack_unpack_next(&unpacked, (const char *)(record + 1), record->length, &at);
    EXPECT(result == MSGPACK_UNPACK_SUCCESS && at == record->length, file->name);
    json_t *payload = json_of_object(&unpacked.data);
    EXPECT(json_is_array(payload), file->name);
    msgpack_unpacked_destroy(&unpacked);
    json_array_append_new(records, json_pack("[s,i,o]", name, (int)record->flags, payload));
}

struct records {
    const char *dir;
    json_t *list;
};

static uint64_t acked(const char *dir, uint64_t id)
{
    uint64_t position = 0;
    char path[512];
    snprintf(path, sizeof(path), "%s/" TELEMETRY_ACKS, dir);
    if (access(path, R_OK) != 0) {
        return 0;
    }
    struct telemetry_acks *acks = map(dir, TELEMETRY_ACKS, O_RDWR, sizeof(*acks));
    for (uint64_t i = 0; i < TELEMETRY_ACK_PROBES; i++) {
        const struct telemetry_ack *ack = &acks->entries[(id + i) % TELEMETRY_ACK_SLOTS];
        position = atomic_load(&ack->id) == id ? atomic_load(&ack->position) : position;
    }
    munmap(acks, sizeof(*acks));
    return position;
}

static void add_records(const struct file *file, void *arg)
{
    struct records *records = arg;
    const struct telemetry_header *h = file->header;
    const uint64_t tail = atomic_load(&h->ring_tail);
    uint64_t position = acked(records->dir, h->id[0]);
    EXPECT(position <= tail && tail - position <= h->ring_bytes, file->name);
    while (position < tail) {
        const uint64_t offset = position & (h->ring_bytes - 1);
        const struct telemetry_record *record =
            (const void *)(file->bytes + h->ring_offset + offset);
        if (atomic_load(&record->stamp) != (position ^ h->stamp_key)) {
            position += TELEMETRY_ALIGN; /* claimed and never finished */
            continue;
        }
        EXPECT(sizeof(*record) + record->length <= h->ring_bytes - offset, file->name);
        if (record->type != TELEMETRY_PAD) {
            add_record(records->list, file, record);
        }
        position += (sizeof(*record) + record->length + TELEMETRY_ALIGN - 1) / TELEMETRY_ALIGN *
                    TELEMETRY_ALIGN;
    }
    EXPECT(position == tail, file->name);
}

json_t *telemetry_records(const char *dir)
{
    struct records records = {dir, json_array()};
    each_file(dir, add_records, &records);
    return records.list;
}

json_t *telemetry_records_of(const char *dir, const char *type)
{
    json_t *all = telemetry_records(dir);
    json_t *found = json_array();
    size_t i;
    json_t *record;
    json_array_foreach(all, i, record)
    {
        if (strcmp(json_string_value(json_array_get(record, 0)), type) == 0) {
            json_array_append(found, json_array_get(record, 2));
        }
    }
    json_decref(all);
    return found;
}

static void ack_file(const struct file *file, void *arg)
{
    const struct telemetry_desk *desk = arg;
    const uint64_t id = file->header->id[0];
    for (uint64_t i = 0; i < TELEMETRY_ACK_PROBES; i++) {
        struct telemetry_ack *ack = &desk->acks->entries[(id + i) % TELEMETRY_ACK_SLOTS];
        const uint64_t there = atomic_load(&ack->id);
        if (there == 0 || there == id) {
            atomic_store(&ack->position, atomic_load(&file->header->ring_tail));
            atomic_store_explicit(&ack->id, id, memory_order_release);
            return;
        }
    }
    give_up(file->name, "acks is full");
}

void telemetry_desk_ack(struct telemetry_desk *desk)
{
    each_file(desk->dir, ack_file, desk);
}
