/*
 * ctl_client.c - one request to the agent, and its errors in words.
 */
#include "ctl_client.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/admin_route.h"
#include "admin/admin_server.h"
#include "catalog/document.h"
#include "ctl_client_parts.h"
#include "ctl_files.h"
#include "ctl_output.h"
#include "ffshm.h"

#define CONNECT_S 5L
#define TOTAL_S 60L
#define LARGEST (64u << 20) /* bytes of an answer */
#define PAGE 1000           /* items of a list that are asked for at once */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---- the request ---------------------------------------------------------------------------- */

static int add_header(struct asking *a, const char *name, const char *value)
{
    char *line;
    if (strpbrk(value, "\r\n")) {
        return ctl_usage(a->ctl, "the value of %s must be one line", name);
    }
    if (asprintf(&line, "%s: %s", name, value) < 0) {
        return ctl_fail(a->ctl, "out of memory");
    }
    struct curl_slist *grown = curl_slist_append(a->headers, line);
    free(line);
    if (!grown) {
        return ctl_fail(a->ctl, "out of memory");
    }
    a->headers = grown;
    return CTL_OK;
}

static int add_headers(struct asking *a)
{
    const struct client_request *r = a->request;
    const char *token = variable("FFSHM_TOKEN");
    char text[CLIENT_ETAG + 8];
    int code = CTL_OK;
    if (token) {
        char bearer[512];
        snprintf(bearer, sizeof bearer, "Bearer %s", token);
        code = add_header(a, "Authorization", bearer);
    }
    if (code == CTL_OK && r->body) {
        code = add_header(a, "Content-Type", r->media ? r->media : "application/json");
    }
    if (code == CTL_OK && r->if_match) {
        snprintf(text, sizeof text, strcmp(r->if_match, "*") == 0 ? "%s" : "\"%s\"", r->if_match);
        code = add_header(a, "If-Match", text);
    }
    if (code == CTL_OK && r->must_be_new) {
        code = add_header(a, "If-None-Match", "*");
    }
    if (code == CTL_OK && r->reason) {
        code = add_header(a, "X-Reason", r->reason);
    }
    if (code == CTL_OK && r->last_event) {
        code = add_header(a, "Last-Event-ID", r->last_event);
    }
    return code == CTL_OK ? add_header(a, "Expect", "") : code;
}

/* Only this host sees what is sent to it in the clear. What is before an @ is no host. */
static bool is_safe(const char *url)
{
    const char *slashes = strstr(url, "://");
    const char *host = slashes ? slashes + 3 : url;
    if (memchr(host, '@', strcspn(host, "/?#"))) {
        return false;
    }
    static const char *const safe[] = {"https://", "http://127.0.0.1", "http://[::1]",
                                       "http://localhost"};
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++) {
        const size_t length = strlen(safe[i]);
        const char next = strlen(url) >= length ? url[length] : 'x';
        if (strncasecmp(url, safe[i], length) == 0 &&
            (i == 0 || next == ':' || next == '/' || next == '\0')) {
            return true;
        }
    }
    return false;
}

/* --dir says which one is meant. */
bool client_is_remote(const struct ctl *ctl)
{
    return variable("FFSHM_URL") && !ctl->dir;
}

static int choose_place(struct asking *a)
{
    a->url = client_is_remote(a->ctl) ? variable("FFSHM_URL") : NULL;
    if (a->url) {
        return is_safe(a->url) ? CTL_OK
                               : ctl_usage(a->ctl,
                                           "FFSHM_URL '%s': write https://HOST:PORT, or "
                                           "http://127.0.0.1:PORT for this host",
                                           a->url);
    }
    const char *dir = files_dir(a->ctl->dir);
    if ((size_t)snprintf(a->socket, sizeof a->socket, "%s/" ADMIN_SOCKET, dir) >=
        sizeof a->socket) {
        return ctl_fail(a->ctl, "%s/" ADMIN_SOCKET " is too long for a socket's path", dir);
    }
    return CTL_OK;
}

static int set_url(struct asking *a)
{
    const struct client_request *r = a->request;
    const char *base = a->url ? a->url : "http://agent";
    char *url;
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    if (asprintf(&url, "%.*s" ADMIN_ROOT "%s%s", (int)length, base, r->path,
                 !r->dry_run            ? ""
                 : strchr(r->path, '?') ? "&dryRun=true"
                                        : "?dryRun=true") < 0) {
        return ctl_fail(a->ctl, "out of memory");
    }
    const CURLcode code = curl_easy_setopt(a->easy, CURLOPT_URL, url);
    free(url);
    return code == CURLE_OK ? CTL_OK : ctl_fail(a->ctl, "out of memory");
}

size_t client_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct client_answer *answer = arg;
    const size_t length = size * count;
    char *grown = answer->length + length <= LARGEST
                      ? realloc(answer->text, answer->length + length + 1)
                      : NULL;
    if (!grown) {
        return 0;
    }
    answer->text = grown;
    memcpy(grown + answer->length, bytes, length);
    answer->length += length;
    grown[answer->length] = '\0';
    return length;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct asking *a = arg;
    const struct client_request *r = a->request;
    const size_t length = size * count;
    long status = 0;
    curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
    if (r->sink && status / 100 == 2) {
        a->stopped = !r->sink(r->sink_arg, bytes, length);
        return a->stopped ? 0 : length;
    }
    return client_bytes(bytes, size, count, a->answer);
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct client_answer *answer = arg;
    const size_t length = size * count;
    const char *quote =
        length > 5 && strncasecmp(line, "ETag:", 5) == 0 ? memchr(line, '"', length) : NULL;
    const size_t left = quote ? length - (size_t)(quote + 1 - line) : 0;
    const char *end = quote ? memchr(quote + 1, '"', left) : NULL;
    if (end && (size_t)(end - quote) <= sizeof answer->etag) {
        snprintf(answer->etag, sizeof answer->etag, "%.*s", (int)(end - quote - 1), quote + 1);
    }
    return length;
}

static int set_body(struct asking *a)
{
    size_t length;
    if (!a->request->body) {
        if (a->request->method && strcmp(a->request->method, "POST") == 0) {
            curl_easy_setopt(a->easy, CURLOPT_POSTFIELDS, "");
            curl_easy_setopt(a->easy, CURLOPT_POSTFIELDSIZE, 0L);
        }
        return CTL_OK;
    }
    a->body = document_dump(a->request->body, &length);
    if (!a->body) {
        return ctl_fail(a->ctl, "out of memory");
    }
    curl_easy_setopt(a->easy, CURLOPT_POSTFIELDS, a->body);
    curl_easy_setopt(a->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    return CTL_OK;
}

static void set_timeout(struct asking *a)
{
    const long seconds = a->request->timeout_s ? a->request->timeout_s : TOTAL_S;
    if (a->request->sink) { /* however long all of it is */
        curl_easy_setopt(a->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(a->easy, CURLOPT_LOW_SPEED_TIME, seconds);
    } else {
        curl_easy_setopt(a->easy, CURLOPT_TIMEOUT, seconds);
    }
}

int client_prepare(struct asking *a)
{
    a->easy = curl_easy_init();
    int code = a->easy ? choose_place(a) : ctl_fail(a->ctl, "out of memory");
    code = code == CTL_OK ? add_headers(a) : code;
    code = code == CTL_OK ? set_url(a) : code;
    code = code == CTL_OK ? set_body(a) : code;
    if (code != CTL_OK) {
        return code;
    }
    if (a->request->method) {
        curl_easy_setopt(a->easy, CURLOPT_CUSTOMREQUEST, a->request->method);
    }
    if (!a->url) {
        curl_easy_setopt(a->easy, CURLOPT_UNIX_SOCKET_PATH, a->socket);
    }
    if (variable("FFSHM_CA_FILE")) {
        curl_easy_setopt(a->easy, CURLOPT_CAINFO, variable("FFSHM_CA_FILE"));
    }
    curl_easy_setopt(a->easy, CURLOPT_PROXY, ""); /* the agent is not behind one */
    curl_easy_setopt(a->easy, CURLOPT_HTTPHEADER, a->headers);
    curl_easy_setopt(a->easy, CURLOPT_USERAGENT, "ffctl/" FFSHM_VERSION);
    curl_easy_setopt(a->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(a->easy, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(a->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(a->easy, CURLOPT_HEADERDATA, a->answer);
    curl_easy_setopt(a->easy, CURLOPT_ERRORBUFFER, a->error);
    curl_easy_setopt(a->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    set_timeout(a);
    curl_easy_setopt(a->easy, CURLOPT_NOSIGNAL, 1L);
    return CTL_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

int client_no_answer(const struct asking *a, CURLcode code)
{
    long error = 0;
    const char *why = a->error[0] ? a->error : curl_easy_strerror(code);
    curl_easy_getinfo(a->easy, CURLINFO_OS_ERRNO, &error);
    if (a->url) {
        return ctl_fail(a->ctl, "no answer from %s: %s", a->url, why);
    }
    if (code != CURLE_COULDNT_CONNECT) {
        return ctl_fail(a->ctl, "no answer on %s: %s", a->socket, why);
    }
    switch (error) {
    case ENOENT:
        return ctl_fail(a->ctl,
                        "no agent at %s: there is no such socket; start ffagent, or say which "
                        "store with --dir, or an agent elsewhere with FFSHM_URL",
                        a->socket);
    case ECONNREFUSED:
        return ctl_fail(a->ctl, "no agent at %s: nobody listens there any more; start ffagent",
                        a->socket);
    default:
        return ctl_fail(a->ctl, "cannot connect to %s: %s", a->socket,
                        error ? strerror((int)error) : why);
    }
}

int client_refused(const struct ctl *ctl, const struct client_answer *answer)
{
    const char *message = json_string_value(json_object_get(answer->json, "message"));
    message = message ? message : "an answer that is no error of ours";
    const json_t *line = json_object_get(json_object_get(answer->json, "details"), "line");
    if (json_is_integer(line)) {
        return ctl_fail(ctl, "%s (%ld, line %" JSON_INTEGER_FORMAT ")", message, answer->status,
                        json_integer_value(line));
    }
    return ctl_fail(ctl, "%s (%ld)", message, answer->status);
}

const char *client_code(const struct client_answer *answer)
{
    const char *code = json_string_value(json_object_get(answer->json, "code"));
    return code ? code : "";
}

static void parse(struct client_answer *answer)
{
    struct fault fault = {0};
    if (answer->text && answer->text[0] == '{') {
        answer->json = document_parse(answer->text, answer->length, "", &fault);
    }
}

int client_judge(struct asking *a)
{
    curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &a->answer->status);
    parse(a->answer);
    if (a->answer->status / 100 == 2) {
        return CTL_OK;
    }
    return a->request->quiet ? CTL_NEGATIVE : client_refused(a->ctl, a->answer);
}

int client_ask(const struct ctl *ctl, const struct client_request *request,
               struct client_answer *answer)
{
    struct asking a = {.ctl = ctl, .request = request, .answer = answer};
    *answer = (struct client_answer){0};
    int code = client_prepare(&a);
    if (code == CTL_OK) {
        const CURLcode result = curl_easy_perform(a.easy);
        if (a.stopped) {
            code = CTL_NEGATIVE;
        } else {
            code = result == CURLE_OK ? client_judge(&a) : client_no_answer(&a, result);
        }
    }
    client_done(&a);
    return code;
}

void client_done(struct asking *a)
{
    curl_easy_cleanup(a->easy);
    curl_slist_free_all(a->headers);
    free(a->body);
}

void client_free(struct client_answer *answer)
{
    json_decref(answer->json);
    free(answer->text);
    *answer = (struct client_answer){0};
}

/* The path of the page behind `after` (NULL: the first); malloc'ed, NULL: no memory. */
static char *page_path(const char *path, const char *after)
{
    char *whole = NULL;
    char *segment = client_segment(after ? after : "");
    if (segment && asprintf(&whole, "%s%climit=%d%s%s", path, strchr(path, '?') ? '&' : '?', PAGE,
                            after ? "&after=" : "", segment) < 0) {
        whole = NULL;
    }
    free(segment);
    return whole;
}

/* Puts a page's items into all. *after: where the next one begins, owned; NULL: it was the last. */
static int ask_page(const struct ctl *ctl, const char *path, json_t **after, json_t *all)
{
    struct client_answer page;
    char *whole = page_path(path, json_string_value(*after));
    json_decref(*after);
    *after = NULL;
    if (!whole) {
        return ctl_fail(ctl, "out of memory");
    }
    const struct client_request request = {.path = whole};
    int code = client_ask(ctl, &request, &page);
    free(whole);
    if (code == CTL_OK && json_array_extend(all, json_object_get(page.json, "items")) != 0) {
        code = ctl_fail(ctl, "the agent's answer is no list");
    } else if (code == CTL_OK && json_is_string(json_object_get(page.json, "next"))) {
        *after = json_incref(json_object_get(page.json, "next"));
    }
    client_free(&page);
    return code;
}

int client_list(const struct ctl *ctl, const char *path, json_t **list)
{
    json_t *all = json_array();
    json_t *after = NULL;
    int code;
    do {
        code = ask_page(ctl, path, &after, all);
    } while (code == CTL_OK && after);
    *list = code == CTL_OK ? json_pack("{s:O, s:n}", "items", all, "next") : NULL;
    json_decref(after);
    json_decref(all);
    return code;
}

void client_print(const struct client_answer *answer)
{
    output_json(answer->text ? answer->text : "", answer->length);
    output_text("\n");
}

void client_print_json(const json_t *value)
{
    char *text = document_dump(value, NULL);
    output_json(text ? text : "", text ? strlen(text) : 0);
    output_text("\n");
    free(text);
}

int client_show(const struct ctl *ctl, const char *path,
                void (*text)(const struct ctl *ctl, const json_t *body))
{
    const struct client_request request = {.path = path};
    struct client_answer answer;
    const int code = client_ask(ctl, &request, &answer);
    if (code == CTL_OK && ctl->json) {
        client_print(&answer);
    } else if (code == CTL_OK) {
        text(ctl, answer.json);
    }
    client_free(&answer);
    return code;
}

char *client_segment(const char *text)
{
    char *out = malloc(3 * strlen(text) + 1);
    char *at = out;
    for (; out && *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c)) {
            *at++ = (char)c;
        } else {
            at += sprintf(at, "%%%02X", (unsigned)c);
        }
    }
    if (out) {
        *at = '\0';
    }
    return out;
}

char *client_path(const char *before, const char *key, const char *after)
{
    char *path = NULL;
    char *segment = client_segment(key);
    if (segment && asprintf(&path, "%s%s%s", before, segment, after) < 0) {
        path = NULL;
    }
    free(segment);
    return path;
}
