/* What becomes of an item that cannot be compiled: readers are told until it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compile/blob_parts.h"
#include "log.h"
#include "pipeline_change.h"

static const char *failing = ""; /* the key that has no memory */

/* These three stand in for compile/blob.c: the real compiler, with a failure where it is wanted. */
int blob_compile(const struct model_item *item, struct slots *slots, uint64_t set_seed,
                 uint64_t now_ms, blob_warning_fn *warn, void *warn_arg, struct blob *out,
                 struct fault *fault)
{
    if (strcmp(item->key.text, failing) == 0) {
        *out = (struct blob){0};
        fault_set(fault, "", "", "not enough memory");
        return -1;
    }
    struct blob_builder b = {.item = item,
                             .slots = slots,
                             .set_seed = set_seed,
                             .now_ms = now_ms,
                             .warn = warn,
                             .warn_arg = warn_arg};
    return blob_flag(&b, out, fault);
}

void blob_set_version(struct blob *blob, int64_t version)
{
    memcpy(blob->bytes + offsetof(struct image_blob, version), &version, sizeof version);
}

void blob_free(struct blob *blob)
{
    free(blob->bytes);
    free(blob->references);
    *blob = (struct blob){0};
}

static struct model_item *flag(const char *key, int value)
{
    struct fault fault;
    json_t *json = json_pack("{s:s, s:i, s:b, s:[i], s:{s:i}}", "key", key, "version", value, "on",
                             1, "variations", value, "fallthrough", "variation", 0);
    struct model_item *item = model_parse(IMAGE_FLAG, key, json, "test", &fault);
    json_decref(json);
    assert_non_null(item);
    return item;
}

static void load(struct pipeline *p, int a, int b)
{
    struct model_item *items[] = {flag("a", a), flag("b", b)};
    const struct source_state valid = {.state = IMAGE_SOURCE_VALID};
    assert_int_equal(pipeline_replace(p, CATALOG_FILE, items, 2), 0);
    pipeline_source_state(p, CATALOG_FILE, &valid);
    assert_int_equal(pipeline_publish(p), 0);
}

static void remove_store(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        unlinkat(dirfd(d), e->d_name, 0); /* not "." and "..", which are directories */
    }
    closedir(d);
    assert_int_equal(rmdir(dir), 0);
}

static struct image_control control_page(const char *dir)
{
    char path[128];
    struct image_control page;
    snprintf(path, sizeof path, "%s/ctl", dir);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(&page, sizeof page, 1, f), 1);
    fclose(f);
    return page;
}

static uint32_t source_state(const char *dir)
{
    return control_page(dir).source_state;
}

static void whoever_sees_the_first_flags_knows_the_environment(void **state)
{
    (void)state;
    char dir[] = "/dev/shm/ffshm-pipeline-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct fault fault;
    const struct publisher_options options = {.dir = dir};
    struct publisher *publisher = publisher_open(&options, &fault);
    struct event_base *base = event_base_new();
    struct pipeline *p = pipeline_new(base, publisher, NULL, NULL);
    assert_non_null(p);
    pipeline_environment_id(p, "env-1"); /* no turn of the loop, and no publish, since */
    assert_string_equal(control_page(dir).source.environment_id, "env-1");
    pipeline_environment_id(p, "env-2");
    assert_string_equal(control_page(dir).source.environment_id, "env-2");
    pipeline_free(p);
    publisher_close(publisher);
    event_base_free(base);
    remove_store(dir);
}

static void an_item_that_fails_is_tried_again_and_told_of_until_it_is_published(void **state)
{
    (void)state;
    char dir[] = "/dev/shm/ffshm-pipeline-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct fault fault;
    const struct publisher_options options = {.dir = dir};
    struct publisher *publisher = publisher_open(&options, &fault);
    struct event_base *base = event_base_new();
    assert_non_null(publisher);
    struct pipeline *p = pipeline_new(base, publisher, NULL, NULL);
    assert_non_null(p);
    load(p, 1, 1);
    assert_int_equal(source_state(dir), IMAGE_SOURCE_VALID);
    failing = "a";
    load(p, 2, 1);
    assert_int_equal(source_state(dir), IMAGE_SOURCE_INTERRUPTED);
    load(p, 2, 2); /* another one changes, and this one still fails */
    assert_int_equal(source_state(dir), IMAGE_SOURCE_INTERRUPTED);
    failing = "";
    struct publisher_stats before;
    struct publisher_stats after;
    publisher_stats(publisher, &before);
    load(p, 2, 2); /* nothing changes: a reload makes up for it */
    publisher_stats(publisher, &after);
    assert_true(after.generation > before.generation);
    assert_int_equal(source_state(dir), IMAGE_SOURCE_VALID);
    pipeline_free(p);
    event_base_free(base);
    publisher_close(publisher);
    remove_store(dir);
}

static void a_change_that_cannot_be_compiled_is_refused_and_no_trouble_to_others(void **state)
{
    (void)state;
    char dir[] = "/dev/shm/ffshm-pipeline-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct fault fault = {0};
    uint64_t digest[2];
    const struct publisher_options options = {.dir = dir};
    struct publisher *publisher = publisher_open(&options, &fault);
    struct event_base *base = event_base_new();
    struct pipeline *p = pipeline_new(base, publisher, NULL, NULL);
    assert_non_null(p);
    load(p, 1, 1);
    struct publisher_stats before;
    struct publisher_stats after;
    publisher_stats(publisher, &before);
    failing = "a";
    assert_int_equal(pipeline_change_begin(p), 0);
    assert_int_equal(pipeline_change_put(p, CATALOG_ADMIN, flag("b", 2), &fault), 0);
    assert_int_equal(pipeline_change_put(p, CATALOG_ADMIN, flag("a", 2), &fault), 0);
    assert_int_equal(pipeline_change_compile(p, digest, &fault), -1);
    assert_string_equal(fault.cause, "not enough memory");
    pipeline_change_undo(p);
    failing = "";
    assert_int_equal(pipeline_publish(p), 0);
    publisher_stats(publisher, &after);
    assert_int_equal(after.generation, before.generation);
    assert_int_equal(source_state(dir), IMAGE_SOURCE_VALID);
    /* nor is what others failed with compiled on the way of a kill; soon after it is */
    const struct override o = {.kind = OVERRIDE_KILL, .reason = "r", .set_by = "ann"};
    failing = "a";
    load(p, 2, 1);
    failing = "";
    assert_int_equal(pipeline_override_set(p, "b", &o, &fault), 0);
    assert_int_equal(publisher_version(publisher, IMAGE_FLAG, "a", 1), 1);
    assert_int_equal(source_state(dir), IMAGE_SOURCE_INTERRUPTED);
    for (int i = 0; i < 100 && source_state(dir) != IMAGE_SOURCE_VALID; i++) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    assert_int_equal(publisher_version(publisher, IMAGE_FLAG, "a", 1), 2);
    pipeline_free(p);
    event_base_free(base);
    publisher_close(publisher);
    remove_store(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_sees_the_first_flags_knows_the_environment),
        cmocka_unit_test(an_item_that_fails_is_tried_again_and_told_of_until_it_is_published),
        cmocka_unit_test(a_change_that_cannot_be_compiled_is_refused_and_no_trouble_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
