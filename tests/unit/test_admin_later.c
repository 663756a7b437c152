/* Answers that come later: while others are served, without their client, too late; and the work in
   steps behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_later.h"
#include "admin/admin_work.h"
#include "admin_fixture.h"

#define WAIT_MS 10000
#define JOB(steps)                                                                                 \
    "POST /api/v1/jobs?steps=" steps " HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"

/* ---- a route that works in steps ------------------------------------------------------------ */

struct jobs {
    struct admin_fixture f;
    unsigned begun, done, gone;
    uint64_t steps;
};

struct job {
    struct jobs *all;
    struct admin_later *later;
    struct admin_work work;
    int64_t steps;
    int64_t left; /* steps; 0: it ends without an answer */
};

static bool step(void *arg)
{
    struct job *j = arg;
    j->all->steps++;
    if (j->steps > 0 && --j->left > 0) {
        return true;
    }
    if (j->steps > 0) {
        admin_answer_json(admin_later_answer(j->later), 200,
                          json_pack("{s:I}", "steps", (json_int_t)j->steps));
    }
    admin_later_end(j->later);
    j->all->done++;
    free(j);
    return false;
}

static void gone(void *arg)
{
    struct job *j = arg;
    admin_work_stop(&j->work);
    j->all->gone++;
    free(j);
}

static void begin_job(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    struct jobs *all = arg;
    struct admin_error error = {0};
    struct job *j = calloc(1, sizeof *j);
    assert_non_null(j);
    j->all = all;
    assert_int_equal(admin_request_number(r, "steps", 0, INT64_MAX, &j->steps, &error), 0);
    j->left = j->steps;
    admin_work_init(&j->work, admin_server_works(all->f.server), step, j);
    j->later = admin_later_begin(answer, gone, j);
    assert_non_null(j->later);
    admin_work_go(&j->work);
    all->begun++;
}

static const struct admin_parameter_info parameters[] = {{"steps", "how many"}, {NULL, NULL}};
static const struct admin_route routes[] = {
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/jobs",
     .least = ADMIN_ROLE_NONE,
     .handler = begin_job,
     .summary = "works",
     .body = ADMIN_BODY_OPTIONAL,
     .parameters = parameters},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/jobs",
     .least = ADMIN_ROLE_NONE,
     .handler = begin_job,
     .summary = "works",
     .parameters = parameters},
};

static void setup(struct jobs *j)
{
    *j = (struct jobs){.begun = 0};
    admin_fixture_init(&j->f);
}

static void start(struct jobs *j)
{
    admin_fixture_start(&j->f);
    assert_int_equal(admin_server_add(j->f.server, routes, sizeof routes / sizeof *routes, j), 0);
}

static void say(struct jobs *j, int fd, const char *text)
{
    admin_send(&j->f, fd, text, strlen(text));
}

static void hear(struct jobs *j, int fd, unsigned status, const char *text)
{
    struct admin_reply reply;
    assert_true(admin_receive(&j->f, fd, false, WAIT_MS, &reply));
    assert_int_equal(reply.status, status);
    assert_non_null(strstr(reply.body, text));
    admin_reply_free(&reply);
}

/* Until so many jobs have begun. */
static void await_begun(struct jobs *j, unsigned count)
{
    for (int i = 0; i < WAIT_MS && j->begun < count; i++) {
        admin_pass(&j->f, 1);
    }
    assert_true(j->begun >= count);
}

static void await_gone(struct jobs *j, unsigned count)
{
    for (int i = 0; i < WAIT_MS && j->gone < count; i++) {
        admin_pass(&j->f, 1);
    }
    assert_int_equal(j->gone, count);
}

#define ENDLESS "900000000000000000"

/* ---- answers -------------------------------------------------------------------------------- */

static void others_are_answered_meanwhile(void **state)
{
    struct jobs j;
    struct admin_reply reply;
    (void)state;
    setup(&j);
    start(&j);
    const int fd = admin_connect(&j.f);
    say(&j, fd, JOB("300"));
    await_begun(&j, 1);
    admin_ask(&j.f, "GET /api/v1/health", &reply);
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    assert_int_equal(j.done, 0);
    hear(&j, fd, 200, "{\"steps\":300}");
    assert_int_equal(j.steps, 300);
    say(&j, fd, JOB("2") JOB("1")); /* the connection goes on, in order */
    hear(&j, fd, 200, "{\"steps\":2}");
    hear(&j, fd, 200, "{\"steps\":1}");
    (void)close(fd);
    admin_ask(&j.f, "HEAD /api/v1/jobs?steps=3", &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.length, 0);
    admin_reply_free(&reply);
    admin_ask(&j.f, "POST /api/v1/jobs?steps=2\n\n{\"a\": 1}", &reply);
    assert_int_equal(reply.status, 415);
    admin_reply_free(&reply);
    admin_ask(&j.f, "POST /api/v1/jobs?steps=2\nContent-Type: application/json\n\n{\"a\": 1}",
              &reply);
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    assert_int_equal(j.gone, 0);
    admin_fixture_free(&j.f);
}

static void one_that_answers_nothing_is_an_error(void **state)
{
    struct jobs j;
    struct admin_reply reply;
    (void)state;
    setup(&j);
    start(&j);
    admin_ask(&j.f, "GET /api/v1/jobs?steps=0", &reply);
    assert_int_equal(reply.status, 500);
    assert_string_equal(admin_member(&reply, "code"), "no_answer");
    admin_reply_free(&reply);
    assert_int_equal(j.done, 1);
    admin_fixture_free(&j.f);
}

static void a_client_that_goes_ends_its_job(void **state)
{
    struct jobs j;
    (void)state;
    setup(&j);
    start(&j);
    for (unsigned i = 1; i <= 3; i++) {
        const int fd = admin_connect(&j.f);
        say(&j, fd, JOB(ENDLESS));
        await_begun(&j, i);
        (void)close(fd);
        await_gone(&j, i);
    }
    const uint64_t steps = j.steps;
    admin_pass(&j.f, 5);
    assert_int_equal(j.steps, steps);
    admin_fixture_free(&j.f);
}

static void start_with_tcp(struct jobs *j)
{
    static const char *const addresses[] = {"127.0.0.1:0"};
    setup(j);
    j->f.options.addresses = addresses;
    j->f.options.address_count = 1;
    start(j);
}

static void a_client_that_only_says_no_more_is_answered(void **state)
{
    struct jobs j;
    (void)state;
    start_with_tcp(&j);
    for (int i = 0; i < 2; i++) {
        const int fd = i == 0 ? admin_connect(&j.f) : admin_connect_tcp(&j.f, 0);
        say(&j, fd, JOB("500"));
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        hear(&j, fd, 200, "{\"steps\":500}");
        (void)close(fd);
    }
    assert_int_equal(j.gone, 0);
    assert_int_equal(j.done, 2);
    admin_fixture_free(&j.f);
}

/* TCP does not tell of it: what is done is told to nobody, and nothing is left behind. */
static void a_client_that_went_unnoticed_hurts_nobody(void **state)
{
    struct jobs j;
    (void)state;
    start_with_tcp(&j);
    const int fd = admin_connect_tcp(&j.f, 0);
    say(&j, fd, JOB("50") JOB("50") JOB("50"));
    await_begun(&j, 1);
    (void)close(fd);
    struct admin_server_stats stats = {.connections = 1};
    for (int i = 0; i < WAIT_MS && stats.connections > 0; i++) {
        admin_pass(&j.f, 1);
        admin_server_stats(j.f.server, &stats);
    }
    assert_int_equal(stats.connections, 0);
    assert_int_equal(j.begun, j.done + j.gone);
    admin_fixture_free(&j.f);
}

static void what_takes_too_long_is_given_up(void **state)
{
    struct jobs j;
    (void)state;
    setup(&j);
    j.f.options.limits.later_ms = 50;
    start(&j);
    const int fd = admin_connect(&j.f);
    say(&j, fd, JOB(ENDLESS));
    hear(&j, fd, 503, "too_long");
    assert_int_equal(j.gone, 1);
    assert_true(admin_closed(&j.f, fd, WAIT_MS));
    (void)close(fd);
    admin_fixture_free(&j.f);
    assert_int_equal(j.gone, 1);
}

static void a_server_that_stops_ends_its_jobs(void **state)
{
    struct jobs j;
    (void)state;
    setup(&j);
    start(&j);
    const int first = admin_connect(&j.f);
    const int second = admin_connect(&j.f);
    say(&j, first, JOB(ENDLESS));
    say(&j, second, JOB(ENDLESS));
    await_begun(&j, 2);
    admin_fixture_stop(&j.f);
    assert_int_equal(j.gone, 2);
    (void)close(first);
    (void)close(second);
    admin_fixture_free(&j.f);
}

/* ---- work ----------------------------------------------------------------------------------- */

struct worker {
    struct admin_work work;
    char name;
    int left;
    char *said;
    struct admin_work *stops; /* when it has none left */
};

static bool say_name(void *arg)
{
    struct worker *w = arg;
    strncat(w->said, &w->name, 1);
    if (--w->left == 0 && w->stops) {
        admin_work_stop(w->stops);
    }
    return w->left > 0;
}

static void all_who_work_take_turns(void **state)
{
    char said[64] = "";
    struct event_base *base = event_base_new();
    struct admin_works *works = admin_works_new(base);
    struct worker a = {.name = 'a', .left = 4, .said = said};
    struct worker b = {.name = 'b', .left = 2, .said = said};
    struct worker c = {.name = 'c', .left = 100, .said = said};
    (void)state;
    admin_work_init(&a.work, works, say_name, &a);
    admin_work_init(&b.work, works, say_name, &b);
    admin_work_init(&c.work, works, say_name, &c);
    a.stops = &c.work;
    admin_work_go(&a.work);
    admin_work_go(&b.work);
    admin_work_go(&a.work); /* is queued already */
    admin_work_go(&c.work);
    assert_int_equal(event_base_dispatch(base), 1); /* until nothing is left to do */
    assert_string_equal(said, "abcabcaca");
    said[0] = '\0';
    c.left = 1;
    a.left = 1;
    a.stops = NULL;
    admin_work_go(&b.work);
    admin_work_go(&c.work);
    admin_work_stop(&c.work); /* the last one */
    admin_work_go(&a.work);
    admin_work_stop(&b.work); /* the first one */
    admin_work_stop(&b.work);
    assert_int_equal(event_base_dispatch(base), 1);
    assert_string_equal(said, "a");
    admin_works_free(works);
    event_base_free(base);
}

static bool stop_itself(void *arg)
{
    struct worker *w = arg;
    w->left--;
    free(w);
    return false;
}

static void a_step_may_free_its_work(void **state)
{
    struct event_base *base = event_base_new();
    struct admin_works *works = admin_works_new(base);
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct worker *w = calloc(1, sizeof *w);
        assert_non_null(w);
        admin_work_init(&w->work, works, stop_itself, w);
        admin_work_go(&w->work);
    }
    assert_int_equal(event_base_dispatch(base), 1);
    admin_works_free(works);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_answered_meanwhile),
        cmocka_unit_test(one_that_answers_nothing_is_an_error),
        cmocka_unit_test(a_client_that_goes_ends_its_job),
        cmocka_unit_test(a_client_that_only_says_no_more_is_answered),
        cmocka_unit_test(a_client_that_went_unnoticed_hurts_nobody),
        cmocka_unit_test(what_takes_too_long_is_given_up),
        cmocka_unit_test(a_server_that_stops_ends_its_jobs),
        cmocka_unit_test(all_who_work_take_turns),
        cmocka_unit_test(a_step_may_free_its_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
