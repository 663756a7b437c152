#include "routes_rates.h"

#include <errno.h>
#include <time.h>

#include "../admin/admin_answer.h"
#include "../collect/rates_json.h"
#include "evaluate_limits.h"

#define KEPT_S 30    /* after the last question: who looks on asks every few seconds */
#define APART_MS 100 /* two samples, however many ask */

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void let_go(evutil_socket_t fd, short what, void *arg)
{
    struct routes_rates *const r = arg;
    (void)fd, (void)what;
    rates_free(r->rates);
    r->rates = NULL;
}

/* Counting begins with the first question. */
static int begin(struct routes_rates *r, struct admin_error *error)
{
    struct fault fault = {0};
    int why;
    r->rates = rates_open(r->store->dir, &why, &fault);
    r->since_ms = clock_ms(CLOCK_REALTIME);
    r->sampled_ms = clock_ms(CLOCK_MONOTONIC);
    if (r->rates) {
        return 0;
    }
    return why == ENOENT ? admin_error_set(error, 503, "not_collected", NULL,
                                           "it does unless events.enabled is false",
                                           "the agent does not collect what programs evaluate")
                         : admin_error_set(error, 503, "not_readable", NULL, NULL,
                                           "what programs tell cannot be read: %s", fault.cause);
}

static int sample(struct routes_rates *r, struct admin_error *error)
{
    const struct timeval after = {KEPT_S, 0};
    const int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    if (!r->timer) {
        r->timer = evtimer_new(r->store->base, let_go, r);
    }
    if (!r->timer || event_add(r->timer, &after) != 0) {
        return admin_error_set(error, 503, "no_memory", NULL, NULL, "out of memory");
    }
    if (!r->rates) {
        return begin(r, error);
    }
    if (now_ms - r->sampled_ms >= APART_MS) {
        rates_sample(r->rates);
        r->sampled_ms = now_ms;
    }
    return 0;
}

static bool shows(void *arg, const struct ffshm_view *view, const char *key)
{
    return limits_show_key(arg, view, key);
}

static bool is_collecting(struct ffshm *store)
{
    struct ffshm_status status;
    ffshm_status(store, &status);
    return status.telemetry;
}

static void tell(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct routes_rates *const r = arg;
    struct admin_error error = {0};
    struct ffshm_view view = {NULL, NULL};
    if (sample(r, &error) != 0 || evaluate_store_pin(r->store, NULL, &view, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    const struct rates_filter filter = {
        .prefix = admin_request_parameter(request, "prefix"),
        .shows = request->actor->limits ? shows : NULL,
        .arg = (void *)(uintptr_t)request->actor,
    };
    json_t *const body = rates_json(r->rates, &view, &filter);
    json_object_set_new(body, "sinceMs", json_integer(r->since_ms));
    json_object_set_new(body, "collecting", json_boolean(is_collecting(view.store)));
    ffshm_unpin(&view);
    admin_answer_json(answer, 200, body);
}

static const struct admin_parameter_info parameters[] = {
    {"prefix", "Only of flags whose keys begin with it"},
    {NULL, NULL},
};

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/rates",
     .least = ADMIN_ROLE_VIEWER,
     .handler = tell,
     .summary = "How often each flag was evaluated since `sinceMs`, when somebody first asked: ask "
                "again, and the difference by that of elapsedMs is the rate",
     .parameters = parameters},
};

int routes_rates_add(struct routes_rates *r, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, r);
}

void routes_rates_close(struct routes_rates *r)
{
    if (r->timer) {
        event_free(r->timer);
        r->timer = NULL;
    }
    rates_free(r->rates);
    r->rates = NULL;
}
