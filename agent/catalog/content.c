#include "content.h"

#include <string.h>

static void hash_value(XXH3_state_t *state, const json_t *value);

static void hash_scalar(XXH3_state_t *state, const json_t *value)
{
    if (json_is_string(value)) {
        const size_t length = json_string_length(value);
        (void)XXH3_128bits_update(state, &length, sizeof length);
        (void)XXH3_128bits_update(state, json_string_value(value), length);
    } else if (json_is_integer(value)) {
        const json_int_t number = json_integer_value(value);
        (void)XXH3_128bits_update(state, &number, sizeof number);
    } else if (json_is_real(value)) {
        const double number = json_real_value(value);
        (void)XXH3_128bits_update(state, &number, sizeof number);
    }
}

static void hash_members(XXH3_state_t *state, const json_t *value)
{
    json_t *object = (json_t *)(uintptr_t)value; /* iterating does not change it */
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        (void)XXH3_128bits_update(state, json_object_iter_key(i), json_object_iter_key_len(i) + 1);
        hash_value(state, json_object_iter_value(i));
    }
}

/* Recursion: as deep as the document was, at most 512 (YAML, files) or 2048 (jansson's parser). */
static void hash_value(XXH3_state_t *state, const json_t *value)
{
    const unsigned char type = (unsigned char)json_typeof(value);
    (void)XXH3_128bits_update(state, &type, sizeof type);
    if (json_is_object(value)) {
        const size_t size = json_object_size(value);
        (void)XXH3_128bits_update(state, &size, sizeof size);
        hash_members(state, value);
    } else if (json_is_array(value)) {
        const size_t size = json_array_size(value);
        (void)XXH3_128bits_update(state, &size, sizeof size);
        for (size_t i = 0; i < size; i++) {
            hash_value(state, json_array_get(value, i));
        }
    } else {
        hash_scalar(state, value);
    }
}

struct hash128 content_of(const struct model_item *item)
{
    XXH3_state_t state;
    (void)XXH3_128bits_reset(&state);
    const int64_t head[] = {item->version, item->auto_version, item->deleted};
    (void)XXH3_128bits_update(&state, head, sizeof head);
    (void)XXH3_128bits_update(&state, &item->provenance.length, sizeof item->provenance.length);
    (void)XXH3_128bits_update(&state, item->provenance.text, item->provenance.length);
    hash_value(&state, item->json);
    const XXH128_hash_t h = XXH3_128bits_digest(&state);
    return (struct hash128){h.low64, h.high64};
}

static bool same_string(struct model_string a, struct model_string b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.text, b.text, a.length) == 0);
}

bool content_same_head(const struct model_item *a, const struct model_item *b)
{
    return a->version == b->version && a->auto_version == b->auto_version &&
           a->deleted == b->deleted && same_string(a->provenance, b->provenance);
}

bool content_same(const struct model_item *a, struct hash128 a_content, const struct model_item *b,
                  struct hash128 b_content)
{
    if (a_content.lo == b_content.lo && a_content.hi == b_content.hi) {
        return true;
    }
    return content_same_head(a, b) && json_equal(a->json, b->json);
}
