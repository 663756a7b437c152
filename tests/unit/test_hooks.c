/* Callbacks around evaluations and tracks, on a store that the agent's own code publishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"

static struct live_store store;
static struct ffshm *ff;
static struct ffshm_context who;
static char told[4096]; /* what the hooks wrote down, a line each */

static void put(const char *key, const char *variations)
{
    char text[512];
    (void)snprintf(
        text, sizeof text,
        "{\"version\":7,\"on\":true,\"variations\":%s,\"fallthrough\":{\"variation\":1}}",
        variations);
    live_store_put_text(&store, IMAGE_FLAG, key, text);
}

static int set_up(void **state)
{
    (void)state;
    live_store_open(&store);
    put("bool", "[false, true]");
    put("number", "[0, 42.5]");
    put("string", "[\"off\", \"\\u00e9\\\"\"]");
    put("object", "[{}, {\"a\": 1}]");
    live_store_publish(&store);
    ff = ffshm_open(store.dir, NULL);
    ffshm_context_init(&who, NULL, "somebody");
    told[0] = '\0';
    return ff == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    ffshm_close(ff);
    live_store_close(&store);
    return 0;
}

static __attribute__((format(printf, 1, 2))) void tell(const char *format, ...)
{
    const size_t used = strlen(told);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(told + used, sizeof told - used, format, args);
    va_end(args);
}

static void assert_told(const char *wanted)
{
    assert_string_equal(told, wanted);
    told[0] = '\0';
}

/* A hook with the name `arg`, which it hands from before to after. */
static void before(void *arg, const struct ffshm_hook_evaluation *e, struct ffshm_hook_data *data)
{
    char fallback[64];
    assert_null(data->as.pointer);
    data->as.pointer = arg;
    assert_ptr_equal(e->store, ff);
    (void)ffshm_hook_value(e, NULL, fallback, sizeof fallback);
    tell("%s before %s(%s, %s) %s\n", (const char *)arg, e->method, e->flag ? e->flag : "NULL",
         e->context == &who ? "who" : "?", fallback);
}

static void after(void *arg, const struct ffshm_hook_evaluation *e,
                  const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    char value[64];
    assert_ptr_equal(data->as.pointer, arg);
    (void)ffshm_hook_value(e, result, value, sizeof value);
    tell("%s after %s %s %d %s%s\n", (const char *)arg, e->flag ? e->flag : "NULL", value,
         result->variation, ffshm_reason_name(result->reason), ffshm_error_kind(result->error));
}

static void add(const char *name)
{
    const struct ffshm_hook hook = {.size = sizeof hook,
                                    .name = name,
                                    .before_evaluation = before,
                                    .after_evaluation = after,
                                    .arg = (void *)(uintptr_t)name};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
}

static void before_runs_in_order_and_after_in_reverse(void **state)
{
    (void)state;
    add("a");
    add("b");
    assert_true(ffshm_bool(ff, "bool", &who, false));
    assert_told("a before ffshm_bool(bool, who) false\n"
                "b before ffshm_bool(bool, who) false\n"
                "b after bool true 1 FALLTHROUGH\n"
                "a after bool true 1 FALLTHROUGH\n");
}

static void all_types_are_told_by_key(void **state)
{
    (void)state;
    char text[32];
    add("h");
    assert_int_equal(ffshm_int(ff, "number", &who, -9007199254740993), 42);
    assert_told("h before ffshm_int(number, who) -9007199254740993\n"
                "h after number 42 1 FALLTHROUGH\n");
    assert_true(ffshm_double(ff, "number", &who, 3.14) == 42.5);
    assert_told("h before ffshm_double(number, who) 3.14\nh after number 42.5 1 FALLTHROUGH\n");
    assert_int_equal(ffshm_string(ff, "string", &who, "a\"b", text, sizeof text), 3);
    assert_string_equal(text, "\xc3\xa9\"");
    assert_told("h before ffshm_string(string, who) \"a\\\"b\"\n"
                "h after string \"\xc3\xa9\\\"\" 1 FALLTHROUGH\n");
    assert_int_equal(ffshm_json(ff, "object", &who, "[1]", text, sizeof text), 7);
    assert_string_equal(text, "{\"a\":1}");
    assert_told("h before ffshm_json(object, who) [1]\nh after object {\"a\":1} 1 FALLTHROUGH\n");
}

static void handles_details_and_views_are_told_of_too(void **state)
{
    (void)state;
    char text[4];
    struct ffshm_detail why;
    struct ffshm_view view;
    static struct ffshm_flag flag = FFSHM_FLAG("bool");
    static struct ffshm_flag string = FFSHM_FLAG("string");
    add("h");
    for (unsigned i = 0; i < 2; i++) {
        assert_true(ffshm_flag_bool(ff, &flag, &who, false));
        assert_told("h before ffshm_flag_bool(bool, who) false\nh after bool true 1 FALLTHROUGH\n");
    }
    /* a buffer that is too small does not cut what hooks see */
    assert_int_equal(ffshm_flag_string(ff, &string, &who, NULL, text, 1), 3);
    assert_told("h before ffshm_flag_string(string, who) \"\"\n"
                "h after string \"\xc3\xa9\\\"\" 1 FALLTHROUGH\n");
    assert_true(ffshm_bool_detail(ff, "bool", &who, false, &why));
    assert_int_equal(why.variation, 1);
    assert_int_equal(why.flag_version, 7);
    assert_told("h before ffshm_bool_detail(bool, who) false\nh after bool true 1 FALLTHROUGH\n");
    assert_int_equal(ffshm_string_detail(ff, "string", &who, NULL, NULL, 0, &why), 3);
    assert_int_equal(why.reason, FFSHM_REASON_FALLTHROUGH);
    assert_told("h before ffshm_string_detail(string, who) \"\"\n"
                "h after string \"\xc3\xa9\\\"\" 1 FALLTHROUGH\n");
    ffshm_pin(ff, &view);
    struct ffshm_result results[2];
    const char *const keys[] = {"number", "none"};
    assert_int_equal(ffshm_evaluate_many(&view, keys, 2, &who, results), 1);
    assert_true(results[0].number == 42.5);
    assert_told("h before ffshm_evaluate(number, who) null\nh after number 42.5 1 FALLTHROUGH\n"
                "h before ffshm_evaluate(none, who) null\n"
                "h after none null -1 ERRORFLAG_NOT_FOUND\n");
    (void)ffshm_all_flags_json(&view, &who, 0, NULL, 0);
    assert_told("");
    ffshm_unpin(&view);
    assert_int_equal(ffshm_evaluate(&view, "bool", &who).error, FFSHM_NOT_READY);
    assert_told("");
}

static void a_fallback_that_was_served_is_the_value(void **state)
{
    (void)state;
    add("h");
    assert_true(ffshm_bool(ff, "none", &who, true));
    assert_told("h before ffshm_bool(none, who) true\nh after none true -1 ERRORFLAG_NOT_FOUND\n");
    assert_int_equal(ffshm_int(ff, "string", &who, 5), 5);
    assert_told("h before ffshm_int(string, who) 5\nh after string 5 -1 ERRORWRONG_TYPE\n");
    assert_true(ffshm_bool(ff, NULL, NULL, true));
    assert_told("h before ffshm_bool(NULL, ?) true\n"
                "h after NULL true -1 ERRORUSER_NOT_SPECIFIED\n");
    struct ffshm_flag nothing = FFSHM_FLAG(NULL);
    assert_false(ffshm_flag_bool(ff, &nothing, &who, false));
    assert_told("h before ffshm_flag_bool(NULL, who) false\n"
                "h after NULL false -1 ERRORFLAG_NOT_FOUND\n");
}

static void a_hook_has_what_it_wants_only(void **state)
{
    (void)state;
    struct ffshm_hook hook = {.size = sizeof hook};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    hook.after_evaluation = after;
    hook.arg = NULL; /* nothing went before it: its data are zeros */
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    assert_true(ffshm_bool(ff, "bool", &who, false));
    assert_told("(null) after bool true 1 FALLTHROUGH\n");
    ffshm_track(ff, "e", &who, 1);
    assert_told("");
}

static void hooks_are_checked_and_bounded(void **state)
{
    (void)state;
    struct ffshm_hook hook = {.size = sizeof hook - 1};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_add_hook(ff, NULL), FFSHM_INVALID_ARGUMENT);
    hook.size = sizeof hook;
    assert_int_equal(ffshm_add_hook(NULL, &hook), FFSHM_INVALID_ARGUMENT);
    for (unsigned i = 0; i < FFSHM_HOOKS; i++) {
        assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    }
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_TOO_MANY);
    assert_true(ffshm_bool(ff, "bool", &who, false));
}

/* ---- tracks -------------------------------------------------------------------------------- */

static void after_track(void *arg, const struct ffshm_hook_track *t)
{
    char value[32] = "none";
    if (t->value) {
        (void)snprintf(value, sizeof value, "%g", *t->value);
    }
    assert_ptr_equal(t->store, ff);
    tell("%s track %s %s %s %s\n", (const char *)arg, t->event, t->context == &who ? "who" : "?",
         value, t->json ? t->json : "none");
}

static void tracks_are_told_of_where_the_context_is_valid(void **state)
{
    (void)state;
    const double value = 2.5;
    struct ffshm_context bad;
    const struct ffshm_hook hook = {
        .size = sizeof hook, .after_track = after_track, .arg = (void *)(uintptr_t) "h"};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    ffshm_track(ff, "bought", &who, 0);
    ffshm_track_data(ff, "bought", &who, &value, "{\"a\":1}");
    ffshm_track_data(ff, "seen", &who, NULL, NULL);
    assert_told("h track bought who 0 none\nh track bought who 2.5 {\"a\":1}\n"
                "h track seen who none none\n");
    ffshm_context_init(&bad, NULL, "");
    ffshm_track(ff, "bought", &bad, 0);
    ffshm_track(ff, "bought", NULL, 0);
    ffshm_track(ff, NULL, &who, 0);
    ffshm_track(NULL, "bought", &who, 0);
    ffshm_identify(ff, &who);
    assert_told("");
}

/* ---- the environment ----------------------------------------------------------------------- */

static void tell_environment(void *arg, const struct ffshm_hook_evaluation *e,
                             struct ffshm_hook_data *data)
{
    (void)arg;
    (void)data;
    tell("<%s>", e->environment_id);
}

static void tell_environment_of_track(void *arg, const struct ffshm_hook_track *t)
{
    (void)arg;
    tell("(%s)", t->environment_id);
}

static void the_environments_id_is_told_as_soon_as_it_is_known(void **state)
{
    (void)state;
    char path[128];
    const struct ffshm_hook hook = {.size = sizeof hook,
                                    .before_evaluation = tell_environment,
                                    .after_track = tell_environment_of_track};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    (void)ffshm_bool(ff, "bool", &who, false);
    (void)snprintf(path, sizeof path, "%s/ctl", store.dir);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct image_control *const page =
        mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    (void)snprintf(page->source.environment_id, sizeof page->source.environment_id, "env-1");
    (void)ffshm_bool(ff, "bool", &who, false);
    ffshm_track(ff, "e", &who, 0);
    assert_told("<><env-1>(env-1)");
    (void)munmap(page, sizeof *page);
    (void)close(fd);
}

/* ---- hooks that use the library ------------------------------------------------------------ */

static void evaluate_once(void *arg, const struct ffshm_hook_evaluation *e,
                          struct ffshm_hook_data *data)
{
    (void)arg;
    (void)data;
    tell("(%s", e->flag);
    if (strcmp(e->flag, "bool") == 0) {
        tell(" %d", (int)ffshm_int(ff, "number", e->context, 0));
    }
    tell(")");
}

/* What after_evaluation is shown stays what it was, also when the flag has changed by then. */
static void change_the_flag(void *arg, const struct ffshm_hook_evaluation *e,
                            const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    char value[32];
    (void)arg;
    (void)data;
    put("string", "[\"x\", \"changed\"]");
    live_store_publish(&store);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    (void)ffshm_hook_value(e, result, value, sizeof value);
    tell("%s %s", value, result->string);
}

static void hooks_may_call_the_library(void **state)
{
    (void)state;
    struct ffshm_hook hook = {.size = sizeof hook, .before_evaluation = evaluate_once};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    (void)ffshm_bool(ff, "bool", &who, false);
    assert_told("(bool(number) 42)");
    hook = (struct ffshm_hook){.size = sizeof hook, .after_evaluation = change_the_flag};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    char text[16];
    (void)ffshm_string(ff, "string", &who, "", text, sizeof text);
    assert_string_equal(text, "\xc3\xa9\"");
    assert_told("(string)\"\xc3\xa9\\\"\" \xc3\xa9\"");
}

/* ---- threads ------------------------------------------------------------------------------- */

struct counts {
    atomic_uint before;
    atomic_uint after;
};

static void count_before(void *arg, const struct ffshm_hook_evaluation *e,
                         struct ffshm_hook_data *data)
{
    struct counts *const counts = arg;
    (void)e;
    data->as.number = 7;
    atomic_fetch_add(&counts->before, 1);
}

static void count_after(void *arg, const struct ffshm_hook_evaluation *e,
                        const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    struct counts *const counts = arg;
    (void)e;
    (void)result;
    atomic_fetch_add(&counts->after, data->as.number == 7 ? 1 : 1000000);
}

static atomic_bool stop;

static void *evaluate_on(void *arg)
{
    unsigned long n = 0;
    for (; !atomic_load(&stop); n++) {
        if (!ffshm_bool(ff, "bool", &who, false)) {
            *(bool *)arg = true;
        }
    }
    return NULL;
}

/* An evaluation runs before and after of the same hooks, whenever another one is added. */
static void hooks_are_added_while_others_evaluate(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    bool wrong[THREADS] = {false};
    static struct counts counts[FFSHM_HOOKS];
    atomic_store(&stop, false);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, evaluate_on, &wrong[i]), 0);
    }
    for (unsigned i = 0; i < FFSHM_HOOKS; i++) {
        const struct ffshm_hook hook = {.size = sizeof hook,
                                        .before_evaluation = count_before,
                                        .after_evaluation = count_after,
                                        .arg = &counts[i]};
        assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
        while (atomic_load(&counts[i].after) < 10) {
            (void)usleep(100);
        }
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(wrong[i]);
    }
    for (unsigned i = 0; i < FFSHM_HOOKS; i++) {
        assert_int_equal(atomic_load(&counts[i].before), atomic_load(&counts[i].after));
    }
}

static void *add_some(void *arg)
{
    (void)arg;
    const struct ffshm_hook hook = {.size = sizeof hook};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    }
    return NULL;
}

static void no_hook_is_lost_when_several_threads_add(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_some, NULL), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    const struct ffshm_hook hook = {.size = sizeof hook};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_TOO_MANY); /* all sixteen are there */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(before_runs_in_order_and_after_in_reverse),
        TEST(all_types_are_told_by_key),
        TEST(handles_details_and_views_are_told_of_too),
        TEST(a_fallback_that_was_served_is_the_value),
        TEST(a_hook_has_what_it_wants_only),
        TEST(hooks_are_checked_and_bounded),
        TEST(tracks_are_told_of_where_the_context_is_valid),
        TEST(the_environments_id_is_told_as_soon_as_it_is_known),
        TEST(hooks_may_call_the_library),
        TEST(hooks_are_added_while_others_evaluate),
        TEST(no_hook_is_lost_when_several_threads_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
