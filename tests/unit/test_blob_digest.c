#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiled.h"

/* Uses what depends on the host: sets, slots, provenance. */
static const char everything[] =
    "{\"on\":true,\"version\":5,\"salt\":\"s\",\"variations\":[true,\"b\",{\"c\":[1]}],"
    "\"offVariation\":0,\"fallthrough\":{\"rollout\":{\"variations\":["
    "{\"variation\":0,\"weight\":40000},{\"variation\":1,\"weight\":60000}]}},"
    "\"prerequisites\":[{\"key\":\"p\",\"variation\":1}],"
    "\"targets\":[{\"variation\":1,\"values\":[\"u1\",\"u2\"]},"
    "{\"variation\":0,\"values\":[\"u3\",\"u4\"]}],"
    "\"rules\":[{\"id\":\"r\",\"variation\":2,\"clauses\":["
    "{\"attribute\":\"c\",\"op\":\"in\",\"values\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\","
    "\"8\",\"9\"]},{\"op\":\"segmentMatch\",\"values\":[\"seg\"]}]}],"
    "\"ffshm\":{\"variants\":[\"x\",\"y\",\"z\"],\"tags\":[\"t\"]}}";

static void the_digest_is_the_same_on_every_host(void **state)
{
    (void)state;
    struct slots *other = slots_new();
    slots_take(other, IMAGE_FLAG, "somebody", 8, 0);
    slots_take(other, IMAGE_SEGMENT, "else", 4, 0);
    struct blob a = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, 1, NULL);
    struct blob b =
        compile_json(IMAGE_FLAG, "f", json_of(everything), other, 2,
                     "/etc/ffshm/a-rather-long-name-of-a-file-that-takes-another-cache-line.yaml");
    assert_true(a.size < b.size);
    assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
    assert_memory_equal(flag_of(&a)->digest, a.digest, sizeof(a.digest));
    assert_memory_not_equal(a.bytes, b.bytes, (size_t)a.size);
    assert_string_equal((const char *)at(&b, flag_of(&b)->provenance.offset) + 5,
                        "ffshm/"
                        "a-rather-long-name-of-a-file-that-takes-another-cache-line.yaml");
    struct blob again = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, 1, NULL);
    assert_int_equal(again.size, a.size);
    assert_memory_equal(again.bytes, a.bytes, (size_t)a.size);
    blob_free(&a);
    blob_free(&b);
    blob_free(&again);
    slots_free(other);
}

static json_t *replaced(const char *from, const char *to)
{
    const char *found = strstr(everything, from);
    if (!found) {
        fail_msg("%s is not there", from);
        return NULL;
    }
    char text[4096];
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(found - everything), everything, to,
                   found + strlen(from));
    return json_of(text);
}

static void any_change_of_meaning_changes_the_digest(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } changes[] = {
        {"\"on\":true", "\"on\":false"},
        {"\"version\":5", "\"version\":6"},
        {"\"salt\":\"s\"", "\"salt\":\"t\""},
        {"[true,", "[false,"},
        {"{\"c\":[1]}", "{\"c\":[2]}"},
        {"\"offVariation\":0", "\"offVariation\":1"},
        {"\"offVariation\":0", "\"offVariation\":null"},
        {"40000", "40001"},
        {"\"key\":\"p\"", "\"key\":\"q\""},
        {"\"key\":\"p\",\"variation\":1", "\"key\":\"p\",\"variation\":2"},
        {"\"u1\"", "\"u5\""},
        {"\"u1\",\"u2\"", "\"u1\""},
        /* The same four keys, two of them changed places. */
        {"[\"u1\",\"u2\"]},{\"variation\":0,\"values\":[\"u3\",",
         "[\"u3\",\"u2\"]},"
         "{\"variation\":0,\"values\":[\"u1\","},
        {"\"id\":\"r\"", "\"id\":\"q\""},
        {"\"variation\":2", "\"variation\":1"},
        {"\"attribute\":\"c\"", "\"attribute\":\"d\""},
        {"\"attribute\":\"c\"", "\"attribute\":\"c\",\"negate\":true"},
        {"\"attribute\":\"c\"", "\"attribute\":\"c\",\"contextKind\":\"org\""},
        {"\"9\"", "\"10\""},
        {"\"seg\"", "\"segment\""},
        {"\"y\"", "\"yes\""},
        {"\"t\"", "\"u\""},
        {"\"on\":true", "\"on\":true,\"trackEvents\":true"},
        {"\"on\":true", "\"on\":true,\"samplingRatio\":2"},
    };
    struct blob a = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, SEED, NULL);
    enum { COUNT = sizeof(changes) / sizeof(changes[0]) };
    uint64_t seen[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        struct blob b = compile_json(IMAGE_FLAG, "f", replaced(changes[i].from, changes[i].to),
                                     slots, SEED, NULL);
        seen[i] = b.digest[0];
        if (memcmp(a.digest, b.digest, sizeof(a.digest)) == 0) {
            fail_msg("%s -> %s", changes[i].from, changes[i].to);
        }
        for (size_t j = 0; j < i; j++) {
            assert_true(seen[j] != seen[i]);
        }
        blob_free(&b);
    }
    struct blob b = compile_json(IMAGE_FLAG, "g", json_of(everything), slots, SEED, NULL);
    assert_memory_not_equal(a.digest, b.digest, sizeof(a.digest));
    blob_free(&b);
    blob_free(&a);
    struct blob empty_flag = flag("{}");
    struct blob empty_segment = compile_json(IMAGE_SEGMENT, "f", json_of("{}"), slots, SEED, NULL);
    assert_memory_not_equal(empty_flag.digest, empty_segment.digest, sizeof(a.digest));
    blob_free(&empty_flag);
    blob_free(&empty_segment);
}

static void what_does_not_count_leaves_the_digest(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } changes[] = {
        {"\"u1\",\"u2\"", "\"u2\",\"u1\""},
        {"\"on\":true", "\"on\":true,\"future\":[1,2]"},
        {"{\"c\":[1]}", "{ \"c\" : [ 1 ] }"},
        {"\"version\":5", "\"version\":5.0"},
    };
    struct blob a = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, SEED, NULL);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct blob b = compile_json(IMAGE_FLAG, "f", replaced(changes[i].from, changes[i].to),
                                     slots, SEED, NULL);
        assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
        blob_free(&b);
    }
    blob_free(&a);
}

static void a_counted_version_is_not_part_of_the_digest(void **state)
{
    (void)state;
    struct blob a = flag("{\"version\":1,\"ffshm\":{\"autoVersion\":true}}");
    struct blob b = flag("{\"version\":2,\"ffshm\":{\"autoVersion\":true}}");
    assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
    assert_int_equal(flag_of(&b)->blob.version, 2);
    blob_set_version(&b, INT64_MAX);
    assert_true(flag_of(&b)->blob.version == INT64_MAX);
    blob_free(&a);
    blob_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_digest_is_the_same_on_every_host),
        TEST(any_change_of_meaning_changes_the_digest),
        TEST(what_does_not_count_leaves_the_digest),
        TEST(a_counted_version_is_not_part_of_the_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
