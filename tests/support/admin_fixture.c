#include "admin_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin_request.h"

#define PATIENCE_MS 10000

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the test's routes ---------------------------------------------------------------------- */

static void echo(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    struct admin_error error = {0};
    int64_t limit = 10;
    (void)arg;
    admin_answer_etag(answer, "v1");
    if (admin_request_check_match(r, "v1", &error) != 0 ||
        admin_request_number(r, "limit", 1, 100, &limit, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    const char *key = admin_request_value(r, "key");
    json_t *body = json_pack("{s:s, s:I, s:b, s:s, s:s}", "key", key ? key : "", "limit",
                             (json_int_t)limit, "dryRun", r->dry_run, "reason",
                             r->reason ? r->reason : "", "actor", r->actor->name);
    if (r->json) {
        json_object_set(body, "body", r->json);
    }
    admin_answer_json(answer, 200, body);
}

static void remove_it(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    (void)arg, (void)r;
    admin_answer_nothing(answer, 204);
}

struct lines {
    struct admin_fixture *f;
    int64_t left;
};

static void more_lines(void *arg, struct admin_stream *stream)
{
    struct lines *l = arg;
    while (l->left > 0 && admin_stream_waiting(stream) < 65536) {
        char text[64];
        const int length = snprintf(text, sizeof text, "{\"line\":%lld}", (long long)l->left--);
        assert_int_equal(admin_stream_line(stream, text, (size_t)length), 0);
        l->f->lines++;
    }
    if (l->left == 0) {
        admin_stream_end(stream);
        free(l);
    }
}

static void lines_closed(void *arg)
{
    struct lines *l = arg;
    l->f->closed++;
    free(l);
}

static void lines(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    struct admin_error error = {0};
    struct lines *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->f = arg;
    assert_int_equal(admin_request_number(r, "count", 0, 10000000, &l->left, &error), 0);
    const struct admin_stream_owner owner = {more_lines, lines_closed, l};
    if (!admin_stream_begin(answer, ADMIN_NDJSON, &owner)) {
        free(l);
    }
}

static void on_closed(void *arg)
{
    struct admin_fixture *f = arg;
    f->closed++;
}

static void events(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    struct admin_fixture *f = arg;
    const struct admin_stream_owner owner = {NULL, on_closed, f};
    (void)r;
    assert_true(f->stream_count < ADMIN_FIXTURE_STREAMS);
    struct admin_stream *stream = admin_stream_begin(answer, ADMIN_EVENTS, &owner);
    if (stream) {
        f->streams[f->stream_count++] = stream;
    }
}

static void silent(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    (void)arg, (void)r, (void)answer;
}

static const struct admin_parameter_info limit_only[] = {{"limit", "how many"}, {NULL, NULL}};
static const struct admin_parameter_info count_only[] = {{"count", "how many"}, {NULL, NULL}};

#define THING ADMIN_ROOT "/things/{key}"

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = THING,
     .least = ADMIN_ROLE_VIEWER,
     .handler = echo,
     .summary = "one",
     .parameters = limit_only},
    {.method = ADMIN_PUT,
     .pattern = THING,
     .least = ADMIN_ROLE_EDITOR,
     .handler = echo,
     .summary = "put",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = 4096,
     .changes = true},
    {.method = ADMIN_PATCH,
     .pattern = THING,
     .least = ADMIN_ROLE_EDITOR,
     .handler = echo,
     .summary = "patch",
     .body = ADMIN_BODY_REQUIRED,
     .changes = true},
    {.method = ADMIN_DELETE,
     .pattern = THING,
     .least = ADMIN_ROLE_EDITOR,
     .handler = remove_it,
     .summary = "delete",
     .changes = true},
    {.method = ADMIN_POST,
     .pattern = THING "/kill",
     .least = ADMIN_ROLE_EDITOR,
     .handler = echo,
     .summary = "kill",
     .body = ADMIN_BODY_OPTIONAL,
     .changes = true},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/things/list",
     .least = ADMIN_ROLE_VIEWER,
     .handler = echo,
     .summary = "all"},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/lines",
     .least = ADMIN_ROLE_VIEWER,
     .handler = lines,
     .summary = "lines",
     .answers = ADMIN_NDJSON,
     .parameters = count_only},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/events",
     .least = ADMIN_ROLE_VIEWER,
     .handler = events,
     .summary = "events",
     .answers = ADMIN_EVENTS},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/silent",
     .least = ADMIN_ROLE_VIEWER,
     .handler = silent,
     .summary = "says nothing"},
};

/* ---- a shelf for tokens --------------------------------------------------------------------- */

static void note(struct admin_shelf *shelf, const struct admin_change *change)
{
    shelf->last = *change;
    snprintf(shelf->action, sizeof shelf->action, "%s", change->action);
    snprintf(shelf->target, sizeof shelf->target, "%s", change->target);
    snprintf(shelf->actor, sizeof shelf->actor, "%s", change->actor);
    snprintf(shelf->reason, sizeof shelf->reason, "%s", change->reason ? change->reason : "");
}

static int refuse(struct fault *fault)
{
    fault_set(fault, "", NULL, "the disk is full");
    return -1;
}

static struct admin_token *shelved(struct admin_shelf *shelf, const char *id)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->tokens[i].id, id) == 0) {
            return &shelf->tokens[i];
        }
    }
    return NULL;
}

static int load(void *arg, int (*each)(void *each_arg, const struct admin_token *token),
                void *each_arg, struct fault *fault)
{
    struct admin_shelf *shelf = arg;
    for (size_t i = 0; i < shelf->count; i++) {
        assert_int_equal(each(each_arg, &shelf->tokens[i]), 0);
    }
    return shelf->fails ? refuse(fault) : 0;
}

static int add(void *arg, const struct admin_token *token, const struct admin_change *change,
               struct fault *fault)
{
    struct admin_shelf *shelf = arg;
    if (shelf->fails) {
        return refuse(fault);
    }
    assert_true(shelf->count < sizeof shelf->tokens / sizeof *shelf->tokens);
    shelf->tokens[shelf->count] = *token;
    json_incref(shelf->tokens[shelf->count++].limits);
    note(shelf, change);
    return 0;
}

static int rotate(void *arg, const char *id, const struct admin_token *next, int64_t until_ms,
                  const struct admin_change *change, struct fault *fault)
{
    struct admin_shelf *shelf = arg;
    if (add(arg, next, change, fault) != 0) {
        return -1;
    }
    struct admin_token *old = shelved(shelf, id);
    old->expires_ms = until_ms;
    memcpy(old->successor, next->id, sizeof old->successor);
    return 0;
}

static int revoke_it(void *arg, const char *id, int64_t revoked_ms,
                     const struct admin_change *change, struct fault *fault)
{
    struct admin_shelf *shelf = arg;
    if (shelf->fails) {
        return refuse(fault);
    }
    shelved(shelf, id)->revoked_ms = revoked_ms;
    note(shelf, change);
    return 0;
}

static int used(void *arg, const char *id, int64_t used_ms, struct fault *fault)
{
    struct admin_shelf *shelf = arg;
    (void)fault;
    shelved(shelf, id)->last_used_ms = used_ms;
    shelf->uses++;
    return 0;
}

/* ---- the server ----------------------------------------------------------------------------- */

static bool on_ready(void *arg, const char **why)
{
    const struct admin_fixture *f = arg;
    *why = "the test says so";
    return f->is_ready;
}

static json_t *on_status(void *arg)
{
    (void)arg;
    return json_pack("{s:s}", "agent", "a test");
}

static void on_refused(void *arg, const struct admin_refusal *r)
{
    struct admin_fixture *f = arg;
    f->refusals++;
    snprintf(f->refused, sizeof f->refused, "%s %s %s %s %.100s", r->error->code, r->source,
             r->actor->name, r->method, r->path);
}

void admin_fixture_init(struct admin_fixture *f)
{
    *f = (struct admin_fixture){.dir = "/dev/shm/ffshm-admin-XXXXXX", .is_ready = true};
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent does */
    assert_non_null(mkdtemp(f->dir));
    f->base = event_base_new();
    assert_non_null(f->base);
    f->store = (struct admin_token_store){&f->shelf, load, add, rotate, revoke_it, used};
    f->options =
        (struct admin_options){.dir = f->dir, .tokens = &f->store, .refused = on_refused, .arg = f};
}

void admin_fixture_start(struct admin_fixture *f)
{
    struct fault fault = {0};
    f->server = admin_server_new(f->base, &f->options, &fault);
    assert_string_equal(fault.cause, "");
    assert_non_null(f->server);
    f->builtin = (struct admin_builtin){f->server, {f, on_ready, on_status}};
    assert_int_equal(admin_builtin_add(&f->builtin), 0);
    assert_int_equal(admin_server_add(f->server, routes, sizeof routes / sizeof *routes, f), 0);
    if (f->options.dir) {
        assert_int_equal(admin_server_listen_unix(f->server, &fault), 0);
    }
    if (f->options.address_count > 0) {
        const int result = admin_server_listen_tcp(f->server, &fault);
        assert_string_equal(fault.cause, "");
        assert_int_equal(result, 0);
    }
}

void admin_fixture_stop(struct admin_fixture *f)
{
    admin_server_free(f->server);
    f->server = NULL;
}

void admin_fixture_free(struct admin_fixture *f)
{
    admin_fixture_stop(f);
    event_base_free(f->base);
    for (size_t i = 0; i < f->shelf.count; i++) {
        json_decref(f->shelf.tokens[i].limits);
    }
    assert_int_equal(rmdir(f->dir), 0); /* the socket is gone */
}

/* ---- clients -------------------------------------------------------------------------------- */

static void turn(struct admin_fixture *f)
{
    const struct timespec pause = {0, 200000};
    assert_true(event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    nanosleep(&pause, NULL);
}

void admin_pass(struct admin_fixture *f, int ms)
{
    const int64_t end = now_ms() + ms;
    do {
        turn(f);
    } while (now_ms() < end);
}

int admin_connect(struct admin_fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/" ADMIN_SOCKET, f->dir);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int admin_connect_tcp(struct admin_fixture *f, size_t at)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((in_port_t)admin_server_port(f->server, at));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void admin_send(struct admin_fixture *f, int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        const ssize_t sent = send(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            turn(f);
        } else {
            return; /* closed: what was answered tells why */
        }
    }
}

/* More bytes; false: the end, or nothing until `end`. */
static bool more(struct admin_fixture *f, int fd, int64_t end, char **bytes, size_t *length)
{
    for (;;) {
        char buffer[65536];
        const ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got > 0) {
            *bytes = realloc(*bytes, *length + (size_t)got + 1);
            assert_non_null(*bytes);
            memcpy(*bytes + *length, buffer, (size_t)got);
            *length += (size_t)got;
            (*bytes)[*length] = '\0';
            return true;
        }
        if (got == 0 || errno != EAGAIN || now_ms() > end) {
            return false;
        }
        turn(f);
    }
}

/* One byte at a time: what belongs to the next answer stays in the socket. */
static bool read_head(struct admin_fixture *f, int fd, int64_t end, struct admin_reply *reply)
{
    size_t length = 0;
    char *text = calloc(1, 65536);
    assert_non_null(text);
    while (length < 65535) {
        const ssize_t got = recv(fd, text + length, 1, MSG_DONTWAIT);
        if (got == 1) {
            text[++length] = '\0';
            if (length > 4 && strcmp(text + length - 4, "\r\n\r\n") == 0) {
                break;
            }
        } else if (got == 0 || errno != EAGAIN || now_ms() > end) {
            free(text);
            return false;
        } else {
            turn(f);
        }
    }
    reply->head = text;
    reply->closed = strstr(text, "\r\nConnection: close\r\n") != NULL;
    assert_int_equal(sscanf(text, "HTTP/1.1 %u ", &reply->status), 1);
    return true;
}

static void read_exactly(struct admin_fixture *f, int fd, int64_t end, size_t wanted,
                         struct admin_reply *reply)
{
    reply->body = realloc(reply->body, reply->length + wanted + 1);
    assert_non_null(reply->body);
    const size_t whole = reply->length + wanted;
    while (reply->length < whole) {
        const ssize_t got =
            recv(fd, reply->body + reply->length, whole - reply->length, MSG_DONTWAIT);
        if (got > 0) {
            reply->length += (size_t)got;
        } else {
            assert_true(got < 0 && errno == EAGAIN && now_ms() < end);
            turn(f);
        }
    }
    reply->body[reply->length] = '\0';
}

static void read_chunked(struct admin_fixture *f, int fd, int64_t end, struct admin_reply *reply)
{
    unsigned size = 1;
    while (size > 0) {
        struct admin_reply line = {0};
        do {
            read_exactly(f, fd, end, 1, &line);
        } while (!strchr(line.body, '\n'));
        assert_int_equal(sscanf(line.body, "%x\r\n", &size), 1);
        free(line.body);
        struct admin_reply end_of_chunk = {0};
        read_exactly(f, fd, end, size, reply);
        read_exactly(f, fd, end, 2, &end_of_chunk);
        free(end_of_chunk.body);
    }
}

bool admin_receive(struct admin_fixture *f, int fd, bool head_only, int ms,
                   struct admin_reply *reply)
{
    const int64_t end = now_ms() + ms;
    *reply = (struct admin_reply){0};
    if (!read_head(f, fd, end, reply)) {
        return false;
    }
    const char *length = strstr(reply->head, "\r\nContent-Length: ");
    if (strncmp(reply->head, "HTTP/1.1 100", 12) == 0) {
        return true;
    }
    if (head_only || reply->status == 204 || reply->status == 304) {
        reply->body = calloc(1, 1);
    } else if (length) {
        read_exactly(f, fd, end, strtoul(length + 18, NULL, 10), reply);
    } else if (strstr(reply->head, "\r\nTransfer-Encoding: chunked\r\n")) {
        read_chunked(f, fd, end, reply);
    } else {
        while (more(f, fd, end, &reply->body, &reply->length)) {
        }
    }
    reply->json = reply->body ? json_loads(reply->body, 0, NULL) : NULL;
    return true;
}

void admin_reply_free(struct admin_reply *reply)
{
    json_decref(reply->json);
    free(reply->head);
    free(reply->body);
    *reply = (struct admin_reply){0};
}

bool admin_closed(struct admin_fixture *f, int fd, int ms)
{
    const int64_t end = now_ms() + ms;
    char *bytes = NULL;
    size_t length = 0;
    while (more(f, fd, end, &bytes, &length)) {
    }
    free(bytes);
    return recv(fd, &(char){0}, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN && errno != EINTR);
}

void admin_ask_raw(struct admin_fixture *f, const void *bytes, size_t length,
                   struct admin_reply *reply)
{
    const int fd = admin_connect(f);
    admin_send(f, fd, bytes, length);
    (void)shutdown(fd, SHUT_WR);
    const bool head_only = length > 5 && memcmp(bytes, "HEAD ", 5) == 0;
    (void)admin_receive(f, fd, head_only, PATIENCE_MS, reply);
    (void)close(fd);
}

/* "GET /x\nName: value\n\nbody". */
void admin_ask(struct admin_fixture *f, const char *request, struct admin_reply *reply)
{
    const char *line = strchr(request, '\n');
    const char *body = strstr(request, "\n\n");
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    const int first = line ? (int)(line - request) : (int)strlen(request);
    fprintf(out, "%.*s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", first, request);
    const char *end = body ? body + 1 : request + strlen(request);
    for (const char *at = line ? line + 1 : end; at < end;) {
        const size_t header = strcspn(at, "\n");
        fprintf(out, "%.*s\r\n", (int)header, at);
        at += header + 1;
    }
    if (body && body[2]) {
        fprintf(out, "Content-Length: %zu\r\n\r\n%s", strlen(body + 2), body + 2);
    } else {
        fprintf(out, "\r\n");
    }
    (void)fclose(out);
    admin_ask_raw(f, text, length, reply);
    free(text);
}

void admin_ask_tcp(struct admin_fixture *f, const char *method, const char *path, const char *token,
                   const char *body, struct admin_reply *reply)
{
    char text[4096];
    const int length =
        snprintf(text, sizeof text,
                 "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s%s%s"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 method, path, token ? "Authorization: Bearer " : "", token ? token : "",
                 token ? "\r\n" : "", body ? strlen(body) : 0, body ? body : "");
    const int fd = admin_connect_tcp(f, 0);
    admin_send(f, fd, text, (size_t)length);
    (void)admin_receive(f, fd, strcmp(method, "HEAD") == 0, PATIENCE_MS, reply);
    (void)close(fd);
}

const char *admin_member(const struct admin_reply *reply, const char *path)
{
    const json_t *at = reply->json;
    char copy[128];
    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *rest = copy, *name; (name = strsep(&rest, ".")) != NULL;) {
        at = json_object_get(at, name);
    }
    return json_is_string(at) ? json_string_value(at) : "";
}

char *admin_command(struct admin_fixture *f, const char *command, int *code)
{
    FILE *output = popen(command, "r");
    assert_non_null(output);
    const int fd = fileno(output);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    const int64_t end = now_ms() + PATIENCE_MS;
    char *text = calloc(1, 1);
    size_t length = 0;
    for (;;) {
        char buffer[4096];
        const ssize_t got = read(fd, buffer, sizeof buffer);
        if (got > 0) {
            text = realloc(text, length + (size_t)got + 1);
            assert_non_null(text);
            memcpy(text + length, buffer, (size_t)got);
            length += (size_t)got;
            text[length] = '\0';
        } else if (got == 0) {
            break;
        } else {
            assert_true(now_ms() < end);
            turn(f);
        }
    }
    const int status = pclose(output);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return text;
}
