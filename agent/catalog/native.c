/* A native document, whole: its version, its flags and segments, and what they say about each
   other. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

#include "native_lowering.h"

typedef json_t *lower_fn(struct native *n, const char *key, json_t *definition);

static json_t *lower_all(struct native *n, const char *kind, json_t *definitions, lower_fn *lower)
{
    json_t *lowered = json_object();
    if (lowered == NULL) {
        (void)native_no_memory(n);
    }
    for (void *i = json_object_iter(definitions); i != NULL && !n->failed;
         i = json_object_iter_next(definitions, i)) {
        const char *key = json_object_iter_key(i);
        if (key[0] == '\0') {
            const struct member at = {NULL, kind, 0};
            (void)native_fault(n, &at, "", "a key must not be empty");
            break;
        }
        native_put(n, lowered, key, lower(n, key, json_object_iter_value(i)));
    }
    return lowered;
}

/* NULL where the member is absent; null is what a half-written file has, so it is a fault. */
static json_t *read_definitions(struct native *n, const json_t *document, const char *kind)
{
    json_t *definitions = json_object_get(document, kind);
    const struct member at = {NULL, kind, 0};
    if (json_is_null(definitions)) {
        (void)native_fault(n, &at, "where there are none, write {}", "is empty");
    } else if (definitions != NULL && !json_is_object(definitions)) {
        (void)native_wrong_type(n, &at, definitions, "an object: each key with its definition");
    }
    return json_is_object(definitions) ? definitions : NULL;
}

static void read_document(struct native *n, const json_t *document)
{
    static const char *const members[] = {"ffshm", "flags", "segments", NULL};
    const struct member at = {NULL, "ffshm", 0};
    if (!json_is_object(document)) {
        (void)native_wrong_type(n, NULL, document, "an object");
        return;
    }
    const json_t *version = json_object_get(document, "ffshm");
    if (version == NULL) {
        (void)native_fault(n, &at, "begin with ffshm: 1", "the format's version is missing");
    } else if (!json_is_number(version)) {
        (void)native_wrong_type(n, &at, version, "a number");
    } else if (json_number_value(version) != 1) {
        (void)native_fault(n, &at, "a newer agent may", "version %g is not understood, only 1 is",
                           json_number_value(version));
    }
    if (n->failed || !native_object(n, NULL, document, members)) {
        return;
    }
    n->flags = read_definitions(n, document, "flags");
    n->segments = read_definitions(n, document, "segments");
    if (n->flags == NULL && n->segments == NULL) {
        (void)native_fault(n, NULL,
                           "is it written to its end? where there are none, write flags: {}",
                           "there are neither flags nor segments");
    }
}

json_t *native_lower(json_t *document, int64_t now_ms, int64_t *next_ms, struct fault *fault)
{
    struct native n = {.now_ms = now_ms, .fault = fault};
    read_document(&n, document);
    json_t *flags = n.failed ? NULL : lower_all(&n, "flags", n.flags, native_lower_flag);
    json_t *segments =
        n.failed ? NULL : lower_all(&n, "segments", n.segments, native_lower_segment);
    if (!n.failed) {
        native_check_references(&n, flags);
    }
    free(n.references);
    json_t *lowered =
        n.failed ? NULL : json_pack("{s: O, s: O}", "flags", flags, "segments", segments);
    json_decref(flags);
    json_decref(segments);
    if (lowered == NULL && !n.failed) {
        (void)native_no_memory(&n);
    }
    *next_ms = n.next_ms;
    return lowered;
}
