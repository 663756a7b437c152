/* ctest: timeout=120
 * A connection that comes back by itself, against a real redis-server that is killed, stopped and
 * locked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <event2/dns.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loopback.h"
#include "redis/redis_link.h"
#include "redis_server.h"
#include "tls_server.h"

#define WAIT_MS 20000

struct fixture {
    struct event_base *base;
    struct redis_server *server;
    struct redis_link *link;
    unsigned ups, downs;
    bool up, down;
    bool free_when_up, free_when_down;
    struct fault fault; /* of the last down */
};

struct answer {
    struct fixture *f;
    bool told;
    unsigned times;
    int type; /* 0: none came */
    long long integer;
    char text[256];
    size_t length;
    char cause[512];
    unsigned order;
    bool free_link, send_more;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void free_link(struct fixture *f)
{
    struct redis_link *l = f->link;
    f->link = NULL;
    redis_link_free(l);
}

static void on_up(void *arg)
{
    struct fixture *f = arg;
    f->ups++;
    f->up = true;
    f->down = false;
    assert_true(redis_link_is_up(f->link));
    assert_null(redis_link_trouble(f->link));
    if (f->free_when_up) {
        free_link(f);
    }
}

static void on_down(void *arg, const struct fault *fault)
{
    struct fixture *f = arg;
    f->downs++;
    f->down = true;
    f->up = false;
    f->fault = *fault;
    assert_false(redis_link_is_up(f->link));
    assert_string_equal(redis_link_trouble(f->link)->cause, fault->cause);
    if (f->free_when_down) {
        free_link(f);
    }
}

static unsigned told_so_far;

static void on_answer(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    struct answer *a = arg;
    a->told = true;
    a->times++;
    a->order = ++told_so_far;
    if (reply != NULL) {
        assert_null(fault);
        a->type = reply->type;
        a->integer = reply->integer;
        a->length = reply->len;
        (void)snprintf(a->text, sizeof a->text, "%s", reply->str != NULL ? reply->str : "");
    } else {
        (void)snprintf(a->cause, sizeof a->cause, "%s", fault->cause);
    }
    if (a->free_link) {
        free_link(a->f);
    }
    if (a->send_more) {
        a->send_more = false;
        (void)redis_link_command(a->f->link, on_answer, a, "PING");
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->base = event_base_new();
    told_so_far = 0;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    redis_link_free(f->link);
    redis_server_stop(f->server);
    event_base_free(f->base);
    free(f);
    return 0;
}

static void start_server(struct fixture *f, const char *const *options)
{
    f->server = redis_server_start(options);
}

static void start_link(struct fixture *f, const char *text, struct redis_link_options options)
{
    struct redis_url url;
    struct fault fault = {0};
    const struct redis_link_owner owner = {on_up, on_down, f};
    assert_int_equal(redis_url_parse(text, &url, &fault), 0);
    options.url = &url;
    f->link = redis_link_new(f->base, &options, &owner, &fault);
    redis_url_free(&url);
    assert_non_null(f->link);
}

static void start_both(struct fixture *f)
{
    start_server(f, NULL);
    start_link(f, redis_server_url(f->server), (struct redis_link_options){0});
    assert_true(loopback_wait(f->base, &f->up, WAIT_MS));
}

static void expect_up(struct fixture *f)
{
    assert_true(loopback_wait(f->base, &f->up, WAIT_MS));
}

static void expect_down(struct fixture *f, const char *cause)
{
    assert_true(loopback_wait(f->base, &f->down, WAIT_MS));
    if (strstr(f->fault.cause, cause) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", f->fault.cause, cause);
    }
}

/* ---- coming up ---------------------------------------------------------------------------- */

static void commands_are_answered(void **state)
{
    struct fixture *f = *state;
    struct answer set = {0}, get = {0}, wrong = {0};
    start_server(f, NULL);
    start_link(f, redis_server_url(f->server), (struct redis_link_options){.name = "ffshm:a b"});
    assert_false(redis_link_is_up(f->link));
    assert_int_equal(redis_link_command(f->link, on_answer, &set, "PING"), -1);
    expect_up(f);
    assert_int_equal(
        redis_link_command(f->link, on_answer, &set, "SET %s %b", "k", "a\0b", (size_t)3), 0);
    const char *const argv[] = {"GET", "k"};
    assert_int_equal(redis_link_send(f->link, on_answer, &get, 2, argv, NULL), 0);
    assert_int_equal(redis_link_command(f->link, on_answer, &wrong, "NONSENSE"), 0);
    assert_false(set.told || get.told);
    assert_int_equal(redis_link_waiting(f->link), 3);
    assert_true(loopback_wait(f->base, &wrong.told, WAIT_MS));
    assert_string_equal(set.text, "OK");
    assert_int_equal(get.length, 3);
    assert_int_equal(wrong.type, REDIS_REPLY_ERROR);
    assert_int_equal(redis_link_waiting(f->link), 0);
    assert_non_null(strstr(redis_server_ask(f->server, "CLIENT LIST"), "name=ffshm:a-b "));
}

static void a_unix_socket_and_a_database_do_as_well(void **state)
{
    struct fixture *f = *state;
    struct answer set = {0};
    char url[128];
    start_server(f, NULL);
    (void)snprintf(url, sizeof url, "unix://%s?db=7", redis_server_socket(f->server));
    start_link(f, url, (struct redis_link_options){0});
    expect_up(f);
    assert_int_equal(redis_link_command(f->link, on_answer, &set, "SET k v"), 0);
    assert_true(loopback_wait(f->base, &set.told, WAIT_MS));
    assert_non_null(strstr(redis_server_ask(f->server, "INFO keyspace"), "db7:keys=1"));
}

static void a_name_is_looked_up_and_its_addresses_are_tried(void **state)
{
    struct fixture *f = *state;
    char url[64];
    start_server(f, NULL);
    (void)snprintf(url, sizeof url, "redis://localhost:%u", redis_server_port(f->server));
    start_link(f, url, (struct redis_link_options){0});
    expect_up(f);
}

static void a_name_that_nobody_knows_is_a_trouble(void **state)
{
    struct fixture *f = *state;
    start_link(f, "redis://no-such-host.invalid", (struct redis_link_options){0});
    assert_true(loopback_wait(f->base, &f->down, WAIT_MS));
    assert_true(strstr(f->fault.cause, "the address of the host is not known") != NULL ||
                strstr(f->fault.cause, "the name server does not answer") != NULL);
    assert_string_equal(f->fault.file, "redis://no-such-host.invalid:6379/0");
}

/* Instead of libevent's: a name server that never answers. */
static int silent_socket = -1;

int evdns_base_resolv_conf_parse(struct evdns_base *dns, int flags, const char *file)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    if (silent_socket < 0) {
        int (*real)(struct evdns_base *, int, const char *);
        *(void **)(&real) = dlsym(RTLD_NEXT, __func__);
        return real(dns, flags, file);
    }
    assert_int_equal(getsockname(silent_socket, (struct sockaddr *)(void *)&address, &length), 0);
    return evdns_base_nameserver_sockaddr_add(dns, (struct sockaddr *)(void *)&address, length, 0);
}

static void open_silent_socket(void)
{
    const struct sockaddr_in any = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    silent_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(silent_socket >= 0);
    assert_int_equal(bind(silent_socket, (const struct sockaddr *)(const void *)&any, sizeof any),
                     0);
}

static void close_silent_socket(void)
{
    close(silent_socket);
    silent_socket = -1;
}

static void freed_while_the_name_is_looked_up(void **state)
{
    struct fixture *f = *state;
    char question[512];
    open_silent_socket();
    start_link(f, "redis://no-such-host.invalid", (struct redis_link_options){0});
    loopback_pass(f->base, 50);
    assert_true(recv(silent_socket, question, sizeof question, MSG_DONTWAIT) > 0);
    free_link(f);
    loopback_pass(f->base, 50);
    assert_int_equal(event_base_get_num_events(f->base, EVENT_BASE_COUNT_ADDED), 0);
    start_link(f, "redis://no-such-host.invalid", (struct redis_link_options){0});
    loopback_pass(f->base, 50);
    free_link(f); /* and the loop does not turn again */
    close_silent_socket();
}

static void nobody_listening_is_a_trouble_and_tried_again(void **state)
{
    struct fixture *f = *state;
    char url[64];
    (void)snprintf(url, sizeof url, "redis://:secret@127.0.0.1:%u", loopback_closed_port());
    start_link(f, url, (struct redis_link_options){0});
    expect_down(f, "Connection refused");
    assert_null(strstr(f->fault.file, "secret"));
    loopback_pass(f->base, 700);
    assert_int_equal(f->downs, 1); /* one reason is told once */
    assert_int_equal(f->ups, 0);
}

static void a_server_that_says_nothing_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct loopback *silent = NULL;
    char url[64];
    /* Takes connections, and never answers. */
    silent = loopback_new(f->base, NULL, NULL);
    (void)snprintf(url, sizeof url, "redis://127.0.0.1:%u", loopback_port(silent));
    const int64_t began = now_ms();
    start_link(f, url, (struct redis_link_options){.connect_ms = 200});
    expect_down(f, "no answer within 200 ms");
    assert_true(now_ms() - began >= 195);
    loopback_pass(f->base, 600);
    assert_true(loopback_accepted(silent) >= 2);
    free_link(f);
    loopback_free(silent);
}

static void tls_is_refused_where_hiredis_has_none(void **state)
{
    struct fixture *f = *state;
    struct redis_url url;
    struct fault fault = {0};
    assert_int_equal(redis_url_parse("rediss://:secret@h", &url, &fault), 0);
    struct redis_link *l =
        redis_link_new(f->base, &(struct redis_link_options){.url = &url}, NULL, &fault);
    if (HIREDIS_MAJOR == 0) {
        assert_null(l);
        assert_non_null(strstr(fault.cause, "has no TLS"));
        assert_string_equal(fault.file, "rediss://h:6379/0");
    }
    redis_link_free(l);
    redis_url_free(&url);
}

/* Not with Debian 12's hiredis: see above. */
static void tls_asks_whose_certificate_it_is(void **state)
{
    struct fixture *f = *state;
    struct tls_server *certificates = HIREDIS_MAJOR > 0 ? tls_server_start() : NULL;
    char port[8];
    char paths[4][128];
    char url[64];
    static const char *const names[] = {"cert.pem", "key.pem", "ca.pem", "other.pem"};
    if (certificates == NULL) {
        skip();
    }
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", tls_server_dir(certificates), names[i]);
    }
    const unsigned tls_port = loopback_closed_port();
    (void)snprintf(port, sizeof port, "%u", tls_port % 65536);
    const char *const options[] = {"--tls-port",
                                   port,
                                   "--tls-cert-file",
                                   paths[0],
                                   "--tls-key-file",
                                   paths[1],
                                   "--tls-auth-clients",
                                   "no",
                                   "--tls-ca-cert-file",
                                   paths[2],
                                   NULL};
    start_server(f, options);
    (void)snprintf(url, sizeof url, "rediss://localhost:%u", tls_port);
    start_link(f, url, (struct redis_link_options){.ca_file = paths[2]});
    expect_up(f);
    free_link(f);
    start_link(f, url, (struct redis_link_options){.ca_file = paths[3]});
    expect_down(f, "certificate");
    free_link(f);
    f->down = false;
    (void)snprintf(url, sizeof url, "rediss://127.0.0.1:%u", tls_port); /* not in it */
    start_link(f, url, (struct redis_link_options){.ca_file = paths[2]});
    expect_down(f, "certificate");
    tls_server_stop(certificates);
}

/* ---- who may ------------------------------------------------------------------------------ */

static void start_locked(struct fixture *f, const char *user)
{
    static const char *const options[] = {"--requirepass", "open sesame", NULL};
    char url[128];
    start_server(f, options);
    (void)snprintf(url, sizeof url, "redis://%s127.0.0.1:%u", user, redis_server_port(f->server));
    start_link(f, url, (struct redis_link_options){0});
}

static void the_right_password_opens(void **state)
{
    start_locked(*state, ":open%20sesame@");
    expect_up(*state);
}

static void a_wrong_password_is_a_trouble_with_a_hint(void **state)
{
    struct fixture *f = *state;
    start_locked(f, ":hunter2@");
    expect_down(f, "WRONGPASS");
    assert_non_null(strstr(f->fault.hint, "password"));
    loopback_pass(f->base, 700);
    assert_int_equal(f->downs, 1);
}

static void no_password_is_a_trouble_with_a_hint(void **state)
{
    struct fixture *f = *state;
    start_locked(f, "");
    expect_down(f, "NOAUTH");
    assert_non_null(strstr(f->fault.hint, "wants a password"));
}

static void an_acl_user_with_a_few_rights_is_enough(void **state)
{
    static const char *const options[] = {"--user", "default",  "off",   "--user", "fleet", "on",
                                          ">pw",    "~ffshm:*", "-@all", "+get",   NULL};
    struct fixture *f = *state;
    struct answer may = {0}, may_not = {0};
    char url[128];
    start_server(f, options);
    (void)snprintf(url, sizeof url, "redis://fleet:pw@127.0.0.1:%u", redis_server_port(f->server));
    start_link(f, url, (struct redis_link_options){.name = "not allowed either"});
    expect_up(f);
    assert_int_equal(redis_link_command(f->link, on_answer, &may, "GET ffshm:x"), 0);
    assert_int_equal(redis_link_command(f->link, on_answer, &may_not, "SET ffshm:x 1"), 0);
    assert_true(loopback_wait(f->base, &may_not.told, WAIT_MS));
    assert_int_equal(may.type, REDIS_REPLY_NIL);
    assert_int_equal(may_not.type, REDIS_REPLY_ERROR);
    struct fault fault = {0};
    const redisReply refusal = {.type = REDIS_REPLY_ERROR, .str = may_not.text};
    redis_link_refusal(f->link, &refusal, &fault);
    assert_non_null(strstr(fault.cause, "NOPERM"));
    assert_non_null(strstr(fault.hint, "ACL"));
    loopback_pass(f->base, 2500); /* the PING of an idle connection is refused, too */
    assert_int_equal(f->downs, 0);
}

static void the_words_of_an_unknown_command_are_not_told(void **state)
{
    struct fixture *f = *state;
    char text[] = "ERR unknown command 'AUTH', with args beginning with: 'user' 'secret' ";
    const redisReply refusal = {.type = REDIS_REPLY_ERROR, .str = text};
    struct fault fault = {0};
    start_link(f, "redis://user:secret@127.0.0.1", (struct redis_link_options){0});
    redis_link_refusal(f->link, &refusal, &fault);
    assert_string_equal(fault.cause, "the server answered: ERR unknown command 'AUTH'");
}

static void a_database_that_is_not_there_is_a_trouble(void **state)
{
    struct fixture *f = *state;
    char url[64];
    start_server(f, NULL);
    (void)snprintf(url, sizeof url, "redis://127.0.0.1:%u/16", redis_server_port(f->server));
    start_link(f, url, (struct redis_link_options){0});
    expect_down(f, "DB index is out of range");
}

static void a_server_that_is_full_of_clients_is_a_trouble(void **state)
{
    static const char *const options[] = {"--maxclients", "1", NULL};
    struct fixture *f = *state;
    struct fixture second = {.base = f->base};
    start_server(f, options);
    start_link(f, redis_server_url(f->server), (struct redis_link_options){0});
    expect_up(f);
    start_link(&second, redis_server_url(f->server), (struct redis_link_options){0});
    assert_true(loopback_wait(f->base, &second.down, WAIT_MS));
    free_link(&second);
}

/* ---- going and coming back ---------------------------------------------------------------- */

static void a_killed_server_is_noticed_and_found_again_within_a_second(void **state)
{
    struct fixture *f = *state;
    struct answer lost = {0}, after = {0};
    start_both(f);
    assert_int_equal(redis_link_command(f->link, on_answer, &after, "SET k kept"), 0);
    assert_true(loopback_wait(f->base, &after.told, WAIT_MS));
    redis_server_pause(f->server);
    assert_int_equal(redis_link_command(f->link, on_answer, &lost, "INCR n"), 0);
    loopback_pass(f->base, 20);
    const int64_t killed = now_ms();
    redis_server_kill(f->server);
    expect_down(f, "the connection was lost");
    assert_true(now_ms() - killed < 1000);
    assert_true(lost.told && lost.type == 0 && lost.cause[0] != '\0');
    assert_int_equal(redis_link_command(f->link, on_answer, &lost, "PING"), -1);
    loopback_pass(f->base, 2000); /* as far apart as attempts come */
    redis_server_restart(f->server, false);
    const int64_t back = now_ms();
    expect_up(f);
    assert_true(now_ms() - back < 1000);
    assert_int_equal(f->ups, 2);
    after = (struct answer){0};
    assert_int_equal(redis_link_command(f->link, on_answer, &after, "GET k"), 0);
    assert_true(loopback_wait(f->base, &after.told, WAIT_MS));
    assert_string_equal(after.text, "kept");
    assert_int_equal(lost.times, 1);
}

static void a_server_that_stands_still_is_left_after_answer_ms(void **state)
{
    struct fixture *f = *state;
    struct answer lost[3] = {0};
    start_server(f, NULL);
    start_link(f, redis_server_url(f->server),
               (struct redis_link_options){.answer_ms = 300, .connect_ms = 300});
    expect_up(f);
    redis_server_pause(f->server);
    const int64_t began = now_ms();
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(redis_link_command(f->link, on_answer, &lost[i], "PING"), 0);
    }
    expect_down(f, "no answer came within 300 ms");
    const int64_t took = now_ms() - began;
    assert_true(took >= 295 && took < 1500);
    for (size_t i = 0; i < 3; i++) {
        assert_true(lost[i].told && lost[i].type == 0);
        assert_int_equal(lost[i].order, i + 1);
    }
    redis_server_resume(f->server);
    expect_up(f);
}

static void an_idle_connection_finds_out_too(void **state)
{
    struct fixture *f = *state;
    start_both(f);
    redis_server_pause(f->server);
    const int64_t began = now_ms();
    expect_down(f, "no answer came");
    assert_true(now_ms() - began < 6000);
    redis_server_resume(f->server);
    expect_up(f);
}

static void a_blocking_read_waits_as_long_as_the_patience(void **state)
{
    struct fixture *f = *state;
    struct answer read = {0}, next = {0};
    start_server(f, NULL);
    start_link(f, redis_server_url(f->server), (struct redis_link_options){.answer_ms = 200});
    expect_up(f);
    redis_link_patience(f->link, 5000);
    assert_int_equal(redis_link_command(f->link, on_answer, &read, "XREAD BLOCK 700 STREAMS s $"),
                     0);
    assert_true(loopback_wait(f->base, &read.told, WAIT_MS));
    assert_int_equal(read.type, REDIS_REPLY_NIL);
    redis_link_patience(f->link, 200);
    assert_int_equal(redis_link_command(f->link, on_answer, &next, "XREAD BLOCK 700 STREAMS s $"),
                     0);
    expect_down(f, "no answer came within 200 ms");
    assert_true(next.told && next.type == 0);
}

/* ---- much --------------------------------------------------------------------------------- */

static void no_more_wait_than_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct answer answers[11] = {0};
    start_server(f, NULL);
    start_link(f, redis_server_url(f->server), (struct redis_link_options){.waiting_most = 10});
    expect_up(f);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(redis_link_command(f->link, on_answer, &answers[i], "PING"), 0);
    }
    assert_int_equal(redis_link_command(f->link, on_answer, &answers[10], "PING"), -1);
    assert_true(loopback_wait(f->base, &answers[9].told, WAIT_MS));
    assert_int_equal(redis_link_command(f->link, on_answer, &answers[10], "PING"), 0);
    assert_true(loopback_wait(f->base, &answers[10].told, WAIT_MS));
}

static void a_pipeline_is_answered_in_its_order(void **state)
{
    enum { COUNT = 1000 };
    struct fixture *f = *state;
    struct answer *answers = calloc(COUNT, sizeof *answers);
    start_both(f);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(redis_link_command(f->link, on_answer, &answers[i], "INCR n"), 0);
    }
    assert_true(loopback_wait(f->base, &answers[COUNT - 1].told, WAIT_MS));
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(answers[i].integer, i + 1);
        assert_int_equal(answers[i].order, i + 1);
        assert_int_equal(answers[i].times, 1);
    }
    free(answers);
}

static void big_values_come_whole(void **state)
{
    struct fixture *f = *state;
    struct answer set = {0}, get = {0};
    const size_t length = (size_t)16 << 20;
    char *bytes = malloc(length);
    memset(bytes, 'x', length);
    start_both(f);
    assert_int_equal(redis_link_command(f->link, on_answer, &set, "SET k %b", bytes, length), 0);
    assert_int_equal(redis_link_command(f->link, on_answer, &get, "GET k"), 0);
    assert_true(loopback_wait(f->base, &get.told, WAIT_MS));
    assert_string_equal(set.text, "OK");
    assert_int_equal(get.length, length);
    free(bytes);
}

/* ---- being freed -------------------------------------------------------------------------- */

static void freed_with_commands_under_way_tells_each(void **state)
{
    struct fixture *f = *state;
    struct answer answers[3] = {0};
    start_both(f);
    for (size_t i = 0; i < 3; i++) {
        answers[i].f = f;
        assert_int_equal(redis_link_command(f->link, on_answer, &answers[i], "PING"), 0);
    }
    answers[1].free_link = true; /* once more, from within */
    free_link(f);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(answers[i].times, 1);
        assert_int_equal(answers[i].type, 0);
    }
    assert_int_equal(f->downs, 0);
}

static void freed_within_a_reply(void **state)
{
    struct fixture *f = *state;
    struct answer first = {.f = f, .free_link = true}, second = {0};
    start_both(f);
    assert_int_equal(redis_link_command(f->link, on_answer, &first, "PING"), 0);
    assert_int_equal(redis_link_command(f->link, on_answer, &second, "PING"), 0);
    assert_true(loopback_wait(f->base, &first.told, WAIT_MS));
    assert_int_equal(first.times, 1);
    assert_int_equal(first.type, REDIS_REPLY_STATUS);
    assert_int_equal(second.times, 1);
    assert_int_equal(second.type, 0);
    loopback_pass(f->base, 50);
}

static void freed_when_it_comes_up(void **state)
{
    struct fixture *f = *state;
    f->free_when_up = true;
    start_both(f);
    loopback_pass(f->base, 50);
    assert_int_equal(f->ups, 1);
}

static void freed_when_it_goes_down(void **state)
{
    struct fixture *f = *state;
    start_both(f);
    f->free_when_down = true;
    redis_server_kill(f->server);
    expect_down(f, "the connection was lost");
    loopback_pass(f->base, 200);
    assert_int_equal(f->downs, 1);
}

static void freed_when_it_cannot_connect(void **state)
{
    struct fixture *f = *state;
    char url[64];
    f->free_when_down = true;
    (void)snprintf(url, sizeof url, "redis://127.0.0.1:%u", loopback_closed_port());
    start_link(f, url, (struct redis_link_options){0});
    expect_down(f, "Connection refused");
    f->free_when_down = true;
    f->down = false;
    start_link(f, "unix:///nowhere/redis.sock", (struct redis_link_options){0});
    expect_down(f, "No such file");
    loopback_pass(f->base, 100);
}

static void freed_at_every_step_of_connecting(void **state)
{
    struct fixture *f = *state;
    start_server(f, NULL);
    for (int turns = 0; !f->up; turns++) {
        start_link(f, redis_server_url(f->server), (struct redis_link_options){.name = "x"});
        for (int i = 0; i < turns && !f->up; i++) {
            event_base_loop(f->base, EVLOOP_ONCE);
        }
        free_link(f);
    }
    loopback_pass(f->base, 20);
}

static void a_reply_may_send_the_next_command(void **state)
{
    struct fixture *f = *state;
    struct answer a = {.f = f, .send_more = true};
    start_both(f);
    assert_int_equal(redis_link_command(f->link, on_answer, &a, "PING"), 0);
    loopback_pass(f->base, 200);
    assert_int_equal(a.times, 2);
}

int main(void)
{
    if (!redis_server_available()) {
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(commands_are_answered),
        TEST(a_unix_socket_and_a_database_do_as_well),
        TEST(a_name_is_looked_up_and_its_addresses_are_tried),
        TEST(a_name_that_nobody_knows_is_a_trouble),
        TEST(freed_while_the_name_is_looked_up),
        TEST(nobody_listening_is_a_trouble_and_tried_again),
        TEST(a_server_that_says_nothing_is_given_up),
        TEST(tls_is_refused_where_hiredis_has_none),
        TEST(tls_asks_whose_certificate_it_is),
        TEST(the_right_password_opens),
        TEST(a_wrong_password_is_a_trouble_with_a_hint),
        TEST(no_password_is_a_trouble_with_a_hint),
        TEST(an_acl_user_with_a_few_rights_is_enough),
        TEST(the_words_of_an_unknown_command_are_not_told),
        TEST(a_database_that_is_not_there_is_a_trouble),
        TEST(a_server_that_is_full_of_clients_is_a_trouble),
        TEST(a_killed_server_is_noticed_and_found_again_within_a_second),
        TEST(a_server_that_stands_still_is_left_after_answer_ms),
        TEST(an_idle_connection_finds_out_too),
        TEST(a_blocking_read_waits_as_long_as_the_patience),
        TEST(no_more_wait_than_is_bounded),
        TEST(a_pipeline_is_answered_in_its_order),
        TEST(big_values_come_whole),
        TEST(freed_with_commands_under_way_tells_each),
        TEST(freed_within_a_reply),
        TEST(freed_when_it_comes_up),
        TEST(freed_when_it_goes_down),
        TEST(freed_when_it_cannot_connect),
        TEST(freed_at_every_step_of_connecting),
        TEST(a_reply_may_send_the_next_command),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
