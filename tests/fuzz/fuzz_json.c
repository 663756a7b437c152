/*
 * fuzz_json.c - lib/json.h on any bytes: what it accepts is walked and decoded in every way, and
 * means what jansson says that it means.
 */
#include "fuzz.h"
#include "json.h"
#include "reference.h"

static char buffer[1 << 20];

static uint64_t text_digest(const struct json_slice *s)
{
    const char *text;
    size_t length;
    FUZZ_REQUIRE(json_string(s, buffer, sizeof(buffer), &text, &length));
    FUZZ_REQUIRE(length <= s->length - 2);
    FUZZ_REQUIRE(json_equals(s, text, length));
    FUZZ_REQUIRE(json_escaped(s) || text == s->text + 1);
    char small[8];
    const char *cut;
    size_t cut_length;
    if (json_string(s, small, sizeof(small), &cut, &cut_length)) {
        FUZZ_REQUIRE(cut_length == length && memcmp(cut, text, length) == 0);
    }
    return reference_text(text, length);
}

static uint64_t digest(const struct json_slice *value, unsigned depth);

static uint64_t object_digest(const struct json_slice *object, unsigned depth)
{
    uint64_t sum = REFERENCE_OBJECT;
    struct json_slice name;
    struct json_slice value;
    size_t cursor = 0;
    while (json_next(object, &cursor, &name, &value)) {
        char decoded[4096];
        const char *text;
        size_t length;
        uint64_t name_digest = text_digest(&name);
        if (!json_string(&name, decoded, sizeof(decoded), &text, &length)) {
            continue; /* longer than any input */
        }
        const struct json_slice found = json_member(object, text, length);
        FUZZ_REQUIRE(found.type != JSON_END);
        if (found.text == value.text) { /* the last of its name */
            sum += reference_member(name_digest, digest(&value, depth + 1));
        }
    }
    return sum;
}

static uint64_t digest(const struct json_slice *value, unsigned depth)
{
    FUZZ_REQUIRE(depth <= JSON_MAX_DEPTH && value->length > 0);
    uint64_t sum = REFERENCE_ARRAY;
    struct json_slice element;
    size_t cursor = 0;
    switch (value->type) {
    case JSON_OBJECT:
        return object_digest(value, depth);
    case JSON_ARRAY:
        while (json_next(value, &cursor, NULL, &element)) {
            sum = reference_element(sum, digest(&element, depth + 1));
        }
        return sum;
    case JSON_STRING:
        return text_digest(value);
    case JSON_NUMBER:
        return reference_number(json_number(value));
    default:
        return value->type == JSON_TRUE    ? REFERENCE_TRUE
               : value->type == JSON_FALSE ? REFERENCE_FALSE
                                           : REFERENCE_NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* its own allocation: reading beyond is seen */
    if (!text || size > 4000) {
        free(text);
        return 0;
    }
    memcpy(text, data, size);
    struct json_slice value;
    size_t at = size + 1;
    const struct reference reference = reference_parse(text, size);
    if (json_check(text, size, 0, &value, &at) == FFSHM_OK) {
        FUZZ_REQUIRE(value.text >= text && value.text + value.length <= text + size);
        FUZZ_REQUIRE(reference.verdict != REFERENCE_REFUSED);
        uint64_t ours = digest(&value, 0);
        FUZZ_REQUIRE(reference.verdict == REFERENCE_UNKNOWN || ours == reference.digest);
    } else {
        FUZZ_REQUIRE(at <= size);
        /* jansson takes NUL bytes after a value for its end. */
        FUZZ_REQUIRE(reference.verdict != REFERENCE_ACCEPTED || reference.depth >= JSON_MAX_DEPTH ||
                     memchr(text, 0, size));
    }
    (void)json_check(text, size, 16, &value, NULL);
    free(text);
    return 0;
}
