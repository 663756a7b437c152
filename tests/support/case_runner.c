#include "case_runner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ffshm.h"
#include "live_store.h"
#include "reason_json.h"

static json_t *evaluate_case(struct ffshm *ff, json_t *test, const struct ffshm_context *c,
                             struct ffshm_detail *d)
{
    const char *flag = json_string_value(json_object_get(test, "flagKey"));
    const char *type = json_string_value(json_object_get(test, "valueType"));
    json_t *fallback = json_object_get(test, "default");
    static char buffer[65536];
    if (strcmp(type, "bool") == 0) {
        return json_boolean(ffshm_bool_detail(ff, flag, c, json_is_true(fallback), d));
    }
    if (strcmp(type, "int") == 0) {
        return json_integer(ffshm_int_detail(ff, flag, c, json_integer_value(fallback), d));
    }
    if (strcmp(type, "double") == 0) {
        return json_real(ffshm_double_detail(ff, flag, c, json_number_value(fallback), d));
    }
    if (strcmp(type, "string") == 0) {
        ffshm_string_detail(ff, flag, c, json_string_value(fallback), buffer, sizeof(buffer), d);
        return json_string(buffer);
    }
    char *text = json_dumps(fallback, JSON_ENCODE_ANY | JSON_COMPACT);
    ffshm_json_detail(ff, flag, c, text, buffer, sizeof(buffer), d);
    free(text);
    return json_loads(buffer, JSON_DECODE_ANY, NULL);
}

static bool same_value(json_t *a, json_t *b)
{
    return json_is_number(a) && json_is_number(b) ? json_number_value(a) == json_number_value(b)
                                                  : json_equal(a, b);
}

/* The state of all flags as JSON; NULL: it is none. */
static json_t *all_flags(struct ffshm *ff, const struct ffshm_context *c)
{
    struct ffshm_view view;
    ffshm_pin(ff, &view);
    const unsigned options = FFSHM_ALL_FLAGS_WITH_REASONS;
    const size_t size = ffshm_all_flags_json(&view, c, options, NULL, 0) + 1;
    char *text = malloc(size);
    json_t *state = ffshm_all_flags_json(&view, c, options, text, size) == size - 1
                        ? json_loadb(text, size - 1, JSON_REJECT_DUPLICATES, NULL)
                        : NULL;
    free(text);
    ffshm_unpin(&view);
    return state;
}

/* Says the state of all flags of this one what the case expects? */
static bool same_in_all_flags(struct ffshm *ff, json_t *test, const struct ffshm_context *c)
{
    json_t *expect = json_object_get(test, "expect");
    json_t *wanted = json_object_get(expect, "allFlagsValue");
    if (!wanted || json_is_true(json_object_get(test, "skipEvaluateAllFlags"))) {
        return true;
    }
    const char *key = json_string_value(json_object_get(test, "flagKey"));
    json_t *state = all_flags(ff, c);
    json_t *value = json_object_get(state, key);
    bool same;
    if (json_is_true(json_object_get(state, "$valid")) && value) {
        json_t *about = json_object_get(json_object_get(state, "$flagsState"), key);
        same = same_value(value, wanted) &&
               json_equal(json_object_get(about, "reason"), json_object_get(expect, "reason"));
    } else { /* no such flag, or an invalid context */
        same = state && !value && json_is_null(wanted);
    }
    if (!same) {
        char *got = json_dumps(state, JSON_COMPACT);
        printf("FAILED %s: all flags: %s\n", json_string_value(json_object_get(test, "name")), got);
        free(got);
    }
    json_decref(state);
    return same;
}

/* What a case may ask for beyond the corpus's terms. */
static bool same_additions(const json_t *expect, const struct ffshm_detail *d)
{
    const char *variant = json_string_value(json_object_get(expect, "variant"));
    const char *status = json_string_value(json_object_get(expect, "bigSegmentsStatus"));
    const char *got =
        d->big_segments == FFSHM_BIG_SEGMENTS_NONE ? "" : ffshm_big_segments_name(d->big_segments);
    return (!variant || strcmp(variant, d->variant) == 0) && (!status || strcmp(status, got) == 0);
}

static bool run_with(struct ffshm *ff, json_t *test, const char *member)
{
    json_t *expect = json_object_get(test, "expect");
    char *context = json_dumps(json_object_get(test, member), JSON_COMPACT);
    size_t length = strlen(context);
    size_t scratch_size = length + 64;
    char *scratch = malloc(scratch_size);
    struct ffshm_context c;
    ffshm_context_parse(&c, context, length, scratch, scratch_size);
    struct ffshm_detail d;
    json_t *value = evaluate_case(ff, test, &c, &d);
    json_t *reason = reason_json(&d);
    json_object_del(reason, "bigSegmentsStatus"); /* a member of the expectation, not its reason */
    json_t *index = json_object_get(expect, "variationIndex");
    bool passed = same_value(value, json_object_get(expect, "value")) &&
                  json_equal(reason, json_object_get(expect, "reason")) &&
                  d.variation == (json_is_integer(index) ? (int)json_integer_value(index) : -1) &&
                  same_additions(expect, &d);
    if (!passed) {
        char *wanted = json_dumps(expect, JSON_COMPACT);
        char *got = json_dumps(reason, JSON_COMPACT);
        char *got_value = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        printf("FAILED %s (%s)\n  wanted %s\n  got value %s variation %d reason %s %s %s\n",
               json_string_value(json_object_get(test, "name")), member, wanted, got_value,
               d.variation, got, d.variant, ffshm_big_segments_name(d.big_segments));
        free(wanted);
        free(got);
        free(got_value);
    }
    passed = same_in_all_flags(ff, test, &c) && passed;
    json_decref(value);
    json_decref(reason);
    free(scratch);
    free(context);
    return passed;
}

static void publish_data(struct live_store *store, struct ffshm *ff, json_t *data)
{
    live_store_replace(store, data);
    live_store_publish(store);
    if (ffshm_refresh(ff) != FFSHM_OK) {
        printf("FAILED: a snapshot was refused\n");
        exit(1);
    }
}

static void run_one(struct ffshm *ff, json_t *test, struct case_tally *t)
{
    bool passed = run_with(ff, test, "context");
    t->evaluations++;
    if (json_object_get(test, "user")) {
        passed = run_with(ff, test, "user") && passed;
        t->evaluations++;
    }
    t->cases++;
    t->passed += passed;
}

static void run_group(struct live_store *store, struct ffshm *ff, json_t *group,
                      struct case_tally *t)
{
    json_t *shared = json_object_get(group, "data");
    json_t *tests = shared ? json_object_get(group, "cases") : group;
    if (shared) {
        publish_data(store, ff, shared);
    }
    if (!json_is_array(tests)) {
        tests = NULL;
    }
    size_t i;
    json_t *test;
    json_array_foreach(tests, i, test)
    {
        if (!shared && json_object_get(test, "data")) {
            run_group(store, ff, test, t);
            continue;
        }
        if (!shared) {
            publish_data(store, ff, json_object_get(test, "sdkData"));
        }
        run_one(ff, test, t);
    }
}

static void run_file(struct live_store *store, struct ffshm *ff, const char *path,
                     struct case_tally *t)
{
    json_error_t error;
    json_t *tests = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!tests) {
        fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
        exit(1);
    }
    run_group(store, ff, tests, t);
    json_decref(tests);
}

static int is_json(const struct dirent *e)
{
    size_t length = strlen(e->d_name);
    return length > 5 && strcmp(e->d_name + length - 5, ".json") == 0;
}

bool case_runner_run(const char *dir, struct case_tally *t)
{
    struct dirent **files;
    int count = scandir(dir, &files, is_json, alphasort);
    *t = (struct case_tally){0, 0, 0};
    if (count <= 0) {
        return false;
    }
    struct live_store store;
    live_store_open(&store);
    struct ffshm *ff =
        ffshm_open(store.dir, &(struct ffshm_options){.size = sizeof(struct ffshm_options),
                                                      .refresh = FFSHM_REFRESH_MANUAL});
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]->d_name);
        run_file(&store, ff, path, t);
        free(files[i]);
    }
    free(files);
    ffshm_close(ff);
    live_store_close(&store);
    return true;
}
