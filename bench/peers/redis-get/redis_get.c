/*
 * redis_get.c - flags in a Redis, as people keep them who have no flag system: the program asks
 * for a flag's value each time that it wants it.
 *
 * The driver starts a redis-server of its own, without a port, and asks it over a Unix socket,
 * which is faster than TCP, with commands that hiredis formatted once. The server may run on any
 * processor, whatever the driver is pinned to. A value is the JSON text of what the flag serves;
 * nobody parses it here.
 *
 * - `--events on`: absent. A GET tells nothing of who asked.
 * - all-flags is one MGET of all keys.
 * - Absent: whatever depends on the context. A GET gives everybody the same, and rules would be the
 *   program's own.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer_driver.h"

#define START_MS 5000

static struct {
    char directory[64];
    char socket[96];
    char version[96];
    pid_t pid;
    redisContext *connection;
} server;

struct command {
    char *text;
    size_t length;
};

static unsigned long sink; /* so that no value is unused */

/* ---- the server ---------------------------------------------------------------------------- */

static void stop_server(void)
{
    if (server.connection) {
        redisFree(server.connection);
        server.connection = NULL;
    }
    if (server.pid > 0) {
        kill(server.pid, SIGTERM);
        waitpid(server.pid, NULL, 0);
        server.pid = 0;
    }
    unlink(server.socket);
    rmdir(server.directory);
}

/* As the end of the program, but with what a handler may call alone. */
static void end_by_signal(int number)
{
    if (server.pid > 0) {
        kill(server.pid, SIGKILL);
        waitpid(server.pid, NULL, 0);
    }
    unlink(server.socket);
    rmdir(server.directory);
    signal(number, SIG_DFL);
    raise(number);
}

static void handle_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        signal(ends[i], end_by_signal);
    }
}

/* In the child: the server ends with the driver, may use all processors, and logs to stderr. */
static _Noreturn void run_server(pid_t driver)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    (void)sched_setaffinity(0, sizeof all, &all);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == driver && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server.socket,
               "--dir", server.directory, "--save", "", "--appendonly", "no", "--daemonize", "no",
               "--loglevel", "warning", (char *)NULL);
    }
    _exit(127);
}

static void start_server(void)
{
    const pid_t driver = getpid();
    snprintf(server.directory, sizeof server.directory, "/tmp/ffshm-redis-XXXXXX");
    if (!mkdtemp(server.directory)) {
        peer_fail(server.directory, strerror(errno));
    }
    snprintf(server.socket, sizeof server.socket, "%s/socket", server.directory);
    atexit(stop_server);
    handle_signals();
    server.pid = fork();
    if (server.pid == 0) {
        run_server(driver);
    }
    for (int i = 0; i < START_MS / 10; i++) {
        int status;
        if (server.pid < 0 || waitpid(server.pid, &status, WNOHANG) != 0) {
            server.pid = 0;
            peer_absent("redis-server is not installed, or does not start");
        }
        server.connection = redisConnectUnix(server.socket);
        if (server.connection && !server.connection->err) {
            return;
        }
        redisFree(server.connection);
        server.connection = NULL;
        usleep(10000);
    }
    peer_fail("redis-server", "does not answer");
}

/* ---- commands ------------------------------------------------------------------------------ */

static redisReply *ask(const struct command *c)
{
    void *reply = NULL;
    if (redisAppendFormattedCommand(server.connection, c->text, c->length) != REDIS_OK ||
        redisGetReply(server.connection, &reply) != REDIS_OK || !reply) {
        peer_fail("redis", server.connection->errstr);
    }
    return reply;
}

static struct command format(const char **words, size_t count)
{
    struct command c;
    const int length = redisFormatCommandArgv(&c.text, (int)count, words, NULL);
    if (length < 0) {
        peer_fail("redis", "a command cannot be formatted");
    }
    c.length = (size_t)length;
    return c;
}

static struct command *keep(struct command c)
{
    struct command *kept = malloc(sizeof *kept);
    if (!kept) {
        peer_fail("redis", "out of memory");
    }
    *kept = c;
    return kept;
}

static void read_version(void)
{
    redisReply *info = redisCommand(server.connection, "INFO server");
    const char *at = info && info->type == REDIS_REPLY_STRING
                         ? strstr(info->str, "redis_version:") /* up to the end of its line */
                         : NULL;
    const char *version = at ? at + strlen("redis_version:") : "?";
    snprintf(server.version, sizeof server.version, "%.*s, hiredis %d.%d.%d",
             (int)strcspn(version, "\r\n"), version, HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    freeReplyObject(info);
}

/* ---- flags --------------------------------------------------------------------------------- */

static const json_t *served(const json_t *flag)
{
    const json_t *of = json_is_true(json_object_get(flag, "on"))
                           ? json_object_get(json_object_get(flag, "fallthrough"), "variation")
                           : json_object_get(flag, "offVariation");
    return json_array_get(json_object_get(flag, "variations"), (size_t)json_integer_value(of));
}

/* Does every context get the same? */
static bool is_plain(const json_t *flag)
{
    return !json_is_true(json_object_get(flag, "on")) ||
           (!json_object_get(flag, "targets") && !json_object_get(flag, "rules") &&
            !json_object_get(flag, "prerequisites") &&
            json_object_get(json_object_get(flag, "fallthrough"), "variation"));
}

static void save(json_t *flags)
{
    const char *key;
    json_t *flag;
    json_object_foreach(flags, key, flag)
    {
        char *text = json_dumps(served(flag), JSON_COMPACT | JSON_ENCODE_ANY);
        redisReply *reply = text ? redisCommand(server.connection, "SET %s %s", key, text) : NULL;
        if (!reply || reply->type == REDIS_REPLY_ERROR) {
            peer_fail(key, "cannot be saved");
        }
        freeReplyObject(reply);
        free(text);
    }
}

static struct command mget(json_t *flags)
{
    const char *key;
    json_t *flag;
    size_t count = 0;
    const char **words = calloc(json_object_size(flags) + 1, sizeof *words);
    if (!words) {
        peer_fail("redis", "out of memory");
    }
    words[count++] = "MGET";
    json_object_foreach(flags, key, flag)
    {
        words[count++] = key;
    }
    const struct command c = format(words, count);
    free(words);
    return c;
}

/* ---- cases --------------------------------------------------------------------------------- */

static bool is_true(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == 4 &&
           memcmp(reply->str, "true", 4) == 0;
}

static void run_boolean(void *of, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        redisReply *reply = ask(of);
        sink += is_true(reply);
        freeReplyObject(reply);
    }
}

static void run_text(void *of, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        redisReply *reply = ask(of);
        sink += reply->len;
        freeReplyObject(reply);
    }
}

static void run_all(void *of, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        redisReply *reply = ask(of);
        sink += reply->elements;
        freeReplyObject(reply);
    }
}

static void check(const char *name, const struct command *c, const json_t *wanted)
{
    redisReply *reply = ask(c);
    json_t *value = reply->type == REDIS_REPLY_STRING
                        ? json_loads(reply->str, JSON_DECODE_ANY, NULL)
                        : json_false(); /* the program's default */
    if (!value || !json_equal(value, wanted)) {
        peer_fail(name, "another value is wanted");
    }
    json_decref(value);
    freeReplyObject(reply);
}

static struct peer_case make_case(json_t *flags, const json_t *of)
{
    const char *name = json_string_value(json_object_get(of, "name"));
    const char *key = json_string_value(json_object_get(of, "flag"));
    const char *type = json_string_value(json_object_get(of, "type"));
    const json_t *flag = key ? json_object_get(flags, key) : NULL;
    struct peer_case c = {.name = name};
    if (!key) {
        c.differs = "the values that are stored, whatever the context";
        c.run = run_all;
        c.of = keep(mget(flags));
        return c;
    }
    if (flag && !is_plain(flag)) {
        c.absent = "a GET gives everybody the same";
        return c;
    }
    const char *words[] = {"GET", key};
    c.of = keep(format(words, 2));
    c.run = strcmp(type, "boolean") == 0 ? run_boolean : run_text;
    check(name, c.of, json_object_get(of, "value"));
    return c;
}

int main(int argc, char **argv)
{
    struct peer_options o;
    size_t i;
    json_t *of;
    peer_options_read(&o, argc, argv);
    if (o.events) {
        peer_absent("a GET tells nothing of who asked");
    }
    json_t *flags = json_object_get(o.flags, "flags");
    json_t *list = json_object_get(o.list, "cases");
    struct peer_case *cases = calloc(json_array_size(list) + 1, sizeof *cases);
    if (!cases) {
        peer_fail("redis", "out of memory");
    }
    start_server();
    read_version();
    save(flags);
    json_array_foreach(list, i, of)
    {
        cases[i] = make_case(flags, of);
    }
    peer_serve(server.version, cases, json_array_size(list));
    free(cases);
    return 0;
}
