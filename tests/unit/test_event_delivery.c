/* Events from deliver_event to a server and back: real HTTP, a real SQLite file, and everything
   that a server, a network and a killed agent can do to a payload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "deliver/diagnostics.h"
#include "deliver/launchdarkly_events.h"
#include "log.h"
#include "loopback.h"

#define POSTS_MOST 4096
#define WAIT_MS 10000
#define LATER_MS 60 /* of a parked payload; see outbox.h */

struct received {
    char path[64];
    char id[64];
    char head[1024];
    json_t *body; /* NULL: not JSON */
    bool gzip;
    bool accepted;
};

struct world {
    char dir[64];
    char path[128];
    struct event_base *base;
    struct http *http;
    struct loopback *server;
    struct storage *storage;
    struct deliver *deliver;
    struct launchdarkly_events_options options;
    char uri[64];
    const char *date;      /* of the server; NULL: no such header */
    const char *poison;    /* what a body contains that is never taken; NULL: none */
    unsigned status;       /* of the answers: 0: none, 1: a reset */
    unsigned statuses[16]; /* of the first ones */
    struct received *posts;
    unsigned post_count;
    unsigned bulk_count;
    unsigned wanted; /* stop turning the loop at so many posts; or accepted ones */
    bool enough;
    unsigned forgotten; /* contexts_forgotten */
    struct loopback_peer *held[16];
    unsigned held_count;
};

/* ---- the server --------------------------------------------------------------------------- */

static json_t *read_body(const struct loopback_request *request, bool gzip)
{
    enum { MOST = 8 << 20 };
    json_t *body;
    if (!gzip) {
        return json_loadb(request->body, request->body_length, 0, NULL);
    }
    char *const text = malloc(MOST);
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)request->body,
                       .avail_in = (uInt)request->body_length,
                       .next_out = (unsigned char *)text,
                       .avail_out = MOST};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    body = json_loadb(text, stream.total_out, 0, NULL);
    inflateEnd(&stream);
    free(text);
    return body;
}

static bool is_poisoned(const struct world *w, const json_t *body)
{
    char *const text = w->poison ? json_dumps(body, JSON_COMPACT) : NULL;
    const bool poisoned = text && strstr(text, w->poison);
    free(text);
    return poisoned;
}

static void copy_header(const char *head, const char *name, char *to, size_t size)
{
    const char *const value = loopback_header(head, name);
    (void)snprintf(to, size, "%s", value ? value : "");
}

static void serve(void *arg, struct loopback_peer *peer, const struct loopback_request *request)
{
    struct world *const w = arg;
    struct received *const r = &w->posts[w->post_count];
    assert_true(w->post_count < POSTS_MOST);
    const char *const encoding = loopback_header(request->head, "Content-Encoding");
    r->gzip = encoding && strcmp(encoding, "gzip") == 0;
    assert_int_equal(sscanf(request->head, "POST %63s HTTP/1.1", r->path), 1);
    copy_header(request->head, "X-LaunchDarkly-Payload-ID", r->id, sizeof r->id);
    (void)snprintf(r->head, sizeof r->head, "%s", request->head);
    r->body = read_body(request, r->gzip);
    assert_non_null(r->body);
    unsigned status = w->status;
    if (w->post_count < 16 && w->statuses[w->post_count] != 0) {
        status = w->statuses[w->post_count];
    }
    status = is_poisoned(w, r->body) ? 400 : status;
    w->post_count++;
    w->bulk_count += strstr(r->path, "/bulk") != NULL;
    r->accepted = status == 202;
    char headers[128] = "";
    if (w->date) {
        (void)snprintf(headers, sizeof headers, "Date: %s\r\n", w->date);
    }
    if (status == 0) {
        assert_true(w->held_count < 16);
        w->held[w->held_count++] = peer;
    } else if (status == 1) {
        loopback_reset(peer);
    } else {
        loopback_answer(peer, status, headers, "");
    }
    w->enough = w->post_count >= w->wanted;
}

static void expect_posts(struct world *w, unsigned count)
{
    w->wanted = count;
    w->enough = w->post_count >= count;
    if (!loopback_wait(w->base, &w->enough, WAIT_MS)) {
        fail_msg("%u requests instead of %u", w->post_count, count);
    }
}

/* Until all is delivered. */
static void expect_idle(struct world *w)
{
    for (unsigned waited = 0; !launchdarkly_events_idle(w->deliver); waited += 5) {
        if (waited >= WAIT_MS) {
            fail_msg("still waiting after %u requests", w->post_count);
        }
        loopback_pass(w->base, 5);
    }
}

/* The kinds of a payload's events: "index,custom,summary". */
static const char *kinds_of(const struct world *w, unsigned post)
{
    static char text[4096];
    size_t length = 0;
    assert_true(post < w->post_count);
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(w->posts[post].body); i++) {
        const json_t *const event = json_array_get(w->posts[post].body, i);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i ? "," : "",
                                   json_string_value(json_object_get(event, "kind")));
        assert_true(length < sizeof text);
    }
    return text;
}

static struct launchdarkly_events_stats stats_of(const struct world *w)
{
    struct launchdarkly_events_stats stats;
    launchdarkly_events_stats(w->deliver, &stats);
    return stats;
}

/* ---- life --------------------------------------------------------------------------------- */

static json_t *value_of(void *arg, const char *key, int64_t version, int64_t variation)
{
    (void)arg;
    return json_sprintf("%s-%d-%d", key, (int)version, (int)variation);
}

static void on_forgotten(void *arg)
{
    ((struct world *)arg)->forgotten++;
}

static void open_storage(struct world *w)
{
    struct fault fault;
    w->storage = storage_open(w->path, &fault);
    if (!w->storage) {
        fail_msg("%s", fault.cause);
    }
}

static void open_deliver(struct world *w)
{
    struct fault fault;
    w->deliver = launchdarkly_events_new(w->base, w->http, w->storage, &w->options, &fault);
    if (!w->deliver) {
        fail_msg("%s", fault.cause);
    }
}

static void close_deliver(struct world *w)
{
    launchdarkly_events_free(w->deliver);
    w->deliver = NULL;
}

/* As after a restart of the agent. */
static void restart(struct world *w)
{
    close_deliver(w);
    storage_close(w->storage);
    open_storage(w);
    open_deliver(w);
}

static const char *const headers[] = {"Authorization: sdk-key", "X-LaunchDarkly-Tags: t", NULL};

static int begin(void **state)
{
    struct world *const w = calloc(1, sizeof *w);
    log_setup(LOG_LEVEL_ERROR);
    (void)snprintf(w->dir, sizeof w->dir, "/dev/shm/ffshm-delivery-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->path, sizeof w->path, "%s/agent.db", w->dir);
    w->posts = calloc(POSTS_MOST, sizeof *w->posts);
    w->base = event_base_new();
    w->http = http_new(w->base, &(struct http_options){.user_agent = "Test/1"});
    w->server = loopback_new(w->base, serve, w);
    w->status = 202;
    (void)snprintf(w->uri, sizeof w->uri, "http://127.0.0.1:%u/", loopback_port(w->server));
    w->options = (struct launchdarkly_events_options){
        .base_uri = w->uri,
        .headers = headers,
        .retry_ms = 10,
        .later_ms = LATER_MS,
        .later_most_ms = 4 * LATER_MS,
        .value = value_of,
        .contexts_forgotten = on_forgotten,
        .arg = w,
    };
    open_storage(w);
    open_deliver(w);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *const w = *state;
    char command[128];
    close_deliver(w);
    storage_close(w->storage);
    http_free(w->http);
    loopback_free(w->server);
    event_base_free(w->base);
    for (unsigned i = 0; i < w->post_count; i++) {
        json_decref(w->posts[i].body);
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    const int result = system(command);
    free(w->posts);
    free(w);
    return result;
}

/* ---- what a collector does ---------------------------------------------------------------- */

/* What is added to CLOCK_REALTIME for everything in this program. */
static int64_t clock_shift_s;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += clock == CLOCK_REALTIME ? clock_shift_s : 0;
    return result;
}

static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void begin_round(struct world *w)
{
    assert_int_equal(storage_begin(w->storage, NULL), 0);
}

static void commit_round(struct world *w)
{
    assert_int_equal(storage_commit(w->storage, NULL), 0);
    deliver_committed(w->deliver);
}

static void keep(struct world *w)
{
    assert_int_equal(deliver_keep(w->deliver), 0);
    commit_round(w);
}

static void flush(struct world *w)
{
    assert_int_equal(deliver_flush(w->deliver), 0);
    commit_round(w);
}

static void give(struct world *w, struct deliver_event event, const char *context_key)
{
    event.context = json_pack("{s:s, s:s}", "kind", "user", "key", context_key);
    event.time_ms = event.time_ms ? event.time_ms : real_ms();
    deliver_event(w->deliver, &event);
    json_decref(event.context);
}

static void give_identify(struct world *w, const char *context_key)
{
    give(w, (struct deliver_event){.type = DELIVER_IDENTIFY}, context_key);
}

static void give_index(struct world *w, const char *context_key)
{
    give(w, (struct deliver_event){.type = DELIVER_INDEX}, context_key);
}

static void give_custom(struct world *w, const char *context_key)
{
    give(w, (struct deliver_event){.type = DELIVER_CUSTOM, .key = "bought"}, context_key);
}

static void give_evaluation(struct world *w, const char *context_key, bool feature,
                            int64_t debug_until_ms)
{
    give(w,
         (struct deliver_event){.type = DELIVER_EVALUATION,
                                .key = "flag",
                                .variation = -1,
                                .feature = feature,
                                .debug = debug_until_ms != 0,
                                .debug_until_ms = debug_until_ms},
         context_key);
}

static void give_count(struct world *w, const char *key, uint64_t count)
{
    deliver_count(w->deliver, &(struct deliver_count){key, 1, 0, false, count});
}

/* A payload of one identify event. */
static void send_one(struct world *w, const char *context_key)
{
    begin_round(w);
    give_identify(w, context_key);
    flush(w);
}

/* The count in the summary that is the last event of a payload. */
static json_int_t counted(const struct world *w, unsigned post, const char *key)
{
    const json_t *const events = w->posts[post].body;
    const json_t *const summary = json_array_get(events, json_array_size(events) - 1);
    const json_t *const flag = json_object_get(json_object_get(summary, "features"), key);
    const json_t *const counter = json_array_get(json_object_get(flag, "counters"), 0);
    return json_integer_value(json_object_get(counter, "count"));
}

/* ---- one payload -------------------------------------------------------------------------- */

static void a_flush_posts_an_array_with_the_headers(void **state)
{
    struct world *const w = *state;
    begin_round(w);
    give_custom(w, "u");
    give_count(w, "flag", 3);
    deliver_seen(w->deliver, &(struct deliver_seen){.key = "flag"});
    const int64_t before = real_ms();
    flush(w);
    expect_posts(w, 1);
    const struct received *const r = &w->posts[0];
    assert_string_equal(r->path, "/bulk");
    assert_int_equal(strlen(r->id), 36);
    assert_string_equal(loopback_header(r->head, "Content-Type"), "application/json");
    assert_string_equal(loopback_header(r->head, "X-LaunchDarkly-Event-Schema"), "4");
    assert_string_equal(loopback_header(r->head, "Authorization"), "sdk-key");
    assert_string_equal(loopback_header(r->head, "X-LaunchDarkly-Tags"), "t");
    assert_string_equal(loopback_header(r->head, "User-Agent"), "Test/1");
    assert_null(loopback_header(r->head, "Content-Encoding"));
    assert_string_equal(kinds_of(w, 0), "index,custom,summary");
    assert_int_equal(counted(w, 0, "flag"), 3);
    const json_t *const summary = json_array_get(r->body, 2);
    const json_int_t start = json_integer_value(json_object_get(summary, "startDate"));
    const json_int_t finish = json_integer_value(json_object_get(summary, "endDate"));
    assert_true(start > before - 60000 && start <= finish);
    assert_true(finish >= before && finish <= real_ms());
    expect_idle(w);
    assert_int_equal(stats_of(w).payloads, 1);
    assert_int_equal(stats_of(w).events, 2);
    assert_int_equal(stats_of(w).last_status, 202);
    assert_int_equal(stats_of(w).outbox_bytes, 0);
}

static void a_clock_that_is_set_back_does_not_date_summaries_into_the_future(void **state)
{
    struct world *const w = *state;
    begin_round(w);
    give_count(w, "flag", 1);
    flush(w);
    expect_posts(w, 1);
    clock_shift_s = -86400;
    begin_round(w);
    give_count(w, "flag", 1);
    flush(w);
    expect_posts(w, 2);
    const json_t *const summary = json_array_get(w->posts[1].body, 0);
    const json_int_t start = json_integer_value(json_object_get(summary, "startDate"));
    const json_int_t finish = json_integer_value(json_object_get(summary, "endDate"));
    const int64_t now = real_ms();
    clock_shift_s = 0;
    assert_true(finish <= now && finish > now - 60000);
    assert_true(start <= finish);
}

static void nothing_makes_no_request(void **state)
{
    struct world *const w = *state;
    begin_round(w);
    flush(w);
    begin_round(w);
    keep(w);
    begin_round(w);
    deliver_seen(w->deliver, &(struct deliver_seen){.key = "flag"});
    flush(w);
    loopback_pass(w->base, 30);
    assert_int_equal(w->post_count, 0);
    assert_true(launchdarkly_events_idle(w->deliver));
}

static void each_payload_has_its_own_id(void **state)
{
    struct world *const w = *state;
    send_one(w, "a");
    send_one(w, "b");
    expect_posts(w, 2);
    assert_string_not_equal(w->posts[0].id, w->posts[1].id);
}

static void a_summary_counts_from_the_last_flush(void **state)
{
    struct world *const w = *state;
    begin_round(w);
    give_count(w, "flag", 10);
    flush(w);
    begin_round(w);
    give_count(w, "flag", 2);
    flush(w);
    expect_posts(w, 2);
    assert_int_equal(counted(w, 0, "flag"), 10);
    assert_int_equal(counted(w, 1, "flag"), 2);
}

static void compressed_payloads_are_the_same_when_inflated(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->options.gzip = true;
    w->options.base_uri = w->uri;
    open_deliver(w);
    begin_round(w);
    give_custom(w, "u");
    give_count(w, "flag", 3);
    flush(w);
    expect_posts(w, 1);
    assert_true(w->posts[0].gzip);
    assert_string_equal(kinds_of(w, 0), "index,custom,summary");
    expect_idle(w);
}

/* ---- contexts ----------------------------------------------------------------------------- */

static void a_context_is_told_once(void **state)
{
    struct world *const w = *state;
    begin_round(w);
    give_custom(w, "a");
    give_index(w, "a");
    give_evaluation(w, "a", true, 0);
    give_evaluation(w, "b", true, 0);
    give_index(w, "c");
    give_identify(w, "d");
    give_custom(w, "d");
    give(w, (struct deliver_event){.type = DELIVER_MIGRATION, .key = "m", .operation = "read"},
         "e");
    flush(w);
    expect_posts(w, 1);
    assert_string_equal(kinds_of(w, 0),
                        "index,custom,feature,index,feature,index,identify,custom,migration_op");
}

static void contexts_are_forgotten_after_a_while(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->options.context_keys_flush_ms = 30;
    open_deliver(w);
    begin_round(w);
    give_index(w, "a");
    give_index(w, "a");
    flush(w);
    while (w->forgotten < 2) {
        loopback_pass(w->base, 5);
    }
    begin_round(w);
    give_index(w, "a");
    flush(w);
    expect_posts(w, 2);
    assert_string_equal(kinds_of(w, 0), "index");
    assert_string_equal(kinds_of(w, 1), "index");
}

static void what_may_not_be_told_is_left_out(void **state)
{
    static const char *const references[] = {"name", NULL};
    struct world *const w = *state;
    close_deliver(w);
    w->options.omit_anonymous = true;
    w->options.private_attributes = references;
    open_deliver(w);
    begin_round(w);
    json_t *const context =
        json_pack("{s:s, s:s, s:b, s:s}", "kind", "user", "key", "k", "anonymous", 1, "name", "n");
    deliver_event(w->deliver, &(struct deliver_event){
                                  .type = DELIVER_CUSTOM, .key = "bought", .context = context});
    json_object_del(context, "anonymous");
    json_object_set_new(context, "key", json_string("l"));
    deliver_event(w->deliver,
                  &(struct deliver_event){.type = DELIVER_IDENTIFY, .context = context});
    json_decref(context);
    flush(w);
    expect_posts(w, 1);
    assert_string_equal(kinds_of(w, 0), "custom,identify");
    char *const text = json_dumps(w->posts[0].body, JSON_COMPACT);
    assert_null(strstr(text, "\"name\":"));
    assert_non_null(strstr(text, "[\"name\"]"));
    free(text);
}

/* ---- debugging ---------------------------------------------------------------------------- */

static void debug_events_end_by_the_later_clock(void **state)
{
    enum { HOUR = 3600 * 1000 };
    struct world *const w = *state;
    char date[64];
    const time_t ahead = time(NULL) + 7200;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&ahead));
    begin_round(w);
    give_evaluation(w, "a", false, real_ms() + HOUR);
    give_evaluation(w, "a", true, real_ms() - HOUR);
    give_evaluation(w, "a", true, real_ms() + HOUR);
    w->date = date;
    flush(w);
    expect_posts(w, 1);
    assert_string_equal(kinds_of(w, 0), "index,debug,feature,feature,debug");
    expect_idle(w);
    begin_round(w);
    give_evaluation(w, "b", true, real_ms() + HOUR); /* past, as LaunchDarkly sees it */
    give_evaluation(w, "b", true, real_ms() + 3 * HOUR);
    flush(w);
    expect_posts(w, 2);
    assert_string_equal(kinds_of(w, 1), "index,feature,feature,debug");
}

/* ---- bounds ------------------------------------------------------------------------------- */

static void a_full_buffer_drops_events_and_goes_on_counting(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->options.capacity = 3;
    open_deliver(w);
    begin_round(w);
    for (unsigned i = 0; i < 5; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "u%u", i);
        give_identify(w, key);
    }
    give_count(w, "flag", 1);
    deliver_dropped(w->deliver, 10);
    flush(w);
    send_one(w, "v");
    expect_posts(w, 2);
    assert_string_equal(kinds_of(w, 0), "identify,identify,identify,summary");
    assert_string_equal(kinds_of(w, 1), "identify");
    assert_int_equal(stats_of(w).dropped_events, 12);
}

static void what_is_malformed_is_dropped_alone(void **state)
{
    struct world *const w = *state;
    begin_round(w);
    deliver_event(w->deliver, &(struct deliver_event){.type = DELIVER_IDENTIFY});
    give(w, (struct deliver_event){.type = DELIVER_CUSTOM, .key = "\xff"}, "u");
    give_identify(w, "u");
    flush(w);
    expect_posts(w, 1);
    assert_string_equal(kinds_of(w, 0), "identify");
    assert_int_equal(stats_of(w).dropped_events, 2);
}

static void large_payloads_are_split(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->options.payload_most_bytes = 200; /* two events and a bit */
    open_deliver(w);
    begin_round(w);
    for (unsigned i = 0; i < 5; i++) {
        give_identify(w, "u");
    }
    give_count(w, "a-flag-with-a-name", 1);
    flush(w);
    expect_posts(w, 4);
    expect_idle(w);
    assert_int_equal(w->post_count, 4);
    unsigned events = 0;
    unsigned summaries = 0;
    for (unsigned i = 0; i < 4; i++) {
        events += (unsigned)json_array_size(w->posts[i].body);
        summaries += strcmp(kinds_of(w, i), "summary") == 0;
    }
    assert_int_equal(events, 6);
    assert_int_equal(summaries, 1);
}

static void a_full_outbox_drops_the_oldest(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->options.outbox_most_bytes = 350; /* three payloads and a bit */
    w->options.later_ms = w->options.later_most_ms = 60000;
    w->status = 503;
    open_deliver(w);
    for (unsigned i = 0; i < 5; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "number-%u", i);
        send_one(w, key);
        expect_posts(w, 2 * i + 2);
        loopback_pass(w->base, 10);
    }
    assert_int_equal(stats_of(w).dropped_payloads, 2);
    assert_true(stats_of(w).outbox_bytes <= 350);
    w->status = 202;
    restart(w); /* it is the same in storage */
    const unsigned before = w->post_count;
    expect_idle(w);
    assert_int_equal(w->post_count, before + 3);
    char *const text = json_dumps(w->posts[before].body, JSON_COMPACT);
    assert_non_null(strstr(text, "number-2"));
    free(text);
}

/* ---- taking back -------------------------------------------------------------------------- */

static void give_some(struct world *w)
{
    give_custom(w, "a");
    give_index(w, "b");
    give_count(w, "flag", 5);
    deliver_dropped(w->deliver, 1);
}

static void a_transaction_that_failed_leaves_nothing(void **state)
{
    struct world *const w = *state;
    begin_round(w);
    give_index(w, "b");
    give_count(w, "flag", 1);
    keep(w);
    for (unsigned i = 0; i < 3; i++) {
        begin_round(w);
        give_some(w);
        assert_int_equal(i == 1 ? deliver_keep(w->deliver) : deliver_flush(w->deliver), 0);
        storage_rollback(w->storage);
        deliver_revert(w->deliver);
    }
    loopback_pass(w->base, 20);
    assert_int_equal(w->post_count, 0);
    assert_int_equal(stats_of(w).dropped_events, 0);
    begin_round(w);
    give_some(w);
    flush(w);
    expect_posts(w, 1);
    expect_idle(w);
    assert_string_equal(kinds_of(w, 0), "index,index,custom,summary");
    assert_int_equal(counted(w, 0, "flag"), 6);
    assert_int_equal(stats_of(w).dropped_events, 1);
    restart(w);
    begin_round(w);
    flush(w);
    loopback_pass(w->base, 20);
    assert_int_equal(w->post_count, 1);
}

/* The disk is full: a limit on the size of files is what a test can have of it. */
static void a_disk_that_is_full_loses_nothing(void **state)
{
    struct world *const w = *state;
    struct rlimit before;
    static char large[2000000];
    memset(large, 'x', sizeof large - 1);
    begin_round(w);
    give_count(w, "flag", 1);
    keep(w);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000000, before.rlim_max}), 0);
    begin_round(w);
    give_identify(w, large);
    give_count(w, "flag", 2);
    const int flushed = deliver_flush(w->deliver);
    const int committed = flushed == 0 ? storage_commit(w->storage, NULL) : -1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(committed, -1);
    storage_rollback(w->storage);
    deliver_revert(w->deliver);
    begin_round(w);
    give_identify(w, large);
    give_count(w, "flag", 2);
    flush(w);
    expect_posts(w, 1);
    assert_string_equal(kinds_of(w, 0), "identify,summary");
    assert_int_equal(counted(w, 0, "flag"), 3);
}

static unsigned allocations_left;

static void *scarce_malloc(size_t size)
{
    return allocations_left > 0 && --allocations_left == 0 ? NULL : malloc(size);
}

/* The n-th allocation of JSON fails, for every n. */
static void memory_that_runs_out_loses_nothing(void **state)
{
    struct world *const w = *state;
    unsigned rounds = 0;
    bool failed = true;
    for (unsigned n = 1; failed; n++) {
        char key[24];
        (void)snprintf(key, sizeof key, "user-%u", n);
        failed = false;
        for (unsigned attempt = 0; attempt < 2; attempt++) {
            begin_round(w);
            json_set_alloc_funcs(scarce_malloc, free);
            json_t *const context = json_pack("{s:s, s:s}", "kind", "org", "key", key);
            allocations_left = attempt == 0 ? n : 0;
            deliver_event(w->deliver, &(struct deliver_event){.type = DELIVER_CUSTOM,
                                                              .key = "bought",
                                                              .context = context});
            give_count(w, "flag", 1);
            const char *const kind = "org";
            deliver_seen(w->deliver, &(struct deliver_seen){"flag", NULL, &kind, 1});
            const int kept = deliver_keep(w->deliver);
            const int flushed = kept == 0 ? deliver_flush(w->deliver) : -1;
            allocations_left = 0;
            json_set_alloc_funcs(malloc, free);
            json_decref(context);
            if (flushed == 0) {
                commit_round(w);
                break;
            }
            assert_int_equal(attempt, 0);
            storage_rollback(w->storage);
            deliver_revert(w->deliver);
            failed = true;
        }
        rounds++;
        expect_posts(w, rounds);
        assert_string_equal(kinds_of(w, rounds - 1), "index,custom,summary");
        assert_int_equal(counted(w, rounds - 1, "flag"), 1);
    }
    assert_in_range(rounds, 30, 1000);
}

/* ---- restarts ----------------------------------------------------------------------------- */

static void what_was_kept_survives_a_kill(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    storage_close(w->storage);
    const pid_t child = fork();
    if (child == 0) {
        w->base = event_base_new(); /* the other one's epoll is the parent's, too */
        w->http = http_new(w->base, &(struct http_options){.user_agent = "Test/1"});
        open_storage(w);
        open_deliver(w);
        begin_round(w);
        give_custom(w, "a");
        give_count(w, "flag", 5);
        keep(w);
        begin_round(w);
        give_custom(w, "b");
        give_count(w, "flag", 6);
        keep(w);
        begin_round(w);
        give_custom(w, "lost");
        give_count(w, "flag", 7);
        (void)deliver_keep(w->deliver);
        (void)raise(SIGKILL); /* before the commit */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    open_storage(w);
    open_deliver(w);
    begin_round(w);
    give_count(w, "flag", 1);
    flush(w);
    expect_posts(w, 1);
    assert_string_equal(kinds_of(w, 0), "index,custom,index,custom,summary");
    assert_int_equal(counted(w, 0, "flag"), 12);
    expect_idle(w);
    restart(w);
    begin_round(w);
    flush(w);
    loopback_pass(w->base, 20);
    assert_int_equal(w->post_count, 1);
}

static void a_payload_keeps_its_id_over_a_restart(void **state)
{
    struct world *const w = *state;
    w->status = 0; /* no answer */
    send_one(w, "a");
    send_one(w, "b");
    expect_posts(w, 2);
    w->status = 202;
    w->options.gzip = true; /* does not change what is there already */
    restart(w);
    expect_posts(w, 4);
    expect_idle(w);
    assert_string_equal(w->posts[2].id, w->posts[0].id);
    assert_string_equal(w->posts[3].id, w->posts[1].id);
    assert_true(json_equal(w->posts[2].body, w->posts[0].body));
    assert_false(w->posts[2].gzip);
    restart(w);
    loopback_pass(w->base, 20);
    assert_int_equal(w->post_count, 4);
}

static void compressed_payloads_are_known_as_such_after_a_restart(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->options.gzip = true;
    w->status = 0;
    open_deliver(w);
    send_one(w, "a");
    expect_posts(w, 1);
    w->options.gzip = false;
    w->status = 202;
    restart(w);
    expect_posts(w, 2);
    assert_true(w->posts[1].gzip);
    assert_string_equal(w->posts[1].id, w->posts[0].id);
    assert_true(json_equal(w->posts[1].body, w->posts[0].body));
}

static void what_another_version_left_is_passed_over(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    begin_round(w);
    for (unsigned i = 0; i < 2; i++) {
        const enum storage_queue queue = i == 0 ? STORAGE_SPOOL : STORAGE_OUTBOX;
        assert_int_equal(
            storage_queue_add(w->storage, queue, "launchdarkly", "?", "x", 1, NULL, NULL), 0);
    }
    assert_int_equal(
        storage_queue_add(w->storage, STORAGE_SPOOL, "launchdarkly", "summary", "x", 1, NULL, NULL),
        0);
    assert_int_equal(storage_commit(w->storage, NULL), 0);
    open_deliver(w);
    send_one(w, "a");
    expect_posts(w, 1);
    expect_idle(w);
    assert_int_equal(w->post_count, 1);
}

/* ---- what servers say --------------------------------------------------------------------- */

static void a_failure_is_tried_again_with_the_same_id(void **state)
{
    static const unsigned failures[] = {500, 503, 400, 408, 429, 1 /* a reset */, 302};
    struct world *const w = *state;
    for (unsigned i = 0; i < sizeof failures / sizeof *failures; i++) {
        w->statuses[2 * i] = failures[i];
        send_one(w, "a");
        expect_posts(w, 2 * i + 2);
        expect_idle(w);
        assert_string_equal(w->posts[2 * i].id, w->posts[2 * i + 1].id);
        assert_true(json_equal(w->posts[2 * i].body, w->posts[2 * i + 1].body));
    }
    /* A kept connection that breaks is made anew by curl itself. */
    assert_in_range(stats_of(w).failures, 6, 7);
    assert_int_equal(stats_of(w).payloads, 7);
    assert_string_equal(stats_of(w).last_error, "");
}

static void a_payload_that_is_too_large_is_dropped_alone(void **state)
{
    struct world *const w = *state;
    w->statuses[0] = 413;
    send_one(w, "a");
    expect_posts(w, 1);
    expect_idle(w);
    send_one(w, "b");
    expect_posts(w, 2);
    expect_idle(w);
    assert_string_not_equal(w->posts[0].id, w->posts[1].id);
    assert_int_equal(stats_of(w).dropped_payloads, 1);
    assert_int_equal(stats_of(w).payloads, 1);
    restart(w);
    loopback_pass(w->base, 20);
    assert_int_equal(w->post_count, 2);
}

static void a_key_that_is_refused_ends_delivery(void **state)
{
    static const unsigned refusals[] = {401, 403, 404, 405};
    struct world *const w = *state;
    for (unsigned i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const unsigned before = w->post_count;
        w->status = 0;
        send_one(w, "held");
        expect_posts(w, before + 1);
        w->status = refusals[i];
        begin_round(w);
        give_identify(w, "kept");
        keep(w);
        send_one(w, "a");
        expect_posts(w, before + 2);
        while (!stats_of(w).stopped) {
            loopback_pass(w->base, 5);
        }
        assert_true(launchdarkly_events_idle(w->deliver));
        assert_int_equal(stats_of(w).last_status, refusals[i]);
        assert_int_equal(stats_of(w).dropped_payloads, 2);
        assert_int_equal(stats_of(w).outbox_bytes, 0);
        send_one(w, "b");
        begin_round(w);
        give_custom(w, "c");
        give_count(w, "flag", 1);
        keep(w);
        begin_round(w);
        flush(w);
        loopback_pass(w->base, 30);
        assert_int_equal(w->post_count, before + 2);
        w->status = 202;
        w->held_count = 0;
        restart(w);
        loopback_pass(w->base, 10);
        assert_int_equal(w->post_count, before + 2);
        send_one(w, "works again");
        expect_posts(w, before + 3);
        expect_idle(w);
        assert_string_equal(kinds_of(w, before + 2), "identify");
    }
}

/* ---- outages ------------------------------------------------------------------------------ */

static void expect_each_id_accepted_once(const struct world *w, unsigned payloads)
{
    unsigned accepted = 0;
    for (unsigned i = 0; i < w->post_count; i++) {
        if (!w->posts[i].accepted) {
            continue;
        }
        accepted++;
        for (unsigned j = i + 1; j < w->post_count; j++) {
            assert_false(w->posts[j].accepted && strcmp(w->posts[i].id, w->posts[j].id) == 0);
        }
    }
    assert_int_equal(accepted, payloads);
}

static void an_outage_loses_nothing(void **state)
{
    enum { PAYLOADS = 30 };
    struct world *const w = *state;
    close_deliver(w);
    w->options.later_ms = w->options.later_most_ms = 20000;
    open_deliver(w);
    w->status = 503;
    for (unsigned i = 0; i < PAYLOADS; i++) {
        begin_round(w);
        give_count(w, "flag", i + 1);
        flush(w);
    }
    expect_posts(w, 2 * PAYLOADS); /* each of them twice, ... */
    loopback_pass(w->base, 100);
    assert_int_equal(w->post_count, 2 * PAYLOADS); /* ... and then patience */
    assert_int_equal(stats_of(w).failures, 2 * PAYLOADS);
    assert_int_equal(stats_of(w).last_status, 503);
    w->status = 202;
    send_one(w, "a"); /* the first success brings the others at once */
    expect_idle(w);
    assert_int_equal(w->post_count, 3 * PAYLOADS + 1);
    expect_each_id_accepted_once(w, PAYLOADS + 1);
    json_int_t total = 0;
    for (unsigned i = 0; i < w->post_count; i++) {
        total += w->posts[i].accepted ? counted(w, i, "flag") : 0;
    }
    assert_int_equal(total, PAYLOADS * (PAYLOADS + 1) / 2);
}

static void one_payload_at_a_time_finds_out_when_it_is_over(void **state)
{
    enum { PAYLOADS = 12 };
    struct world *const w = *state;
    w->status = 503;
    for (unsigned i = 0; i < PAYLOADS; i++) {
        send_one(w, "a");
    }
    expect_posts(w, 2 * PAYLOADS);
    loopback_pass(w->base, 5 * LATER_MS);
    const unsigned probes = w->post_count - 2 * PAYLOADS;
    assert_in_range(probes, 1, 10); /* half of LATER_MS, all of it, twice, four times, ... */
    w->status = 202;
    expect_idle(w);
    expect_each_id_accepted_once(w, PAYLOADS);
}

static void a_restart_in_an_outage_does_not_storm(void **state)
{
    enum { PAYLOADS = 20 };
    struct world *const w = *state;
    close_deliver(w);
    w->options.later_ms = w->options.later_most_ms = 60000;
    open_deliver(w);
    w->status = 503;
    for (unsigned i = 0; i < PAYLOADS; i++) {
        send_one(w, "a");
    }
    expect_posts(w, 2 * PAYLOADS);
    loopback_pass(w->base, 20);
    const unsigned before = w->post_count;
    restart(w);
    loopback_pass(w->base, 150);
    assert_in_range(w->post_count - before, 1, 5);
    w->status = 202;
    restart(w);
    expect_idle(w);
    expect_each_id_accepted_once(w, PAYLOADS);
}

static void a_refused_connection_is_an_outage(void **state)
{
    struct world *const w = *state;
    char nowhere[64];
    close_deliver(w);
    (void)snprintf(nowhere, sizeof nowhere, "http://127.0.0.1:%u", loopback_closed_port());
    w->options.base_uri = nowhere;
    open_deliver(w);
    send_one(w, "a");
    for (unsigned i = 0; stats_of(w).failures < 3 && i < WAIT_MS; i += 5) {
        loopback_pass(w->base, 5);
    }
    assert_true(stats_of(w).failures >= 3);
    assert_int_equal(stats_of(w).last_status, 0);
    assert_string_not_equal(stats_of(w).last_error, "");
    assert_false(launchdarkly_events_idle(w->deliver));
    w->options.base_uri = w->uri;
    restart(w);
    expect_idle(w);
    assert_int_equal(stats_of(w).payloads, 1);
}

static void a_payload_that_is_to_blame_holds_up_no_other(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->options.later_ms = w->options.later_most_ms = 20000;
    open_deliver(w);
    w->poison = "poison";
    w->status = 503;
    send_one(w, "poison");
    send_one(w, "a");
    send_one(w, "b");
    expect_posts(w, 6);
    loopback_pass(w->base, 20);
    w->status = 202;
    send_one(w, "c");
    for (unsigned i = 0; stats_of(w).payloads < 3 && i < WAIT_MS; i += 5) {
        loopback_pass(w->base, 5);
    }
    assert_int_equal(stats_of(w).payloads, 3);
    send_one(w, "d");
    send_one(w, "e");
    for (unsigned i = 0; stats_of(w).payloads < 5 && i < WAIT_MS; i += 5) {
        loopback_pass(w->base, 5);
    }
    assert_int_equal(stats_of(w).payloads, 5);
    assert_false(launchdarkly_events_idle(w->deliver)); /* it is kept */
    assert_in_range(w->post_count, 6 + 5, 6 + 5 + 3);
}

static void five_are_under_way_at_most_oldest_first(void **state)
{
    struct world *const w = *state;
    w->status = 0;
    for (unsigned i = 0; i < 8; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "u%u", i);
        send_one(w, key);
    }
    expect_posts(w, 5);
    loopback_pass(w->base, 50);
    assert_int_equal(w->post_count, 5);
    loopback_answer(w->held[3], 202, "", "");
    expect_posts(w, 6);
    loopback_pass(w->base, 20);
    assert_int_equal(w->post_count, 6);
    char *const text = json_dumps(w->posts[5].body, JSON_COMPACT);
    assert_non_null(strstr(text, "\"u5\""));
    free(text);
    w->status = 202;
    for (unsigned i = 0; i < w->held_count; i++) {
        if (i != 3) {
            loopback_answer(w->held[i], 202, "", "");
        }
    }
    expect_idle(w);
    assert_int_equal(w->post_count, 8);
    expect_each_id_accepted_once(w, 2);
}

/* ---- diagnostics -------------------------------------------------------------------------- */

static json_t *configuration(void)
{
    return json_pack("{s:{s:i}, s:{s:s}}", "configuration", "eventsCapacity", 7, "sdk", "name",
                     "ffshm");
}

static void diagnostics_begin_with_what_this_client_is(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    json_t *const init = configuration();
    w->options.diagnostics = true;
    w->options.diagnostic_init = init;
    w->options.sdk_key_suffix = "abcdef";
    w->options.gzip = true;
    open_deliver(w);
    json_decref(init);
    expect_posts(w, 1);
    const struct received *const r = &w->posts[0];
    assert_string_equal(r->path, "/diagnostic");
    assert_string_equal(r->id, "");
    assert_null(loopback_header(r->head, "X-LaunchDarkly-Event-Schema"));
    assert_true(r->gzip);
    const json_t *const id = json_object_get(r->body, "id");
    assert_string_equal(json_string_value(json_object_get(r->body, "kind")), "diagnostic-init");
    assert_string_equal(json_string_value(json_object_get(id, "sdkKeySuffix")), "abcdef");
    assert_int_equal(json_string_length(json_object_get(id, "diagnosticId")), 36);
    assert_true(json_integer_value(json_object_get(r->body, "creationDate")) > 0);
    assert_int_equal(json_object_size(r->body), 5);
    assert_true(launchdarkly_events_idle(w->deliver));
}

static void a_key_that_is_refused_for_diagnostics_is_for_all(void **state)
{
    struct world *const w = *state;
    close_deliver(w);
    w->status = 401;
    w->options.diagnostics = true;
    open_deliver(w);
    expect_posts(w, 1);
    while (!stats_of(w).stopped) {
        loopback_pass(w->base, 5);
    }
    send_one(w, "a");
    loopback_pass(w->base, 20);
    assert_int_equal(w->post_count, 1);
}

static void some_counts(void *arg, struct diagnostics_counts *out)
{
    const struct world *const w = arg;
    *out = (struct diagnostics_counts){10 + w->post_count, 20, 30};
}

static void on_refused(void *arg, long status)
{
    (void)arg;
    fail_msg("refused with %ld", status);
}

static void diagnostics_tell_what_happened_since(void **state)
{
    struct world *const w = *state;
    const struct diagnostics_options options = {
        .base_uri = w->uri,
        .headers = headers,
        .interval_ms = 300,
        .retry_ms = 10,
        .counts = some_counts,
        .refused = on_refused,
        .arg = w,
    };
    w->statuses[0] = 503; /* the first event is tried again, once */
    struct diagnostics *const d = diagnostics_new(w->base, w->http, &options);
    diagnostics_stream_init(d, 1000, true, 5);
    expect_posts(w, 4);
    diagnostics_free(d);
    assert_true(json_equal(w->posts[0].body, w->posts[1].body));
    const json_t *const second = w->posts[2].body;
    const json_t *const third = w->posts[3].body;
    assert_string_equal(json_string_value(json_object_get(second, "kind")), "diagnostic");
    assert_int_equal(json_object_size(second), 8);
    assert_int_equal(json_integer_value(json_object_get(second, "droppedEvents")), 12);
    assert_int_equal(json_integer_value(json_object_get(third, "droppedEvents")), 1);
    assert_int_equal(json_integer_value(json_object_get(second, "deduplicatedUsers")), 20);
    assert_int_equal(json_integer_value(json_object_get(third, "deduplicatedUsers")), 0);
    assert_int_equal(json_integer_value(json_object_get(third, "eventsInLastBatch")), 30);
    json_t *const inits =
        json_pack("[{s:i, s:b, s:i}]", "timestamp", 1000, "failed", 1, "durationMillis", 5);
    assert_true(json_equal(json_object_get(second, "streamInits"), inits));
    json_decref(inits);
    assert_int_equal(json_array_size(json_object_get(third, "streamInits")), 0);
    assert_true(json_equal(json_object_get(second, "creationDate"),
                           json_object_get(third, "dataSinceDate")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flush_posts_an_array_with_the_headers),
        TEST(a_clock_that_is_set_back_does_not_date_summaries_into_the_future),
        TEST(nothing_makes_no_request),
        TEST(each_payload_has_its_own_id),
        TEST(a_summary_counts_from_the_last_flush),
        TEST(compressed_payloads_are_the_same_when_inflated),
        TEST(a_context_is_told_once),
        TEST(contexts_are_forgotten_after_a_while),
        TEST(what_may_not_be_told_is_left_out),
        TEST(debug_events_end_by_the_later_clock),
        TEST(a_full_buffer_drops_events_and_goes_on_counting),
        TEST(what_is_malformed_is_dropped_alone),
        TEST(large_payloads_are_split),
        TEST(a_full_outbox_drops_the_oldest),
        TEST(a_transaction_that_failed_leaves_nothing),
        TEST(a_disk_that_is_full_loses_nothing),
        TEST(memory_that_runs_out_loses_nothing),
        TEST(what_was_kept_survives_a_kill),
        TEST(a_payload_keeps_its_id_over_a_restart),
        TEST(compressed_payloads_are_known_as_such_after_a_restart),
        TEST(what_another_version_left_is_passed_over),
        TEST(a_failure_is_tried_again_with_the_same_id),
        TEST(a_payload_that_is_too_large_is_dropped_alone),
        TEST(a_key_that_is_refused_ends_delivery),
        TEST(an_outage_loses_nothing),
        TEST(one_payload_at_a_time_finds_out_when_it_is_over),
        TEST(a_restart_in_an_outage_does_not_storm),
        TEST(a_refused_connection_is_an_outage),
        TEST(a_payload_that_is_to_blame_holds_up_no_other),
        TEST(five_are_under_way_at_most_oldest_first),
        TEST(diagnostics_begin_with_what_this_client_is),
        TEST(a_key_that_is_refused_for_diagnostics_is_for_all),
        TEST(diagnostics_tell_what_happened_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
