#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "compile/blob_builder.h"
#include "compiled.h"

static void texts_for_people_are_placed_once(void **state)
{
    (void)state;
    char *text = malloc(200000);
    size_t n = (size_t)sprintf(text, "{\"variations\":[0],\"fallthrough\":{\"variation\":0},"
                                     "\"rules\":[");
    for (int i = 0; i < 500; i++) {
        n += (size_t)sprintf(text + n,
                             "%s{\"variation\":0,\"clauses\":[{\"attribute\":"
                             "\"a-rather-long-attribute-name-that-is-repeated\",\"op\":"
                             "\"greaterThanOrEqual\",\"values\":[%d]}]}",
                             i ? "," : "", i);
    }
    (void)sprintf(text + n, "]}");
    struct blob b = flag(text);
    free(text);
    assert_true(b.size < 500 * (sizeof(struct image_rule) + sizeof(struct image_clause)) + 1024);
    blob_free(&b);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static json_t *many_keys(size_t count)
{
    json_t *values = json_array();
    for (size_t i = 0; i < count; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "user-%zu", i);
        json_array_append_new(values, json_string(key));
    }
    return values;
}

static void a_list_of_two_hundred_thousand_keys_is_one_set(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    json_t *json = json_pack("{s:[i,i],s:{s:i},s:[{s:i,s:o}]}", "variations", 0, 1, "fallthrough",
                             "variation", 0, "targets", "variation", 1, "values", many_keys(COUNT));
    struct blob b = compile_json(IMAGE_FLAG, "f", json, slots, SEED, NULL);
    const struct image_target *t = at(&b, flag_of(&b)->targets_offset);
    assert_int_equal(t->keys.count, COUNT);
    assert_true(t->keys.capacity / 10 * 7 >= COUNT);
    for (size_t i = 0; i < COUNT; i += 997) {
        char key[32];
        (void)snprintf(key, sizeof(key), "user-%zu", i);
        assert_true(has(&b, &t->keys, key));
    }
    assert_false(has(&b, &t->keys, "user-200000"));
    blob_free(&b);
}

static void sets_of_every_size_leave_room(void **state)
{
    (void)state;
    static const size_t counts[] = {1,  2,     3,     4,     5,     63,    64,
                                    65, 32768, 65535, 65536, 65537, 91750, 91751};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_t *json = json_pack("{s:o}", "included", many_keys(counts[i]));
        struct blob b = compile_json(IMAGE_SEGMENT, "s", json, slots, SEED, NULL);
        const struct image_target *t = at(&b, segment_of(&b)->includes_offset);
        const double load = (double)counts[i] / t->keys.capacity;
        assert_int_equal(t->keys.count, counts[i]);
        assert_true(load <= (counts[i] <= 65536 ? 0.5 : 0.7));
        blob_free(&b);
    }
}

/* What is quadratic if done naively: placeholders by variation, components by length. */
static void hostile_definitions_do_not_take_long(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    const uint64_t start = now_ns();
    json_t *targets = json_array();
    json_t *placeholders = json_array();
    for (int i = 0; i < COUNT; i++) {
        json_array_append_new(targets, json_pack("{s:i,s:[s]}", "variation", i, "values", "u"));
        json_array_append_new(placeholders, json_pack("{s:i}", "variation", COUNT - i));
    }
    json_t *json = json_pack("{s:o,s:o}", "targets", targets, "contextTargets", placeholders);
    struct fault fault;
    struct model_item *item = model_parse(IMAGE_FLAG, "f", json, NULL, &fault);
    json_decref(json);
    struct blob b;
    assert_int_equal(blob_compile(item, slots, SEED, 0, NULL, NULL, &b, &fault), 0);
    assert_int_equal(flag_of(&b)->target_count, COUNT - 1);
    blob_free(&b);
    model_free(item);
    char *path = malloc(2 * COUNT + 1);
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(path + 2 * i, "/a", 2);
    }
    path[2 * (size_t)COUNT] = '\0';
    json = json_pack("{s:[{s:[{s:s,s:s,s:s}]}]}", "rules", "clauses", "contextKind", "user",
                     "attribute", path, "op", "exists");
    free(path);
    b = compile_json(IMAGE_FLAG, "f", json, slots, SEED, NULL);
    const struct image_path *p = at(&b, clause_of(&b)->by.path);
    assert_int_equal(p->count, COUNT - 1);
    blob_free(&b);
    assert_true(now_ns() - start < 5000000000u);
}

static void a_builder_stops_at_the_largest_size_without_asking_for_memory(void **state)
{
    (void)state;
    json_t *json = json_object();
    struct fault fault = {0};
    struct model_item *item = model_parse(IMAGE_FLAG, "f", json, NULL, &fault);
    json_decref(json);
    struct blob_builder b = {.item = item, .slots = slots};
    (void)blob_reserve(&b, 1, sizeof(struct image_flag), 8);
    blob_slot(&b, 0, IMAGE_FLAG, (struct model_string){"taken", 5});
    assert_int_not_equal(slots_find(slots, IMAGE_FLAG, "taken", 5), IMAGE_NO_SLOT);
    assert_int_equal(blob_reserve(&b, BLOB_MAX_SIZE / 16, 16, 16), 0);
    assert_int_equal(b.failure, BLOB_TOO_LARGE);
    assert_int_equal(blob_reserve(&b, 1, 1, 1), 0);
    assert_null(blob_bytes(&b, 0));
    assert_true(b.capacity < 100000);
    struct blob out;
    assert_int_equal(blob_builder_finish(&b, offsetof(struct image_flag, digest),
                                         offsetof(struct image_flag, provenance), &out, &fault),
                     -1);
    assert_true(strstr(fault.cause, "too large") != NULL);
    assert_null(out.bytes);
    assert_int_equal(slots_find(slots, IMAGE_FLAG, "taken", 5), IMAGE_NO_SLOT);
    model_free(item);
}

static uint32_t look_up(const struct blob *b, const char *key)
{
    const struct image_index *index = at(b, 0);
    const struct image_index_entry *entries = at(b, index->entries_offset);
    const uint64_t hash = hash_bytes(key, strlen(key));
    for (uint64_t i = hash & (index->capacity - 1);; i = (i + 1) & (index->capacity - 1)) {
        if (entries[i].slot == IMAGE_NO_SLOT || entries[i].hash == (uint32_t)(hash >> 32)) {
            return entries[i].slot;
        }
    }
}

static void the_key_index_finds_every_flag(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    static struct index_key keys[COUNT];
    char key[32];
    for (uint32_t i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "flag-%u", i);
        keys[i] = (struct index_key){hash_bytes(key, strlen(key)), i * 3};
    }
    static const size_t counts[] = {0, 1, 4, 5, 1000, COUNT};
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct blob b;
        struct fault fault;
        assert_int_equal(blob_index(keys, counts[c], &b, &fault), 0);
        const char *why = "";
        if (image_verify_blob(b.bytes, b.size, &why) != FFSHM_OK) {
            fail_msg("refused for its %s", why);
        }
        const struct image_index *index = at(&b, 0);
        assert_int_equal(index->count, counts[c]);
        assert_true(index->capacity >= 2 * counts[c]);
        for (uint32_t i = 0; i < counts[c]; i++) {
            (void)snprintf(key, sizeof(key), "flag-%u", i);
            assert_int_equal(look_up(&b, key), i * 3);
        }
        assert_int_equal(look_up(&b, "no such flag"), IMAGE_NO_SLOT);
        blob_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_for_people_are_placed_once),
        TEST(a_list_of_two_hundred_thousand_keys_is_one_set),
        TEST(sets_of_every_size_leave_room),
        TEST(hostile_definitions_do_not_take_long),
        TEST(a_builder_stops_at_the_largest_size_without_asking_for_memory),
        TEST(the_key_index_finds_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
