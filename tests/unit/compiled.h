/*
 * compiled.h - for tests of the compiler: definitions as JSON text to verified blobs, and looks
 * into them. Include after cmocka.h.
 */
#ifndef FFSHM_TEST_COMPILED_H
#define FFSHM_TEST_COMPILED_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/blob.h"
#include "ffshm.h"
#include "hash.h"
#include "image_verify.h"

#define SEED 0x1234567890abcdefull

static struct slots *slots;
static char warnings[8192];

static inline int setup(void **state)
{
    (void)state;
    slots = slots_new();
    return slots ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    slots_free(slots);
    return 0;
}

static inline void remember(void *arg, const char *member, const char *text)
{
    (void)arg;
    const size_t used = strlen(warnings);
    (void)snprintf(warnings + used, sizeof(warnings) - used, "%s: %s\n", member, text);
}

static inline json_t *json_of(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_ALLOW_NUL, &error);
    if (!json) {
        fail_msg("%s at %d: %s", error.text, error.position, text);
    }
    return json;
}

static inline struct blob compile_json(enum image_blob_kind kind, const char *key, json_t *json,
                                       struct slots *in, uint64_t seed, const char *provenance)
{
    struct fault fault = {0};
    struct model_item *item = model_parse(kind, key, json, provenance, &fault);
    if (!item) {
        fail_msg("%s: %s", fault.member, fault.cause);
    }
    struct blob blob;
    warnings[0] = '\0';
    if (blob_compile(item, in, seed, 0, remember, NULL, &blob, &fault) != 0) {
        fail_msg("%s: %s", fault.member, fault.cause);
    }
    model_free(item);
    json_decref(json);
    const char *why = "";
    uint32_t regex_count = 0;
    if (image_verify_blob_counting(blob.bytes, blob.size, &regex_count, &why) != FFSHM_OK) {
        fail_msg("refused for its %s", why);
    }
    assert_int_equal(regex_count, blob.regex_count);
    return blob;
}

static inline struct blob flag(const char *text)
{
    return compile_json(IMAGE_FLAG, "f", json_of(text), slots, SEED, NULL);
}

static inline struct blob segment(const char *text)
{
    return compile_json(IMAGE_SEGMENT, "s", json_of(text), slots, SEED, NULL);
}

static inline const void *at(const struct blob *b, uint32_t offset)
{
    return b->bytes + offset;
}

static inline const struct image_flag *flag_of(const struct blob *b)
{
    return at(b, 0);
}

static inline const struct image_segment *segment_of(const struct blob *b)
{
    return at(b, 0);
}

static inline void text_is(const struct blob *b, struct image_string s, const char *text)
{
    assert_int_equal(s.length, strlen(text));
    assert_true(s.offset != 0);
    assert_string_equal((const char *)at(b, s.offset), text);
}

static inline bool has(const struct blob *b, const struct image_set *set, const char *key)
{
    if (set->capacity == 0) {
        return false;
    }
    const struct hash128 hash = hash_member(key, strlen(key), SEED);
    const struct image_set_entry *entries = at(b, set->entries_offset);
    for (uint64_t i = hash.lo & (set->capacity - 1);; i = (i + 1) & (set->capacity - 1)) {
        if ((entries[i].lo | entries[i].hi) == 0) {
            return false;
        }
        if (entries[i].lo == hash.lo && entries[i].hi == hash.hi) {
            return true;
        }
    }
}

/* A flag with one rule of one clause, written as the inside of its object. */
static inline struct blob with_clause(const char *clause)
{
    char text[4096];
    (void)snprintf(text, sizeof(text),
                   "{\"on\":true,\"variations\":[0,1],\"fallthrough\":{\"variation\":0},"
                   "\"rules\":[{\"variation\":1,\"clauses\":[{%s}]}]}",
                   clause);
    return flag(text);
}

static inline const struct image_clause *clause_of(const struct blob *b)
{
    const struct image_rule *rule = at(b, flag_of(b)->rules_offset);
    return at(b, rule->clauses_offset);
}

static inline const struct image_value *values_of(const struct blob *b)
{
    return at(b, clause_of(b)->values_offset);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
