/* ctest: quick timeout=120
   Real processes with libffshm, killed and not; a collector that is restarted meanwhile, with a
   real storage: what they say that they did is what arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect_fixture.h"
#include "ffshm.h"
#include "live_store.h"

#define PROCESSES 8
#define EVALUATIONS 20000 /* of each flag, by each process */
#define TRACKED 400

struct live {
    struct live_store store;
    struct collect_fixture fixture;
};

static void set_window(void *arg, uint64_t window)
{
    struct live *const l = arg;
    l->fixture.window = window;
    publisher_telemetry_window(l->store.publisher, window);
}

static int set_up(void **state)
{
    struct live *const l = calloc(1, sizeof *l);
    assert_non_null(l);
    live_store_open(&l->store);
    live_store_put_text(&l->store, IMAGE_FLAG, "plain",
                        "{\"key\":\"plain\",\"version\":3,\"on\":true,\"variations\":[true,false],"
                        "\"fallthrough\":{\"variation\":1},\"salt\":\"s\"}");
    live_store_put_text(&l->store, IMAGE_FLAG, "tracked",
                        "{\"key\":\"tracked\",\"version\":4,\"on\":true,\"trackEvents\":true,"
                        "\"variations\":[\"a\",\"b\"],\"fallthrough\":{\"variation\":0},"
                        "\"salt\":\"s\"}");
    live_store_publish(&l->store);
    fixture_init(&l->fixture);
    l->fixture.options.dir = l->store.dir;
    l->fixture.options.store_epoch = publisher_epoch(l->store.publisher);
    l->fixture.options.set_window = set_window;
    l->fixture.options.arg = l;
    l->fixture.options.flush_ms = 200;
    publisher_telemetry(l->store.publisher, IMAGE_WANTS_EVENTS, TELEMETRY_RING_DEFAULT);
    *state = l;
    return 0;
}

static int tear_down(void **state)
{
    struct live *const l = *state;
    fixture_free(&l->fixture);
    live_store_close(&l->store);
    free(l);
    return 0;
}

/* What a process does; it ends as if it were killed, or properly. */
static void evaluate_all(const char *dir, unsigned number, bool is_killed)
{
    struct ffshm *const ff = ffshm_open(dir, NULL);
    struct ffshm_context c;
    char key[32];
    char value[8];
    snprintf(key, sizeof key, "user-%u", number);
    ffshm_context_init(&c, "user", key);
    ffshm_context_number(&c, "age", 30 + number);
    if (!ff || ffshm_wait_ready(ff, 5000) != FFSHM_OK) {
        _exit(1);
    }
    for (unsigned i = 0; i < EVALUATIONS; i++) {
        ffshm_bool(ff, "plain", &c, true);
        ffshm_bool(ff, "nobody-knows", &c, false);
        if (i % (EVALUATIONS / TRACKED) == 0) {
            ffshm_string(ff, "tracked", &c, "", value, sizeof value);
            ffshm_track(ff, "bought", &c, i);
            usleep(200);
        }
    }
    if (is_killed) {
        kill(getpid(), SIGKILL);
    }
    ffshm_close(ff);
    _exit(0);
}

/* SIGKILL for the odd ones. */
static void start_processes(struct live *l, pid_t pids[PROCESSES])
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            evaluate_all(l->store.dir, i, i % 2 == 1);
        }
    }
}

static bool all_ended(pid_t pids[PROCESSES])
{
    bool all = true;
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status;
        if (pids[i] != 0 && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
            assert_true(i % 2 == 1 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                                   : WIFEXITED(status) && WEXITSTATUS(status) == 0);
            pids[i] = 0;
        }
        all = all && pids[i] == 0;
    }
    return all;
}

static bool has_no_files(struct collect_fixture *f, void *arg)
{
    (void)arg;
    return fixture_stats(f).files == 0;
}

static unsigned of_type(const json_t *list, const char *type)
{
    unsigned sum = 0;
    size_t i;
    const json_t *o;
    json_array_foreach(list, i, o)
    {
        const char *const own = json_string_value(json_object_get(o, "type"));
        sum += own && strcmp(own, type) == 0;
    }
    return sum;
}

static void check_sums(struct collect_fixture *f)
{
    json_t *const all = recorded_in(f->storage);
    assert_int_equal(recorded_counts(all, "plain", 1), PROCESSES * EVALUATIONS);
    assert_int_equal(recorded_counts(all, "plain", -2), PROCESSES * EVALUATIONS);
    assert_int_equal(recorded_counts(all, "nobody-knows", -1), PROCESSES * EVALUATIONS);
    assert_int_equal(recorded_counts(all, "tracked", 0), PROCESSES * TRACKED);
    const uint64_t dropped = recorded_dropped(all);
    const uint64_t whole = of_type(all, "evaluation") + of_type(all, "custom");
    assert_true(whole <= 2 * PROCESSES * TRACKED);
    assert_true(whole + dropped >= 2 * PROCESSES * TRACKED);
    assert_true(of_type(all, "index") >= PROCESSES || dropped > 0);
    assert_non_null(recorded(all, "seen"));
    json_decref(all);
}

static void what_processes_did_is_what_arrives(void **state)
{
    struct live *const l = *state;
    struct collect_fixture *const f = &l->fixture;
    pid_t pids[PROCESSES];
    uint64_t malformed = 0;
    fixture_start(f);
    start_processes(l, pids);
    for (unsigned turn = 1; !all_ended(pids); turn++) {
        fixture_run(f, 20);
        if (turn % 10 == 0) {
            malformed += fixture_stats(f).malformed;
            fixture_stop(f);
            fixture_start(f);
        }
    }
    assert_true(fixture_run_until(f, has_no_files, NULL, 20000));
    malformed += fixture_stats(f).malformed;
    assert_int_equal(malformed, 0);
    check_sums(f);
}

/* An agent of its own, until it is killed. */
static pid_t start_agent(struct live *l)
{
    const pid_t agent = fork();
    assert_true(agent >= 0);
    if (agent == 0) {
        l->fixture.base = event_base_new();
        fixture_start(&l->fixture);
        for (;;) {
            fixture_run(&l->fixture, 1000);
        }
    }
    return agent;
}

static void agents_are_killed_at_any_moment(void **state)
{
    struct live *const l = *state;
    struct collect_fixture *const f = &l->fixture;
    pid_t pids[PROCESSES];
    unsigned random = (unsigned)getpid();
    bool ended = false;
    f->options.flush_ms = 20;
    fixture_start(f); /* makes the directory and opens the window */
    fixture_stop(f);
    start_processes(l, pids);
    printf("seed %u\n", random);
    while (!ended) {
        const pid_t agent = start_agent(l);
        int status;
        random = random * 1103515245u + 12345u;
        usleep(20000 + (random >> 16) % 40000);
        ended = all_ended(pids);
        assert_int_equal(kill(agent, SIGKILL), 0);
        assert_int_equal(waitpid(agent, &status, 0), agent);
        assert_true(WIFSIGNALED(status));
    }
    fixture_start(f);
    assert_true(fixture_run_until(f, has_no_files, NULL, 20000));
    check_sums(f);
}

static void a_flush_brings_what_this_process_did(void **state)
{
    struct live *const l = *state;
    struct collect_fixture *const f = &l->fixture;
    struct ffshm_context c;
    fixture_start(f);
    struct ffshm *const ff = ffshm_open(l->store.dir, NULL);
    assert_non_null(ff);
    assert_int_equal(ffshm_wait_ready(ff, 5000), FFSHM_OK);
    ffshm_context_init(&c, "org", "acme");
    for (unsigned window = 1; window <= 3; window++) {
        ffshm_bool(ff, "plain", &c, true);
        ffshm_identify(ff, &c);
        assert_int_equal(collector_flush(f->collector), 0);
        assert_int_equal(recorded_counts(f->sink.committed, "plain", 1), window);
        assert_int_equal(of_type(f->sink.committed, "identify"), window);
    }
    const json_t *const seen = recorded(f->sink.committed, "seen");
    assert_non_null(seen);
    assert_string_equal(json_string_value(json_array_get(json_object_get(seen, "kinds"), 0)),
                        "org");
    assert_true(json_is_true(json_object_get(seen, "default")));
    ffshm_close(ff);
    assert_true(fixture_run_until(f, has_no_files, NULL, 20000));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_processes_did_is_what_arrives),
        TEST(agents_are_killed_at_any_moment),
        TEST(a_flush_brings_what_this_process_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
