/*
 * Big segments in evaluations: what the agent has put into shared memory decides; what it has not
 * is asked for, and waited for where the program wants that. The test is the agent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "big_segments/memberships.h"
#include "explain.h"
#include "ffshm.h"
#include "live_store.h"
#include "snapshot.h"
#include "store.h"
#include "telemetry_reader.h"

/* One agent's memberships beside a store of its own. */
struct fixture {
    struct live_store store;
    struct telemetry_desk desk;
    struct memberships *memberships;
    int socket; /* -1: nobody listens at the doorbell */
    pthread_t thread;
    bool has_thread;
    bool fails;
    _Atomic unsigned rings;
};

static void put_segment(struct fixture *f, const char *key, const char *more)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"key\":\"%s\",\"version\":1,\"included\":[\"listed\"],\"unbounded\":true%s}", key,
             more);
    live_store_put_text(&f->store, IMAGE_SEGMENT, key, text);
}

static void put_flag(struct fixture *f, const char *key, const char *segments, bool negate)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"key\":\"%s\",\"version\":1,\"on\":true,\"variations\":[false,true],\"rules\":[{"
             "\"id\":\"r\",\"variation\":1,\"clauses\":[{\"op\":\"segmentMatch\",\"negate\":%s,"
             "\"values\":[%s]}]}],\"fallthrough\":{\"variation\":0}}",
             key, negate ? "true" : "false", segments);
    live_store_put_text(&f->store, IMAGE_FLAG, key, text);
}

static void open_memberships(struct fixture *f, unsigned contexts)
{
    struct fault fault = {0};
    const struct memberships_options options = {
        .dir = publisher_dir(f->store.publisher),
        .store_epoch = publisher_epoch(f->store.publisher),
        .contexts = contexts,
        .ageing_ms = 2000,
        .old_ms = 5000,
        .gone_ms = 60000,
    };
    f->memberships = memberships_open(&options, 0, &fault);
    assert_non_null(f->memberships);
    memberships_set_status(f->memberships, BIG_SEGMENTS_HEALTHY, 1234);
    publisher_big_segments(f->store.publisher, memberships_id(f->memberships));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->socket = -1;
    live_store_open(&f->store);
    telemetry_desk_open(&f->desk, f->store.dir);
    put_segment(f, "big", ",\"generation\":7");
    put_segment(f, "other", ",\"generation\":8");
    put_segment(f, "rules",
                ",\"generation\":1,\"rules\":[{\"clauses\":[{\"attribute\":\"key\",\"op\":\"in\","
                "\"values\":[\"ann\"]}]}]");
    put_segment(f, "company", ",\"generation\":2,\"unboundedContextKind\":\"company\"");
    put_segment(f, "broken",
                ",\"rules\":[{\"clauses\":[{\"attribute\":\"key\",\"op\":\"in\",\"values\":["
                "\"ann\"]}]}]");
    put_flag(f, "in-big", "\"big\"", false);
    put_flag(f, "not-in-big", "\"big\"", true);
    put_flag(f, "in-either", "\"big\",\"other\"", false);
    put_flag(f, "in-rules", "\"rules\"", false);
    put_flag(f, "in-company", "\"company\"", false);
    put_flag(f, "in-broken", "\"broken\"", false);
    put_flag(f, "in-all", "\"broken\",\"company\",\"big\"", false);
    live_store_put_text(&f->store, IMAGE_FLAG, "needs",
                        "{\"key\":\"needs\",\"version\":1,\"on\":true,\"variations\":[0,1],"
                        "\"prerequisites\":[{\"key\":\"in-big\",\"variation\":1}],"
                        "\"offVariation\":0,\"fallthrough\":{\"variation\":1}}");
    live_store_publish(&f->store);
    open_memberships(f, 100);
    f->desk.control->telemetry_wants = IMAGE_WANTS_MEMBERSHIPS;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->has_thread) {
        shutdown(f->socket, SHUT_RDWR); /* which ends its wait */
        pthread_join(f->thread, NULL);
    }
    if (f->socket >= 0) {
        close(f->socket);
    }
    memberships_close(f->memberships);
    telemetry_desk_close(&f->desk);
    live_store_close(&f->store);
    free(f);
    return 0;
}

static struct hash128 hash_of(const struct fixture *f, const char *key)
{
    return hash_member(key, strlen(key), publisher_seed(f->store.publisher));
}

/* references: "big.g7" included, "!big.g7" excluded; ends with NULL. */
static void learn(struct fixture *f, const char *key, const char *const *references)
{
    uint64_t list[8];
    size_t count = 0;
    for (; references && references[count]; count++) {
        const bool excluded = *references[count] == '!';
        const char *text = references[count] + excluded;
        list[count] =
            big_segments_reference(text, strlen(text), publisher_seed(f->store.publisher)) |
            (excluded ? 0 : BIG_SEGMENTS_INCLUDED);
    }
    assert_int_equal(memberships_put(f->memberships, hash_of(f, key), list, count, 0), 0);
}

#define LEARN(f, key, ...) learn(f, key, (const char *const[]){__VA_ARGS__, NULL})

static struct ffshm *open_reader(const struct fixture *f, unsigned wait_ms, int mode)
{
    const struct ffshm_options options = {
        .size = sizeof options, .refresh = mode, .big_segment_wait_ms = wait_ms};
    struct ffshm *ff = ffshm_open(f->store.dir, &options);
    assert_non_null(ff);
    return ff;
}

static void expect_of(struct ffshm *ff, const struct ffshm_context *who, const char *flag,
                      bool value, int status)
{
    struct ffshm_detail d;
    struct ffshm_view view;
    assert_int_equal(ffshm_bool_detail(ff, flag, who, !value, &d), value);
    assert_int_equal(d.big_segments, status);
    assert_int_equal(d.reason, value ? FFSHM_REASON_RULE_MATCH : FFSHM_REASON_FALLTHROUGH);
    ffshm_pin(ff, &view);
    const struct ffshm_result r = ffshm_evaluate(&view, flag, who);
    assert_int_equal(r.big_segments, status);
    assert_int_equal(r.boolean, value);
    ffshm_unpin(&view);
    assert_int_equal(ffshm_bool(ff, flag, who, !value), value);
}

static void expect(struct ffshm *ff, const char *key, const char *flag, bool value, int status)
{
    struct ffshm_context who;
    ffshm_context_init(&who, "user", key);
    expect_of(ff, &who, flag, value, status);
}

/* ---- what is known ------------------------------------------------------------------------- */

static void what_the_store_says_decides(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "big.g7", "!rules.g1");
    LEARN(f, "bob", "!big.g7", "rules.g1", "other.g8");
    LEARN(f, "both", "big.g7", "!big.g7");
    LEARN(f, "past", "big.g6", "bi.g7", "big.g70");
    learn(f, "nobody", NULL);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "ann", "not-in-big", false, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "ann", "in-rules", false, FFSHM_BIG_SEGMENTS_HEALTHY); /* excluded before rules */
    expect(ff, "bob", "in-big", false, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "bob", "not-in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "bob", "in-rules", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "bob", "in-either", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "both", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "past", "in-big", false, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "nobody", "in-big", false, FFSHM_BIG_SEGMENTS_HEALTHY);
    LEARN(f, "ann", "other.g8"); /* says nothing: the rules do */
    expect(ff, "ann", "in-rules", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    learn(f, "listed", NULL); /* the segment's own list does not count */
    expect(ff, "listed", "in-big", false, FFSHM_BIG_SEGMENTS_HEALTHY);
    memberships_set_status(f->memberships, BIG_SEGMENTS_STALE, 1);
    expect(ff, "bob", "in-rules", true, FFSHM_BIG_SEGMENTS_STALE);
    ffshm_close(ff);
}

static void the_segments_kind_counts(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    struct ffshm_context who;
    struct ffshm_context company;
    LEARN(f, "ann", "company.g2");
    expect(ff, "ann", "in-company", false, FFSHM_BIG_SEGMENTS_NONE);
    ffshm_context_init(&who, "user", "bob");
    ffshm_context_init(&company, "company", "ann"); /* the key counts, whatever its kind */
    ffshm_context_add(&who, &company);
    expect_of(ff, &who, "in-company", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    ffshm_close(ff);
}

static void the_worst_status_counts(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "big.g7");
    expect(ff, "ann", "in-broken", false, FFSHM_BIG_SEGMENTS_NOT_CONFIGURED); /* nor its rules */
    expect(ff, "ann", "in-all", true, FFSHM_BIG_SEGMENTS_NOT_CONFIGURED);
    struct ffshm_context who;
    struct ffshm_detail d;
    ffshm_context_init(&who, NULL, "ann");
    assert_int_equal(ffshm_int_detail(ff, "needs", &who, 5, &d), 1);
    assert_int_equal(d.big_segments, FFSHM_BIG_SEGMENTS_HEALTHY);
    ffshm_context_init(&who, NULL, "bob");
    assert_int_equal(ffshm_int_detail(ff, "needs", &who, 5, &d), 0);
    assert_int_equal(d.reason, FFSHM_REASON_PREREQUISITE_FAILED);
    assert_int_equal(d.big_segments, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    ffshm_close(ff);
}

static void without_a_store_nobody_knows(void **state)
{
    struct fixture *f = *state;
    publisher_big_segments(f->store.publisher, 0);
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "big.g7");
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_NOT_CONFIGURED);
    expect(ff, "ann", "in-rules", true, FFSHM_BIG_SEGMENTS_NOT_CONFIGURED);
    struct ffshm_big_segment_status status;
    ffshm_big_segment_status(ff, &status);
    assert_false(status.configured || status.available || status.stale);
    /* From one moment to the next. */
    publisher_big_segments(f->store.publisher, memberships_id(f->memberships));
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    ffshm_big_segment_status(ff, &status);
    assert_true(status.configured && status.available && !status.stale);
    assert_int_equal(status.last_up_to_date_ms, 1234);
    ffshm_close(ff);
}

/* ---- what is not --------------------------------------------------------------------------- */

static size_t asks(const struct fixture *f, const char *key)
{
    json_t *all = telemetry_records_of(f->store.dir, "ask");
    size_t count = 0;
    size_t i;
    json_t *record;
    json_array_foreach(all, i, record)
    {
        count += strcmp(json_string_value(json_array_get(record, 0)), key) == 0;
    }
    json_decref(all);
    return count;
}

static void what_is_not_known_is_asked_for_once_a_tick(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    for (unsigned i = 0; i < 10; i++) {
        expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
        expect(ff, "ann", "in-rules", true, FFSHM_BIG_SEGMENTS_STORE_ERROR); /* the rules decide */
        expect(ff, "bob", "not-in-big", true, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    }
    assert_int_equal(asks(f, "ann"), 1);
    assert_int_equal(asks(f, "bob"), 1);
    memberships_tick(f->memberships);
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    assert_int_equal(asks(f, "ann"), 2);
    LEARN(f, "ann", "big.g7");
    memberships_tick(f->memberships);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    assert_int_equal(asks(f, "ann"), 2);
    assert_int_equal(telemetry_counted_all(f->store.dir), 0); /* no window is open */
    ffshm_close(ff);
}

static void nothing_is_asked_where_nobody_listens(void **state)
{
    struct fixture *f = *state;
    const struct ffshm_options options = {.size = sizeof options, .no_telemetry = true};
    struct ffshm *ff = ffshm_open(f->store.dir, &options);
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    LEARN(f, "ann", "big.g7");
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    ffshm_close(ff);
    f->desk.control->telemetry_wants = 0;
    ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    expect(ff, "bob", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    assert_int_equal(telemetry_files(f->store.dir), 0);
    ffshm_close(ff);
}

static void what_grows_old_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "big.g7");
    memberships_age(f->memberships, 1999);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    assert_int_equal(telemetry_files(f->store.dir), 0);
    memberships_age(f->memberships, 2000);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    assert_int_equal(asks(f, "ann"), 1);
    memberships_age(f->memberships, 5000); /* too old to be sure of */
    memberships_tick(f->memberships);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_STALE);
    assert_int_equal(asks(f, "ann"), 2);
    memberships_set_status(f->memberships, BIG_SEGMENTS_UNAVAILABLE, 0);
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    memberships_set_status(f->memberships, BIG_SEGMENTS_HEALTHY, 0);
    memberships_age(f->memberships, 60000);
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    ffshm_close(ff);
}

static void a_key_that_is_too_long_is_never_known(void **state)
{
    struct fixture *f = *state;
    static char key[BIG_SEGMENTS_KEY_MOST + 2];
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    memset(key, 'k', sizeof key - 1);
    expect(ff, key, "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    assert_int_equal(telemetry_files(f->store.dir), 0);
    expect(ff, key + 1, "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    assert_int_equal(asks(f, key + 1), 1);
    ffshm_close(ff);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* Answers what is asked at the doorbell: every key is in big, when it begins with a vowel; those
   that begin with x are not answered, with y a failure; with o the answer is old at once. */
static void *answer(void *arg)
{
    struct fixture *f = arg;
    char message[8192];
    for (;;) {
        const ssize_t n = recv(f->socket, message, sizeof message - 1, 0);
        uint32_t kind;
        if (n <= (ssize_t)sizeof kind) {
            return NULL;
        }
        memcpy(&kind, message, sizeof kind);
        assert_int_equal(kind, BIG_SEGMENTS_ASK);
        message[n] = '\0';
        const char *key = message + sizeof kind;
        atomic_fetch_add(&f->rings, 1);
        if (*key == 'y') {
            memberships_fail(f->memberships, hash_of(f, key));
        } else if (*key != 'x') {
            LEARN(f, key, strchr("aeiou", *key) ? "big.g7" : "other.g8");
        }
        if (*key == 'o') {
            memberships_age(f->memberships, 5000);
        }
    }
}

static void listen_at_the_door(struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", f->store.dir, BIG_SEGMENTS_SOCKET);
    f->socket = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(f->socket >= 0);
    assert_int_equal(bind(f->socket, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, answer, f), 0);
    f->has_thread = true;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void who_waits_knows_at_first_sight(void **state)
{
    struct fixture *f = *state;
    listen_at_the_door(f);
    struct ffshm *ff = open_reader(f, 20000, FFSHM_REFRESH_INLINE);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "bob", "in-big", false, FFSHM_BIG_SEGMENTS_HEALTHY);
    expect(ff, "bob", "in-either", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    assert_int_equal(atomic_load(&f->rings), 2);
    assert_int_equal(telemetry_files(f->store.dir), 0);
    ffshm_close(ff);
}

static void who_waits_does_not_take_what_is_old(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 20000, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "other.g8");
    memberships_age(f->memberships, 5000);
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR); /* nobody at the door */
    listen_at_the_door(f);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    assert_int_equal(atomic_load(&f->rings), 1);
    ffshm_close(ff);
}

/* The cache time may be over before who waits comes to run. */
static void an_answer_counts_for_who_waited_for_it(void **state)
{
    struct fixture *f = *state;
    listen_at_the_door(f);
    struct ffshm *ff = open_reader(f, 60000, FFSHM_REFRESH_INLINE);
    const int64_t start = now_ms();
    for (unsigned i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof key, "otto-%u", i);
        expect(ff, key, "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    }
    assert_true(now_ms() - start < 50000);
    ffshm_close(ff);
}

static void a_wait_ends_in_time(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 60000, FFSHM_REFRESH_INLINE);
    int64_t start = now_ms();
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR); /* no agent: at once */
    listen_at_the_door(f);
    expect(ff, "you", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR); /* a failure: at once */
    assert_true(now_ms() - start < 50000);
    ffshm_close(ff);
    ff = open_reader(f, 100, FFSHM_REFRESH_INLINE);
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "x");
    start = now_ms();
    /* Two segments, one wait. */
    assert_false(ffshm_bool(ff, "in-either", &who, false));
    assert_true(now_ms() - start >= 100);
    assert_int_equal(atomic_load(&f->rings), 3 + 1);
    ffshm_close(ff);
}

static void nobody_rings_at_another_door(void **state)
{
    struct fixture *f = *state;
    char moved[128];
    char door[128];
    struct ffshm *ff = open_reader(f, 60000, FFSHM_REFRESH_INLINE);
    snprintf(moved, sizeof moved, "%s.moved", f->store.dir);
    snprintf(door, sizeof door, "%s/%s", f->store.dir, BIG_SEGMENTS_SOCKET);
    assert_int_equal(rename(f->store.dir, moved), 0);
    assert_int_equal(mkdir(f->store.dir, 0755), 0);
    listen_at_the_door(f);
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    assert_int_equal(atomic_load(&f->rings), 0);
    assert_int_equal(unlink(door), 0);
    assert_int_equal(rmdir(f->store.dir), 0);
    assert_int_equal(rename(moved, f->store.dir), 0);
    ffshm_close(ff);
}

#define CROWD 12

static void *ask_for_one(void *arg)
{
    struct ffshm *ff = arg;
    struct ffshm_context who;
    for (unsigned i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "%c-%u", i % 2 ? 'a' : 'b', i);
        ffshm_context_init(&who, NULL, key);
        if (ffshm_bool(ff, "in-big", &who, i % 2 == 0) != (i % 2 == 1)) {
            return arg;
        }
    }
    return NULL;
}

static void a_crowd_waits_for_the_same(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[CROWD];
    listen_at_the_door(f);
    struct ffshm *ff = open_reader(f, 50000, FFSHM_REFRESH_INLINE);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_one, ff), 0);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_true(atomic_load(&f->rings) >= 200);
    ffshm_close(ff);
}

/* ---- files that come and go ---------------------------------------------------------------- */

static void a_file_that_was_replaced_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    struct ffshm *threaded = open_reader(f, 0, FFSHM_REFRESH_THREAD);
    struct ffshm *manual = open_reader(f, 0, FFSHM_REFRESH_MANUAL);
    struct ffshm_view view;
    ffshm_pin(ff, &view); /* keeps nothing back */
    for (unsigned i = 1; i < 20; i++) {
        memberships_close(f->memberships);
        open_memberships(f, i % 2 ? 1000 : 100);
        LEARN(f, "ann", i % 3 ? "big.g7" : "!big.g7");
        expect(ff, "ann", "in-big", i % 3 != 0, FFSHM_BIG_SEGMENTS_HEALTHY);
        expect(manual, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
        assert_int_equal(ffshm_refresh(manual), FFSHM_OK);
        expect(manual, "ann", "in-big", i % 3 != 0, FFSHM_BIG_SEGMENTS_HEALTHY);
        struct ffshm_context who;
        ffshm_context_init(&who, NULL, "ann");
        struct ffshm_detail d = {.big_segments = FFSHM_BIG_SEGMENTS_STORE_ERROR};
        for (int64_t end = now_ms() + 20000;
             d.big_segments == FFSHM_BIG_SEGMENTS_STORE_ERROR && now_ms() < end;) {
            ffshm_bool_detail(threaded, "in-big", &who, false, &d);
        }
        assert_int_equal(d.big_segments, FFSHM_BIG_SEGMENTS_HEALTHY);
    }
    ffshm_unpin(&view);
    ffshm_close(manual);
    ffshm_close(threaded);
    ffshm_close(ff);
}

static void what_a_stopped_agent_leaves_is_stale(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    struct ffshm *waits = open_reader(f, 60000, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "big.g7");
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    memberships_close(f->memberships);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_STALE);
    expect(ff, "bob", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    expect(waits, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_STALE); /* nobody at the door */
    expect(waits, "bob", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    struct ffshm_big_segment_status status;
    ffshm_big_segment_status(ff, &status);
    assert_true(status.configured && !status.available && !status.stale);
    open_memberships(f, 100);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_STALE);
    LEARN(f, "ann", "big.g7");
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    ffshm_close(waits);
    ffshm_close(ff);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->store.dir, BIG_SEGMENTS_FILE);
    assert_int_equal(chmod(path, 0666), 0);
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "big.g7");
    expect(ff, "ann", "in-big", false, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    assert_int_equal(chmod(path, 0644), 0);
    const struct timespec backoff = {0, 150000000};
    nanosleep(&backoff, NULL);
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    /* Nor does one that is not there touch errno. */
    assert_int_equal(unlink(path), 0);
    publisher_big_segments(f->store.publisher, memberships_id(f->memberships) + 1);
    struct ffshm_context who;
    struct ffshm_detail d;
    ffshm_context_init(&who, NULL, "ann");
    errno = 0;
    ffshm_bool_detail(ff, "in-big", &who, true, &d);
    assert_int_equal(errno, 0);
    assert_int_equal(d.big_segments, FFSHM_BIG_SEGMENTS_STORE_ERROR);
    ffshm_close(ff);
}

static void a_child_sees_what_its_parent_does(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "ann");
    LEARN(f, "ann", "big.g7");
    expect(ff, "ann", "in-big", true, FFSHM_BIG_SEGMENTS_HEALTHY);
    const pid_t pid = fork();
    if (pid == 0) {
        struct ffshm_context bob;
        ffshm_context_init(&bob, NULL, "bob");
        const bool good =
            ffshm_bool(ff, "in-big", &who, false) && !ffshm_bool(ff, "in-big", &bob, false);
        _exit(good ? 0 : 1);
    }
    int code;
    assert_int_equal(waitpid(pid, &code, 0), pid);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    assert_int_equal(asks(f, "bob"), 1); /* in a file of its own */
    ffshm_close(ff);
}

/* ---- status and narration ------------------------------------------------------------------ */

static void *change_status(void *arg)
{
    const struct timespec moment = {0, 50000000};
    struct fixture *f = arg;
    nanosleep(&moment, NULL);
    memberships_set_status(f->memberships, BIG_SEGMENTS_STALE, 99);
    return NULL;
}

static void a_change_of_the_status_can_be_waited_for(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    struct ffshm_big_segment_status status = {.configured = false};
    assert_int_equal(ffshm_wait_big_segment_status(ff, &status, 0), FFSHM_OK);
    assert_true(status.configured && status.available && !status.stale);
    assert_int_equal(ffshm_wait_big_segment_status(ff, &status, 0), FFSHM_TIMEOUT);
    assert_int_equal(pthread_create(&thread, NULL, change_status, f), 0);
    assert_int_equal(ffshm_wait_big_segment_status(ff, &status, -1), FFSHM_OK);
    pthread_join(thread, NULL);
    assert_true(status.available && status.stale);
    assert_int_equal(status.last_up_to_date_ms, 99);
    memberships_set_status(f->memberships, BIG_SEGMENTS_UNAVAILABLE, 0);
    assert_int_equal(ffshm_wait_big_segment_status(ff, &status, 1000), FFSHM_OK);
    assert_true(status.configured && !status.available && !status.stale);
    assert_int_equal(ffshm_wait_big_segment_status(NULL, &status, 0), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_wait_big_segment_status(ff, NULL, 0), FFSHM_INVALID_ARGUMENT);
    ffshm_big_segment_status(NULL, &status);
    assert_false(status.configured);
    ffshm_close(ff);
}

struct told {
    struct narrator narrator;
    struct explain_step last;
};

static void on_step(struct narrator *self, const struct explain_step *step)
{
    struct told *told = (struct told *)self;
    if (step->kind == EXPLAIN_BIG_SEGMENT) {
        told->last = *step;
    }
}

static struct explain_step narrate(struct ffshm *ff, const char *flag, const char *key)
{
    struct told told = {.narrator.step = on_step};
    struct ffshm_context who;
    struct ffshm_view view;
    struct evaluation outcome;
    ffshm_context_init(&who, NULL, key);
    ffshm_pin(ff, &view);
    evaluate_narrated(
        view.snapshot,
        snapshot_find(view.snapshot, flag, strlen(flag), hash_bytes(flag, strlen(flag))), &who,
        &outcome, &told.narrator);
    ffshm_unpin(&view);
    assert_non_null(told.last.note);
    return told.last;
}

static void the_narrator_is_told_what_was_known(void **state)
{
    struct fixture *f = *state;
    struct ffshm *ff = open_reader(f, 0, FFSHM_REFRESH_INLINE);
    LEARN(f, "ann", "big.g7");
    struct explain_step step = narrate(ff, "in-big", "ann");
    assert_true(step.matched && step.index == FFSHM_BIG_SEGMENTS_HEALTHY);
    step = narrate(ff, "in-rules", "ann");
    assert_true(!step.matched && step.index == FFSHM_BIG_SEGMENTS_HEALTHY);
    step = narrate(ff, "in-big", "bob");
    assert_true(!step.matched && step.index == FFSHM_BIG_SEGMENTS_STORE_ERROR);
    step = narrate(ff, "in-broken", "bob");
    assert_true(!step.matched && step.index == FFSHM_BIG_SEGMENTS_NOT_CONFIGURED);
    step = narrate(ff, "in-company", "bob");
    assert_true(!step.matched && step.index == FFSHM_BIG_SEGMENTS_NONE);
    ffshm_close(ff);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_store_says_decides),
        TEST(the_segments_kind_counts),
        TEST(the_worst_status_counts),
        TEST(without_a_store_nobody_knows),
        TEST(what_is_not_known_is_asked_for_once_a_tick),
        TEST(nothing_is_asked_where_nobody_listens),
        TEST(what_grows_old_is_asked_for_again),
        TEST(a_key_that_is_too_long_is_never_known),
        TEST(who_waits_knows_at_first_sight),
        TEST(who_waits_does_not_take_what_is_old),
        TEST(an_answer_counts_for_who_waited_for_it),
        TEST(a_wait_ends_in_time),
        TEST(nobody_rings_at_another_door),
        TEST(a_crowd_waits_for_the_same),
        TEST(a_file_that_was_replaced_is_noticed),
        TEST(what_a_stopped_agent_leaves_is_stale),
        TEST(a_file_that_cannot_be_read_is_an_error),
        TEST(a_child_sees_what_its_parent_does),
        TEST(a_change_of_the_status_can_be_waited_for),
        TEST(the_narrator_is_told_what_was_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
