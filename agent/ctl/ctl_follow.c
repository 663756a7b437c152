/*
 * ctl_follow.c - the agent's server-sent events, as they come.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/document.h"
#include "ctl_client_parts.h"
#include "source/sse.h"

#define EVENT_MOST (4u << 20) /* bytes of one event */
#define LOOK_MS 1000          /* at what a signal's handler has set, where it came between */
#define SILENCE_MS 60000      /* the agent sends a comment at least every 15 s */

/* One stream. */
struct following {
    struct asking asking;
    const struct client_follower *follower;
    struct sse *sse;
    int64_t heard_ms;
    bool enough;
    bool began; /* it is a stream of events; else an answer */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool on_event(void *arg, const char *name, const char *data, size_t length)
{
    struct following *f = arg;
    struct fault fault = {0};
    json_t *json = document_parse(data, length, "", &fault);
    f->enough = !f->follower->event(f->follower->arg, name, json);
    json_decref(json);
    return !f->enough;
}

static size_t on_stream(char *bytes, size_t size, size_t count, void *arg)
{
    struct following *f = arg;
    long status = 0;
    f->heard_ms = now_ms();
    curl_easy_getinfo(f->asking.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        return client_bytes(bytes, size, count, f->asking.answer);
    }
    f->began = true;
    return sse_feed(f->sse, bytes, size * count) == SSE_MORE ? size * count : 0;
}

/* Until it ends, or is to. */
static CURLcode run(struct following *f, CURLM *multi)
{
    int running = 1;
    int left;
    f->heard_ms = now_ms();
    if (curl_multi_add_handle(multi, f->asking.easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    while (running && !*f->follower->stop && now_ms() - f->heard_ms < SILENCE_MS) {
        if (curl_multi_perform(multi, &running) != CURLM_OK) {
            break;
        }
        if (running) { /* a signal interrupts it */
            (void)curl_multi_poll(multi, NULL, 0, LOOK_MS, NULL);
        }
    }
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    const CURLcode code = message ? message->data.result : CURLE_OPERATION_TIMEDOUT;
    curl_multi_remove_handle(multi, f->asking.easy);
    return code;
}

static enum client_end judge(struct following *f, CURLcode code)
{
    struct asking *a = &f->asking;
    if (f->enough || *f->follower->stop) {
        return CLIENT_ENOUGH;
    }
    if (f->began) {
        return CLIENT_LOST;
    }
    if (code != CURLE_OK) {
        if (!f->follower->again) {
            client_no_answer(a, code);
        }
        return f->follower->again ? CLIENT_LOST : CLIENT_REFUSED;
    }
    curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &a->answer->status);
    if (a->answer->status == 503 && f->follower->again) {
        return CLIENT_LOST;
    }
    if (client_judge(a) == CTL_OK) { /* a stream that ended at once */
        return CLIENT_LOST;
    }
    return CLIENT_REFUSED;
}

enum client_end client_follow(const struct ctl *ctl, const struct client_request *request,
                              const struct client_follower *follower)
{
    struct client_answer answer = {0};
    struct following f = {.asking = {.ctl = ctl, .request = request, .answer = &answer},
                          .follower = follower};
    const struct sse_handler handler = {on_event, NULL, &f};
    enum client_end end = CLIENT_REFUSED;
    CURLM *multi = curl_multi_init();
    f.sse = sse_new(EVENT_MOST, &handler);
    if (!multi || !f.sse) {
        ctl_fail(ctl, "out of memory");
    } else if (client_prepare(&f.asking) == CTL_OK) {
        sse_begin(f.sse);
        curl_easy_setopt(f.asking.easy, CURLOPT_WRITEFUNCTION, on_stream);
        curl_easy_setopt(f.asking.easy, CURLOPT_WRITEDATA, &f);
        curl_easy_setopt(f.asking.easy, CURLOPT_TIMEOUT, 0L);
        end = judge(&f, run(&f, multi));
    }
    client_done(&f.asking);
    curl_multi_cleanup(multi);
    sse_free(f.sse);
    client_free(&answer);
    return end;
}
