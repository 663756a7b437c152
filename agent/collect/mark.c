#include "mark.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define TWIN 0x73746e756f43ull /* "Counts": makes the second mark's id of the first one's */
#define VARINT_MOST 10u

enum mark_kind { MARK_OF_RING = 1, MARK_OF_COUNTS = 2 };

/* How both begin. */
struct mark_head {
    uint16_t version;
    uint16_t kind;
    uint32_t reserved;
    uint64_t id[2]; /* of the file */
};

struct mark_ring {
    struct mark_head head;
    uint64_t position;
};

_Static_assert(sizeof(struct mark_ring) == 32, "no padding in a stored mark");

struct kept_mark {
    uint64_t id[2];
    void *bytes[2]; /* by kind - 1; NULL: none */
    size_t length[2];
};

struct marks {
    struct kept_mark *marks; /* in the order of their ids */
    size_t count;
    size_t capacity;
};

/* ---- bytes -------------------------------------------------------------------------------- */

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        to[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[n++] = (uint8_t)value;
    return n;
}

struct bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static uint64_t get_varint(struct bytes *b)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && b->at < b->end; shift += 7) {
        const uint8_t byte = *b->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    b->bad = true;
    return 0;
}

/* Trailing zeros are not stored: a file has room for more counters than it has. */
static size_t counters_in_use(const struct telemetry_reader *r)
{
    size_t count = r->counted_count;
    while (count > 0 && r->counted[count - 1] == 0) {
        count--;
    }
    return count;
}

static int store_counts(struct storage *storage, const struct telemetry_reader *r,
                        struct fault *fault)
{
    const uint64_t key[2] = {r->id[0], r->id[1] ^ TWIN};
    const struct mark_head head = {VERSION, MARK_OF_COUNTS, 0, {r->id[0], r->id[1]}};
    const size_t count = counters_in_use(r);
    uint8_t *const bytes = malloc(sizeof head + (3 + TELEMETRY_ERRORS + count) * VARINT_MOST);
    if (!bytes) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        return -1;
    }
    memcpy(bytes, &head, sizeof head);
    size_t n = sizeof head;
    n += put_varint(bytes + n, r->now.dropped_events);
    n += put_varint(bytes + n, r->now.dropped_counts);
    for (unsigned i = 0; i < TELEMETRY_ERRORS; i++) {
        n += put_varint(bytes + n, r->now.errors[i]);
    }
    n += put_varint(bytes + n, count);
    for (size_t i = 0; i < count; i++) {
        n += put_varint(bytes + n, r->counted[i]);
    }
    const int result = storage_mark_put(storage, key, bytes, n, fault);
    free(bytes);
    return result;
}

int mark_store(struct storage *storage, const struct telemetry_reader *r, struct fault *fault)
{
    if (!storage) {
        return 0;
    }
    if ((r->counts_moved || r->unstored) && store_counts(storage, r, fault) != 0) {
        return -1;
    }
    const struct mark_ring ring = {{VERSION, MARK_OF_RING, 0, {r->id[0], r->id[1]}},
                                   r->now.position};
    return r->ring_moved || r->unstored
               ? storage_mark_put(storage, r->id, &ring, sizeof ring, fault)
               : 0;
}

int mark_delete(struct storage *storage, const uint64_t id[2], struct fault *fault)
{
    const uint64_t twin[2] = {id[0], id[1] ^ TWIN};
    if (!storage) {
        return 0;
    }
    return storage_mark_delete(storage, id, fault) == 0 &&
                   storage_mark_delete(storage, twin, fault) == 0
               ? 0
               : -1;
}

/* ---- at the start ------------------------------------------------------------------------- */

static bool is_before(const struct kept_mark *mark, const uint64_t id[2])
{
    return mark->id[0] != id[0] ? mark->id[0] < id[0] : mark->id[1] < id[1];
}

/* Where the mark of this id is, or belongs. */
static size_t place_of(const struct marks *m, const uint64_t id[2])
{
    size_t low = 0;
    size_t high = m->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (is_before(&m->marks[middle], id)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct marks *m, size_t place, const uint64_t id[2])
{
    return place < m->count && m->marks[place].id[0] == id[0] && m->marks[place].id[1] == id[1];
}

static struct kept_mark *mark_of(struct marks *m, const uint64_t id[2])
{
    const size_t place = place_of(m, id);
    if (is_at(m, place, id)) {
        return &m->marks[place];
    }
    if (m->count == m->capacity) {
        const size_t capacity = m->capacity ? 2 * m->capacity : 64;
        struct kept_mark *const grown = realloc(m->marks, capacity * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        m->marks = grown;
        m->capacity = capacity;
    }
    memmove(&m->marks[place + 1], &m->marks[place], (m->count - place) * sizeof *m->marks);
    m->marks[place] = (struct kept_mark){{id[0], id[1]}, {NULL, NULL}, {0, 0}};
    m->count++;
    return &m->marks[place];
}

/* What is not understood is kept by its own id without bytes: it goes away with the others whose
   file is not found. */
static int load_one(void *arg, const uint64_t id[2], const void *bytes, size_t length)
{
    struct marks *const m = arg;
    struct mark_head head;
    if (length < sizeof head) {
        return mark_of(m, id) ? 0 : -1;
    }
    memcpy(&head, bytes, sizeof head);
    const uint64_t key = head.kind == MARK_OF_COUNTS ? head.id[1] ^ TWIN : head.id[1];
    if (head.version != VERSION || head.id[0] != id[0] || key != id[1] ||
        (head.kind != MARK_OF_RING && head.kind != MARK_OF_COUNTS)) {
        return mark_of(m, id) ? 0 : -1;
    }
    struct kept_mark *const mark = mark_of(m, head.id);
    void *const copy = mark ? malloc(length) : NULL;
    if (!copy) {
        return -1;
    }
    memcpy(copy, bytes, length);
    free(mark->bytes[head.kind - 1]);
    mark->bytes[head.kind - 1] = copy;
    mark->length[head.kind - 1] = length;
    return 0;
}

struct marks *marks_load(struct storage *storage, struct fault *fault)
{
    struct marks *const m = calloc(1, sizeof *m);
    fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
    if (!m || (storage && storage_mark_load(storage, load_one, m, fault) != 0)) {
        marks_free(m);
        return NULL;
    }
    fault_set(fault, "", "", "%s", "");
    return m;
}

void marks_free(struct marks *m)
{
    for (size_t i = 0; m && i < m->count; i++) {
        free(m->marks[i].bytes[0]);
        free(m->marks[i].bytes[1]);
    }
    if (m) {
        free(m->marks);
    }
    free(m);
}

void marks_forget(struct marks *m, const uint64_t id[2])
{
    const size_t place = place_of(m, id);
    if (!is_at(m, place, id)) {
        return;
    }
    free(m->marks[place].bytes[0]);
    free(m->marks[place].bytes[1]);
    m->count--;
    memmove(&m->marks[place], &m->marks[place + 1], (m->count - place) * sizeof *m->marks);
}

bool marks_left(const struct marks *m, size_t *cursor, uint64_t id[2])
{
    if (*cursor >= m->count) {
        return false;
    }
    id[0] = m->marks[*cursor].id[0];
    id[1] = m->marks[*cursor].id[1];
    (*cursor)++;
    return true;
}

static enum mark_found take_counts(const struct kept_mark *mark, struct telemetry_reader *r,
                                   struct telemetry_io *io)
{
    const uint8_t *const start = mark->bytes[MARK_OF_COUNTS - 1];
    struct bytes b = {start + sizeof(struct mark_head), start + mark->length[MARK_OF_COUNTS - 1],
                      false};
    struct telemetry_progress p = r->now;
    p.dropped_events = get_varint(&b);
    p.dropped_counts = get_varint(&b);
    for (unsigned i = 0; i < TELEMETRY_ERRORS; i++) {
        p.errors[i] = get_varint(&b);
    }
    const uint64_t count = get_varint(&b);
    if (b.bad || count > (size_t)(b.end - b.at)) { /* a byte each at least */
        return MARK_NONE;
    }
    if (!telemetry_reader_room(r, (size_t)count, io)) {
        return MARK_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        r->counted[i] = get_varint(&b);
    }
    r->now = p;
    return b.bad ? MARK_NONE : MARK_FOUND;
}

enum mark_found marks_take(struct marks *m, struct telemetry_reader *r, struct telemetry_io *io)
{
    const size_t place = place_of(m, r->id);
    if (!is_at(m, place, r->id)) {
        return MARK_NONE;
    }
    const struct kept_mark *const mark = &m->marks[place];
    enum mark_found found = MARK_NONE;
    if (mark->length[MARK_OF_RING - 1] == sizeof(struct mark_ring)) {
        struct mark_ring ring;
        memcpy(&ring, mark->bytes[MARK_OF_RING - 1], sizeof ring);
        r->now.position = ring.position - ring.position % TELEMETRY_ALIGN;
        found = MARK_FOUND;
    }
    if (mark->bytes[MARK_OF_COUNTS - 1]) {
        const enum mark_found counts = take_counts(mark, r, io);
        if (counts == MARK_NO_MEMORY) {
            return counts;
        }
        found = counts == MARK_FOUND ? MARK_FOUND : found;
    }
    r->counts_moved = true; /* so that both copies are the same */
    telemetry_reader_committed(r);
    marks_forget(m, r->id);
    return found;
}
