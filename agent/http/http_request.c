/* One request: the options of its curl handle, what it hears, and what its end means. */
#include "http_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 10000
#define REDIRECTS_MOST 10L
#define HEADERS_MOST (256u << 10) /* bytes, of all responses that led to the last one */
/* Finds a peer that vanished without a word where no idle timeout does. */
#define KEEPALIVE_IDLE_S 60L
#define KEEPALIVE_INTERVAL_S 30L

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what it hears ------------------------------------------------------------------------ */

static long status_of(const struct http_request *r)
{
    long status = 0;
    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* At the empty line after headers: are they those of the last response? */
static bool is_last(const struct http_request *r)
{
    const long status = status_of(r);
    return status >= 200 && !(r->follows && r->redirected && status >= 300 && status < 400);
}

void http_request_tell_head(struct http_request *r)
{
    if (!r->head_told) {
        r->head_told = true;
        if (r->handler.head != NULL) {
            r->handler.head(r->handler.arg, r, status_of(r));
        }
    }
}

static bool line_begins(const char *bytes, size_t length, const char *with)
{
    return length >= strlen(with) && strncasecmp(bytes, with, strlen(with)) == 0;
}

/* CURLOPT_HEADERFUNCTION: one line. */
static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_request *r = arg;
    const size_t length = size * count;
    if (r->progress != HTTP_RUNNING) {
        return 0;
    }
    r->heard_ms = clock_ms();
    r->header_bytes += length;
    if (r->header_bytes > HEADERS_MOST) {
        r->stopped = "the response's headers are larger than 256 KiB";
        return 0;
    }
    if (line_begins(bytes, length, "HTTP/")) {
        r->redirected = false;
        r->whole_head = false;
    } else if (line_begins(bytes, length, "Location:")) {
        r->redirected = true;
    } else if (length > 0 && (bytes[0] == '\r' || bytes[0] == '\n')) {
        r->whole_head = true;
        if (is_last(r)) {
            http_request_tell_head(r);
        }
    }
    return r->progress == HTTP_RUNNING ? length : 0;
}

/* CURLOPT_WRITEFUNCTION: decoded bytes of the last response. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_request *r = arg;
    const size_t length = size * count;
    if (r->progress != HTTP_RUNNING) {
        return 0;
    }
    r->heard_ms = clock_ms();
    http_request_tell_head(r);
    r->body_bytes += length;
    if (r->most_bytes != 0 && r->body_bytes > r->most_bytes) {
        (void)snprintf(r->text, sizeof r->text, "the response is larger than %llu bytes",
                       (unsigned long long)r->most_bytes);
        r->stopped = r->text;
        return 0;
    }
    if (r->handler.data != NULL && !r->handler.data(r->handler.arg, bytes, length)) {
        r->stopped = "stopped";
        return 0;
    }
    return r->progress == HTTP_RUNNING ? length : 0;
}

int64_t http_request_patience(struct http_request *r)
{
    /* Bytes that make no whole header line, or that are not yet decoded, or are sent, count too. */
    curl_off_t down = 0;
    curl_off_t up = 0;
    (void)curl_easy_getinfo(r->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    (void)curl_easy_getinfo(r->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    const int64_t now = clock_ms();
    if (down + up != r->moved) {
        r->moved = down + up;
        if (r->heard_ms + r->idle_ms <= now) {
            r->heard_ms = now;
        }
    }
    return r->heard_ms + r->idle_ms - now;
}

/* ---- its end ------------------------------------------------------------------------------ */

static enum http_outcome outcome_of(const struct http_request *r, CURLcode code)
{
    if (r->stopped != NULL) {
        return HTTP_STOPPED;
    }
    switch (code) {
    case CURLE_OK: /* it also says so of headers that are cut off */
        return r->whole_head ? HTTP_DONE : HTTP_NETWORK;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CRL_BADFILE:
        return HTTP_CERTIFICATE;
    default:
        return HTTP_NETWORK;
    }
}

/* Is the user information of this URL, as written or decoded, in the text? */
static bool tells_user(const char *text, const char *url)
{
    static const CURLUPart parts[] = {CURLUPART_USER, CURLUPART_PASSWORD};
    CURLU *parsed = curl_url();
    bool tells = parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url,
                                                CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) != 0;
    for (size_t i = 0; !tells && i < 4; i++) {
        char *part = NULL;
        (void)curl_url_get(parsed, parts[i / 2], &part, i % 2 == 0 ? 0 : CURLU_URLDECODE);
        tells = part != NULL && part[0] != '\0' && strstr(text, part) != NULL;
        curl_free(part);
    }
    curl_url_cleanup(parsed);
    return tells;
}

/* curl's own words may quote the URL, or what a peer sent: keeps neither secrets nor control
   characters. */
static const char *describe(struct http_request *r, CURLcode code)
{
    const char *url = NULL;
    (void)curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
    const char *words = r->error[0] != '\0' ? r->error : curl_easy_strerror(code);
    if ((url != NULL && strchr(url, '@') != NULL && tells_user(words, url)) ||
        (r->http->proxy != NULL && strchr(r->http->proxy, '@') != NULL &&
         tells_user(words, r->http->proxy))) {
        words = curl_easy_strerror(code);
    }
    (void)snprintf(r->text, sizeof r->text, "%s", words);
    for (char *c = r->text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    return r->text;
}

void http_request_result(struct http_request *r, CURLcode code, struct http_result *result)
{
    *result = (struct http_result){.outcome = outcome_of(r, code), .error = ""};
    result->status = status_of(r);
    if (r->fault != NULL) {
        result->error = r->fault;
    } else if (r->stopped != NULL) {
        result->error = r->stopped;
    } else if (r->silent) {
        (void)snprintf(r->text, sizeof r->text, "not a byte for %lld ms", (long long)r->idle_ms);
        result->error = r->text;
    } else if (code == CURLE_OK && !r->whole_head) {
        result->error = "the connection ended in the middle of the headers";
    } else if (code != CURLE_OK) {
        result->error = describe(r, code);
    }
}

/* ---- its options -------------------------------------------------------------------------- */

/* A macro: the value's type is the option's. */
#define SET(r, option, value) (curl_easy_setopt((r)->easy, (option), (value)) == CURLE_OK)

static bool set_protocols(struct http_request *r, const char *url)
{
    /* What was asked for under TLS is not fetched without it because somebody redirects there. */
    const bool secure = strncasecmp(url, "https:", 6) == 0;
#if LIBCURL_VERSION_NUM >= 0x075500
    return SET(r, CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(r, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
    return SET(r, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) &&
           SET(r, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTPS | (secure ? 0 : CURLPROTO_HTTP)));
#endif
}

/* Cancelling must not wait for a resolver's thread, which ends by itself. */
static bool set_quick(struct http_request *r)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    return SET(r, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)r;
    return true;
#endif
}

static bool set_transport(struct http_request *r, const struct http_spec *spec)
{
    const struct http *http = r->http;
    const int64_t connect =
        spec->connect_timeout_ms > 0 ? spec->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    const long fresh = spec->fresh_connection;
    return set_protocols(r, spec->url) && set_quick(r) && SET(r, CURLOPT_NOSIGNAL, 1L) &&
           SET(r, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(r, CURLOPT_CONNECTTIMEOUT_MS, (long)connect) &&
           SET(r, CURLOPT_TIMEOUT_MS, (long)spec->total_timeout_ms) &&
           SET(r, CURLOPT_TCP_KEEPALIVE, 1L) && SET(r, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S) &&
           SET(r, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) &&
           SET(r, CURLOPT_FRESH_CONNECT, fresh) && SET(r, CURLOPT_FORBID_REUSE, fresh) &&
           SET(r, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
           /* The one that was named is for everything; the environment's has its exceptions. */
           (http->proxy == NULL ||
            (SET(r, CURLOPT_PROXY, http->proxy) && SET(r, CURLOPT_NOPROXY, "")));
}

static bool set_trust(struct http_request *r)
{
    const struct http *http = r->http;
    const bool verify = !http->skip_verify;
    return SET(r, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SET(r, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) &&
           SET(r, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) &&
           (http->ca_file == NULL ||
            (SET(r, CURLOPT_CAINFO, http->ca_file) && SET(r, CURLOPT_CAPATH, (const char *)NULL)));
}

static bool set_method(struct http_request *r, const struct http_spec *spec)
{
    const bool get = strcmp(spec->method, "GET") == 0;
    const bool post = strcmp(spec->method, "POST") == 0;
    if (spec->body != NULL || post) {
        const void *body = spec->body != NULL ? spec->body : "";
        if (!SET(r, CURLOPT_POST, 1L) || !SET(r, CURLOPT_POSTFIELDS, (const char *)body) ||
            !SET(r, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body_length)) {
            return false;
        }
    }
    r->follows = get;
    /* curl sends a custom Authorization to the first host only (and port, and scheme). */
    return (post || (get && spec->body == NULL) || SET(r, CURLOPT_CUSTOMREQUEST, spec->method)) &&
           SET(r, CURLOPT_FOLLOWLOCATION, get ? 1L : 0L) &&
           SET(r, CURLOPT_MAXREDIRS, REDIRECTS_MOST);
}

static bool add_header(struct http_request *r, const char *line)
{
    if (strpbrk(line, "\r\n") != NULL) {
        r->fault = "a header contains a line break";
        return true;
    }
    struct curl_slist *grown = curl_slist_append(r->headers, line);
    if (grown == NULL) {
        return false;
    }
    r->headers = grown;
    return true;
}

static bool set_headers(struct http_request *r, const struct http_spec *spec)
{
    /* Or curl waits up to a second for leave to send a body. */
    if (!add_header(r, "Expect:")) {
        return false;
    }
    for (size_t i = 0; spec->headers != NULL && spec->headers[i] != NULL; i++) {
        if (!add_header(r, spec->headers[i])) {
            return false;
        }
    }
    return SET(r, CURLOPT_HTTPHEADER, r->headers) &&
           (r->http->user_agent == NULL || SET(r, CURLOPT_USERAGENT, r->http->user_agent)) &&
           (!spec->accept_gzip || SET(r, CURLOPT_ACCEPT_ENCODING, "gzip"));
}

static bool set_callbacks(struct http_request *r)
{
    return SET(r, CURLOPT_PRIVATE, r) && SET(r, CURLOPT_ERRORBUFFER, r->error) &&
           SET(r, CURLOPT_HEADERFUNCTION, on_header) && SET(r, CURLOPT_HEADERDATA, r) &&
           SET(r, CURLOPT_WRITEFUNCTION, on_body) && SET(r, CURLOPT_WRITEDATA, r);
}

struct http_request *http_request_new(struct http *http, const struct http_spec *spec,
                                      const struct http_handler *handler)
{
    struct http_request *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->http = http;
    r->handler = *handler;
    r->idle_ms = spec->idle_timeout_ms;
    r->most_bytes = spec->most_bytes;
    r->heard_ms = clock_ms();
    r->easy = curl_easy_init();
    if (r->easy == NULL || !SET(r, CURLOPT_URL, spec->url) || !set_callbacks(r) ||
        !set_transport(r, spec) || !set_trust(r) || !set_method(r, spec) || !set_headers(r, spec)) {
        http_request_free(r);
        return NULL;
    }
    return r;
}

void http_request_free(struct http_request *request)
{
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    if (request->idle != NULL) {
        event_free(request->idle);
    }
    free(request);
}
