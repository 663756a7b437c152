/* ctest: quick dev
   kill -9 of the agent at each step of a transaction, any number of times: nothing is lost, nothing
   is counted twice. The steps are those of collector_round.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect_fixture.h"
#include "test_point.h"

#define FIRST 31
#define LAST 37

static int kill_at; /* in the child: the step, */
static int visits;  /* and how often it is passed before */

void ffshm_test_point(int id); /* test_point.h has it where there are points */
void ffshm_test_point(int id)
{
    if (id == kill_at && visits-- == 0) {
        kill(getpid(), SIGKILL);
    }
}

/* An agent that runs until it is killed, or has nothing to do any more. true: it was killed. */
static bool run_agent(struct collect_fixture *f, int step, int after)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        kill_at = step;
        visits = after;
        fixture_start(f);
        for (int i = 0; i < 4; i++) {
            fixture_run(f, 30);
            collector_flush(f->collector);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) {
        assert_int_equal(status, 0);
    }
    return WIFSIGNALED(status);
}

struct told {
    uint64_t counts;
    unsigned events;
};

static void tell(struct telemetry_writer *w, struct telemetry_block *b, struct told *told)
{
    writer_count(b, 0, 3);
    writer_count(b, -1, 2);
    writer_put_event(w, "e");
    told->counts += 5;
    told->events++;
}

/* Agents are killed at the step, one after the other, while two processes tell and one ends. */
static void kill_at_step(struct collect_fixture *f, int step, int after, unsigned *killed)
{
    struct telemetry_writer live;
    struct telemetry_writer mortal;
    struct told told = {0, 0};
    writer_open(&live, f->dir, 0, TELEMETRY_RING_LEAST);
    writer_open(&mortal, f->dir, 0, TELEMETRY_RING_LEAST);
    struct telemetry_block *const b = writer_block(&live, TELEMETRY_FLAG, "flag", 1, 1, 2);
    struct telemetry_block *const m = writer_block(&mortal, TELEMETRY_FLAG, "flag", 2, 1, 2);
    for (int agent = 0; agent < 3; agent++) {
        tell(&live, b, &told);
        if (agent < 2) {
            tell(&mortal, m, &told);
        }
        if (agent == 1) {
            writer_die(&mortal);
        }
        *killed += run_agent(f, step, after);
    }
    tell(&live, b, &told);
    assert_false(run_agent(f, 0, 0));
    assert_false(fixture_exists(f, mortal.path));
    f->storage = storage_open(f->database, NULL);
    assert_non_null(f->storage);
    json_t *const all = recorded_in(f->storage);
    assert_int_equal(recorded_counts(all, "flag", -2), told.counts);
    assert_int_equal(recorded_events(all, "e"), told.events);
    assert_int_equal(fixture_marks(f), 2); /* the live one's */
    json_decref(all);
    storage_close(f->storage);
    f->storage = NULL;
    writer_die(&live);
}

static void killed_at_any_step_nothing_is_lost_or_counted_twice(void **state)
{
    (void)state;
    for (int step = FIRST; step <= LAST; step++) {
        unsigned killed = 0;
        for (int after = 0; after < 2; after++) {
            struct collect_fixture f;
            fixture_init(&f);
            fixture_start(&f); /* makes the directory, for the writers */
            fixture_stop(&f);
            kill_at_step(&f, step, after, &killed);
            fixture_free(&f);
        }
        if (killed < 2) {
            fail_msg("step %d killed only %u agents", step, killed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_step_nothing_is_lost_or_counted_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
