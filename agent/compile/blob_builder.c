#include "blob_builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define FIRST_CAPACITY 4096u

/* Room for one more element in a list. */
static bool list_grow(struct blob_builder *b, void **list, size_t count, size_t *capacity,
                      size_t size)
{
    if (b->failure != BLOB_MADE) {
        return false;
    }
    if (count < *capacity) {
        return true;
    }
    const size_t wanted = *capacity ? *capacity * 2 : 16;
    void *const grown = realloc(*list, wanted * size);
    if (!grown) {
        b->failure = BLOB_NO_MEMORY;
        return false;
    }
    *list = grown;
    *capacity = wanted;
    return true;
}

static bool bytes_grow(struct blob_builder *b, size_t needed)
{
    if (needed <= b->capacity) {
        return true;
    }
    size_t capacity = b->capacity ? b->capacity * 2 : FIRST_CAPACITY;
    if (capacity < needed) {
        capacity = needed;
    }
    uint8_t *const grown = realloc(b->bytes, capacity);
    if (!grown) {
        b->failure = BLOB_NO_MEMORY;
        return false;
    }
    b->bytes = grown;
    b->capacity = capacity;
    return true;
}

uint32_t blob_reserve(struct blob_builder *b, size_t count, size_t size, size_t align)
{
    if (b->failure != BLOB_MADE) {
        return 0;
    }
    const size_t start = (b->length + align - 1) & ~(align - 1);
    /* The end of every blob is padding of up to twice IMAGE_ALIGN. */
    const size_t limit = BLOB_MAX_SIZE - IMAGE_TAIL - IMAGE_ALIGN;
    if (start > limit || count > (limit - start) / size) {
        b->failure = BLOB_TOO_LARGE;
        return 0;
    }
    const size_t end = start + count * size;
    if (!bytes_grow(b, end)) {
        return 0;
    }
    if (end > b->length) {
        memset(b->bytes + b->length, 0, end - b->length);
        b->length = end;
    }
    return (uint32_t)start;
}

void blob_write(struct blob_builder *b, size_t at, const void *bytes, size_t size)
{
    if (b->failure == BLOB_MADE && size > 0) {
        memcpy(b->bytes + at, bytes, size);
    }
}

void *blob_bytes(struct blob_builder *b, size_t at)
{
    return b->failure == BLOB_MADE ? b->bytes + at : NULL;
}

struct image_string blob_text(struct blob_builder *b, const char *text, size_t length)
{
    /* One more: the NUL. length is that of an object in memory, so that this cannot wrap. */
    const uint32_t at = blob_reserve(b, length + 1, 1, 1);
    blob_write(b, at, text, length);
    return (struct image_string){at, (uint32_t)length};
}

void blob_name_late(struct blob_builder *b, size_t at, struct model_string name)
{
    void *list = b->late;
    if (!list_grow(b, &list, b->late_count, &b->late_capacity, sizeof(*b->late))) {
        return;
    }
    b->late = list;
    b->late[b->late_count++] =
        (struct blob_late){(uint32_t)at, name.length > 0 ? name.text : "", name.length};
}

void blob_text_late(struct blob_builder *b, size_t at, struct model_string text)
{
    if (text.length > 0) {
        blob_name_late(b, at, text);
    }
}

void blob_slot(struct blob_builder *b, size_t at, enum image_blob_kind kind,
               struct model_string key)
{
    void *list = b->taken;
    if (!list_grow(b, &list, b->taken_count, &b->taken_capacity, sizeof(*b->taken))) {
        return;
    }
    b->taken = list;
    const uint32_t slot =
        slots_take(b->slots, kind, key.text ? key.text : "", key.length, b->now_ms);
    if (slot == IMAGE_NO_SLOT) {
        b->failure = BLOB_NO_SLOT;
        return;
    }
    b->taken[b->taken_count++] = (struct blob_slot){(uint32_t)at, slot};
}

void blob_seeded(struct blob_builder *b, uint32_t at, size_t size, const uint64_t sum[2])
{
    void *list = b->seeded;
    if (list_grow(b, &list, b->seeded_count, &b->seeded_capacity, sizeof(*b->seeded))) {
        b->seeded = list;
        b->seeded[b->seeded_count++] = (struct blob_seeded){at, (uint32_t)size, {sum[0], sum[1]}};
    }
}

void blob_value(struct blob_builder *b, const struct image_value *value)
{
    void *list = b->values;
    if (list_grow(b, &list, b->value_count, &b->value_capacity, sizeof(*b->values))) {
        b->values = list;
        b->values[b->value_count++] = *value;
    }
}

void blob_warn(const struct blob_builder *b, const struct member *where, const char *format, ...)
{
    if (!b->warn) {
        return;
    }
    char member[MEMBER_TEXT];
    char text[512];
    member_text(where, member, sizeof(member));
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    b->warn(b->warn_arg, member, text);
}

/* The same text is placed once, as long as the small table remembers it. */
static void place_late(struct blob_builder *b)
{
    for (size_t i = 0; i < b->late_count; i++) {
        const struct blob_late *const late = &b->late[i];
        struct image_string *const known =
            &b->texts[hash_bytes(late->text, late->length) & (BLOB_TEXTS - 1)];
        if (b->failure != BLOB_MADE) {
            return;
        }
        if (known->offset == 0 || known->length != late->length ||
            memcmp(b->bytes + known->offset, late->text, late->length) != 0) {
            *known = blob_text(b, late->text, late->length);
        }
        blob_write(b, late->at, known, sizeof(*known));
    }
}

/* XXH3-128 of kind, version and key, then of the bytes as they are now: slots, size, version,
   provenance and the digest itself are still zero. Where a set's entries are, the sum of its
   members' hashes stands for them: the same whatever the store's seed and the members' order. Who
   overrides a flag, and why, is content: it is to be published when it changes. */
static void take_digest(const struct blob_builder *b, uint64_t digest[2])
{
    const struct model_item *const item = b->item;
    const uint64_t identity[3] = {
        (uint64_t)item->kind, item->auto_version ? 0 : (uint64_t)item->version, item->key.length};
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, identity, sizeof(identity));
    XXH3_128bits_update(&state, item->key.text, item->key.length);
    if (item->overridden) {
        XXH3_128bits_update(&state, item->provenance.text, item->provenance.length);
    }
    size_t from = 0;
    for (size_t i = 0; i < b->seeded_count; i++) {
        const struct blob_seeded *const s = &b->seeded[i];
        XXH3_128bits_update(&state, b->bytes + from, s->offset - from);
        XXH3_128bits_update(&state, s->sum, sizeof(s->sum));
        from = (size_t)s->offset + s->size;
    }
    XXH3_128bits_update(&state, b->bytes + from, b->length - from);
    const XXH128_hash_t hash = XXH3_128bits_digest(&state);
    digest[0] = hash.low64;
    digest[1] = hash.high64;
}

static void hand_over(struct blob_builder *b, struct blob *out)
{
    const size_t size = ((b->length + IMAGE_ALIGN - 1) & ~(size_t)(IMAGE_ALIGN - 1)) + IMAGE_TAIL;
    uint8_t *const bytes = aligned_alloc(IMAGE_ALIGN, size);
    uint32_t *const references =
        b->taken_count ? malloc(b->taken_count * sizeof(*references)) : NULL;
    if (!bytes || (b->taken_count && !references)) {
        free(bytes);
        free(references);
        b->failure = BLOB_NO_MEMORY;
        return;
    }
    memcpy(bytes, b->bytes, b->length);
    memset(bytes + b->length, 0, size - b->length);
    const uint32_t size32 = (uint32_t)size;
    memcpy(bytes + offsetof(struct image_blob, size), &size32, sizeof(size32));
    for (size_t i = 0; i < b->taken_count; i++) {
        references[i] = b->taken[i].slot;
        memcpy(bytes + b->taken[i].at, &references[i], sizeof(references[i]));
    }
    out->bytes = bytes;
    out->size = size32;
    out->regex_count = b->regex_count;
    out->references = references;
    out->reference_count = b->taken_count;
}

static void describe(enum blob_failure failure, struct fault *fault)
{
    switch (failure) {
    case BLOB_MADE:
        break;
    case BLOB_NO_MEMORY:
        fault_set(fault, "", "", "not enough memory");
        break;
    case BLOB_TOO_LARGE:
        fault_set(fault, "", "move long lists into several segments",
                  "is too large: more than %u bytes when compiled", BLOB_MAX_SIZE);
        break;
    case BLOB_NO_SLOT:
        fault_set(fault, "", "remove flags and segments that are not used",
                  "no slot is left: %u names are in use, or there is no memory", IMAGE_MAX_SLOTS);
        break;
    }
}

int blob_builder_finish(struct blob_builder *b, size_t digest_at, size_t provenance_at,
                        struct blob *out, struct fault *fault)
{
    *out = (struct blob){0};
    place_late(b);
    if (b->failure == BLOB_MADE) {
        take_digest(b, out->digest);
        const struct model_string origin = b->item->provenance;
        if (origin.length > 0) {
            const struct image_string placed = blob_text(b, origin.text, origin.length);
            blob_write(b, provenance_at, &placed, sizeof(placed));
        }
        blob_write(b, digest_at, out->digest, sizeof(out->digest));
        blob_write(b, offsetof(struct image_blob, version), &b->item->version,
                   sizeof(b->item->version));
    }
    if (b->failure == BLOB_MADE) {
        hand_over(b, out);
    }
    if (b->failure != BLOB_MADE) {
        for (size_t i = 0; i < b->taken_count; i++) {
            slots_drop(b->slots, b->taken[i].slot, b->now_ms);
        }
        describe(b->failure, fault);
        *out = (struct blob){0};
    }
    free(b->bytes);
    free(b->late);
    free(b->taken);
    free(b->seeded);
    free(b->values);
    return b->failure == BLOB_MADE ? 0 : -1;
}
