#include <string.h>

#include "blob_parts.h"
#include "hash.h"

static const char user[] = "user";

struct model_string blob_kind(struct model_string kind)
{
    return kind.length > 0 ? kind : (struct model_string){user, sizeof(user) - 1};
}

uint64_t blob_kind_hash(struct model_string kind)
{
    return kind.length > 0 ? hash_bytes(kind.text, kind.length) : HASH_KIND_USER;
}

static bool is(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

/* The attributes that every context has a place for; NAMED for all others. */
static enum image_attribute builtin(const char *name, size_t length)
{
    if (is(name, length, "key")) {
        return IMAGE_ATTRIBUTE_KEY;
    }
    if (is(name, length, "kind")) {
        return IMAGE_ATTRIBUTE_KIND;
    }
    if (is(name, length, "name")) {
        return IMAGE_ATTRIBUTE_NAME;
    }
    if (is(name, length, "anonymous")) {
        return IMAGE_ATTRIBUTE_ANONYMOUS;
    }
    return IMAGE_ATTRIBUTE_NAMED;
}

/* The number of components of a reference that begins with '/'; 0: it is invalid. */
static size_t count_components(struct model_string reference)
{
    size_t count = 0;
    for (size_t i = 0; i < reference.length; i++) {
        const char *const c = reference.text + i;
        const bool last = i + 1 == reference.length;
        if (*c == '/') {
            if (last || c[1] == '/') {
                return 0;
            }
            count++;
        } else if (*c == '~' && (last || (c[1] != '0' && c[1] != '1'))) {
            return 0;
        }
    }
    return count;
}

/* How much of the text the component takes that begins with the '/' at its start. */
static size_t component_length(const char *text, size_t length)
{
    const char *const next = memchr(text + 1, '/', length - 1);
    return next ? (size_t)(next - text) : length;
}

/* Decodes such a component into `out`, which has room for `length` bytes. The decoded length, less
   than `length`. */
static size_t decode(const char *text, size_t length, char *out)
{
    size_t n = 0;
    for (size_t i = 1; i < length; i++) {
        if (text[i] == '~') {
            i++;
            out[n++] = text[i] == '0' ? '~' : '/';
        } else {
            out[n++] = text[i];
        }
    }
    return n;
}

/* The components after the first, as an image_path. Its offset. */
static uint32_t place_path(struct blob_builder *b, const char *text, size_t length, size_t count)
{
    const uint32_t path =
        blob_reserve(b, 1, sizeof(struct image_path) + count * sizeof(struct image_string), 8);
    const uint32_t count32 = (uint32_t)count;
    blob_write(b, path + offsetof(struct image_path, count), &count32, sizeof(count32));
    for (size_t i = 0; i < count; i++) {
        const size_t taken = component_length(text, length);
        /* The decoded component is shorter at least by the '/': there is room for its NUL. */
        const uint32_t at = blob_reserve(b, taken, 1, 1);
        char *const out = blob_bytes(b, at);
        if (!out) {
            return 0;
        }
        const struct image_string component = {at, (uint32_t)decode(text, taken, out)};
        blob_write(b, path + offsetof(struct image_path, components) + i * sizeof(component),
                   &component, sizeof(component));
        text += taken;
        length -= taken;
    }
    return path;
}

/* A reference that begins with '/'. */
static void resolve(struct blob_builder *b, struct model_string reference,
                    struct image_selector *selector, size_t components)
{
    const size_t taken = component_length(reference.text, reference.length);
    const size_t before = b->length;
    char *const first = blob_bytes(b, blob_reserve(b, taken, 1, 1));
    if (!first) {
        return;
    }
    const size_t n = decode(reference.text, taken, first);
    const enum image_attribute attribute = builtin(first, n);
    const uint64_t hash = hash_attribute(first, n, selector->kind_hash);
    b->length = before; /* it was only needed for its hash */
    if (attribute != IMAGE_ATTRIBUTE_NAMED) {
        selector->attribute = components > 1 ? IMAGE_ATTRIBUTE_MISSING : (uint32_t)attribute;
        return;
    }
    selector->hash = hash;
    if (components > 1) {
        selector->attribute = IMAGE_ATTRIBUTE_PATH;
        selector->path =
            place_path(b, reference.text + taken, reference.length - taken, components - 1);
    }
}

static void warn_invalid(const struct blob_builder *b, struct model_string reference,
                         const struct member *where)
{
    if (!where) {
        return;
    }
    if (reference.length > 0) {
        blob_warn(b, where,
                  "\"%s\" is not a valid attribute reference: evaluations that reach it give "
                  "MALFORMED_FLAG",
                  reference.text);
    } else {
        blob_warn(b, where, "there is no attribute: evaluations that reach it give MALFORMED_FLAG");
    }
}

void blob_selector(struct blob_builder *b, size_t at, struct model_string kind,
                   struct model_string reference, const struct member *where)
{
    struct image_selector selector = {.kind_hash = blob_kind_hash(kind)};
    const bool literal = kind.length == 0 || reference.length == 0 || reference.text[0] != '/';
    const size_t components = literal ? reference.length > 0 : count_components(reference);
    if (components == 0) {
        selector.attribute = IMAGE_ATTRIBUTE_INVALID;
        warn_invalid(b, reference, where);
    } else if (!literal) {
        resolve(b, reference, &selector, components);
    } else {
        selector.attribute = (uint32_t)builtin(reference.text, reference.length);
        if (selector.attribute == IMAGE_ATTRIBUTE_NAMED) {
            selector.hash = hash_attribute(reference.text, reference.length, selector.kind_hash);
        }
    }
    blob_write(b, at, &selector, sizeof(selector));
    blob_text_late(b, at + offsetof(struct image_selector, text), reference);
    blob_text_late(b, at + offsetof(struct image_selector, kind), blob_kind(kind));
}
