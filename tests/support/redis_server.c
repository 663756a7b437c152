#include "redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loopback.h"

#define OPTIONS 24
#define PATIENCE_MS 20000

struct redis_server {
    char directory[64];
    char socket[96];
    char url[64];
    char port_text[8];
    unsigned port;
    pid_t pid;
    const char *options[OPTIONS]; /* NULL-terminated */
    char answer[65536];
};

bool redis_server_available(void)
{
    const bool there = system("command -v redis-server >/dev/null 2>&1") == 0;
    if (!there) {
        puts("skipped: redis-server is not installed");
    }
    return there;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void run(const struct redis_server *server)
{
    const char *argv[OPTIONS + 24] = {"redis-server",
                                      "--port",
                                      server->port_text,
                                      "--bind",
                                      "127.0.0.1",
                                      "--unixsocket",
                                      server->socket,
                                      "--dir",
                                      server->directory,
                                      "--save",
                                      "",
                                      "--appendonly",
                                      "yes",
                                      "--appendfsync",
                                      "no",
                                      "--logfile",
                                      "log",
                                      "--daemonize",
                                      "no",
                                      "--databases",
                                      "16"};
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    for (size_t i = 0; server->options[i] != NULL; i++) {
        argv[count++] = server->options[i];
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(null, 0);
    (void)dup2(null, 1);
    execvp("redis-server", (char *const *)(uintptr_t)argv);
    _exit(127);
}

static redisContext *open_socket(const struct redis_server *server)
{
    const struct timeval patience = {PATIENCE_MS / 1000, 0};
    redisContext *c = redisConnectUnixWithTimeout(server->socket, patience);
    if (c != NULL && c->err == 0) {
        (void)redisSetTimeout(c, patience);
        return c;
    }
    redisFree(c);
    return NULL;
}

static bool answers(struct redis_server *server)
{
    redisContext *c = open_socket(server);
    redisReply *reply = c != NULL ? redisCommand(c, "PING") : NULL;
    /* An error is an answer (NOAUTH), unless data are still being read. */
    const bool ready = reply != NULL &&
                       (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "LOADING", 7) != 0);
    freeReplyObject(reply);
    redisFree(c);
    return ready;
}

static void launch(struct redis_server *server)
{
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        run(server);
    }
    for (unsigned waited = 0; !answers(server); waited += 5) {
        assert_int_equal(waitpid(server->pid, NULL, WNOHANG), 0);
        assert_true(waited < PATIENCE_MS);
        nap();
    }
}

struct redis_server *redis_server_start(const char *const *options)
{
    struct redis_server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent does: hiredis writes to whom is gone, too */
    (void)snprintf(server->directory, sizeof server->directory, "/tmp/ffshm_redis_XXXXXX");
    assert_non_null(mkdtemp(server->directory));
    (void)snprintf(server->socket, sizeof server->socket, "%s/redis.sock", server->directory);
    server->port = loopback_closed_port();
    (void)snprintf(server->port_text, sizeof server->port_text, "%u", server->port % 65536);
    (void)snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%u", server->port);
    for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
        assert_true(i + 1 < OPTIONS);
        server->options[i] = options[i];
    }
    launch(server);
    return server;
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

static void remove_data(const struct redis_server *server)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf -- '%s'/*", server->directory);
    assert_int_equal(system(command), 0);
}

void redis_server_stop(struct redis_server *server)
{
    if (server == NULL) {
        return;
    }
    redis_server_kill(server);
    remove_data(server);
    (void)rmdir(server->directory);
    free(server);
}

void redis_server_restart(struct redis_server *server, bool empty)
{
    redis_server_kill(server);
    if (empty) {
        remove_data(server);
    }
    launch(server);
}

void redis_server_pause(struct redis_server *server)
{
    assert_int_equal(kill(server->pid, SIGSTOP), 0);
}

void redis_server_resume(struct redis_server *server)
{
    assert_int_equal(kill(server->pid, SIGCONT), 0);
}

const char *redis_server_socket(const struct redis_server *server)
{
    return server->socket;
}

unsigned redis_server_port(const struct redis_server *server)
{
    return server->port;
}

const char *redis_server_url(const struct redis_server *server)
{
    return server->url;
}

static void print_reply(struct redis_server *server, size_t *used, const redisReply *reply)
{
    const size_t left = sizeof server->answer - *used;
    int length = 0;
    if (reply->type == REDIS_REPLY_INTEGER) {
        length = snprintf(server->answer + *used, left, "%lld", reply->integer);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++) {
            if (i > 0 && *used + 1 < sizeof server->answer) {
                server->answer[(*used)++] = '\n';
            }
            print_reply(server, used, reply->element[i]);
        }
    } else if (reply->type != REDIS_REPLY_NIL) {
        length = snprintf(server->answer + *used, left, "%.*s", (int)reply->len, reply->str);
    }
    *used += (size_t)length < left ? (size_t)length : left - 1;
}

const char *redis_server_ask(struct redis_server *server, const char *format, ...)
{
    size_t used = 0;
    redisContext *c = open_socket(server);
    assert_non_null(c);
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(c, format, arguments);
    va_end(arguments);
    assert_non_null(reply);
    server->answer[0] = '\0';
    print_reply(server, &used, reply);
    server->answer[used] = '\0';
    freeReplyObject(reply);
    redisFree(c);
    return server->answer;
}
