#include "routes_fleet.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/admin_answer.h"
#include "../admin/admin_later.h"
#include "../collect/rates_json.h"

/* A question whose answer comes from Redis. */
struct question {
    struct routes_fleet *routes;
    struct admin_later *later;
    char *prefix; /* of flags; NULL: all */
    json_t *rates;
};

static void question_free(struct question *q)
{
    json_decref(q->rates);
    free(q->prefix);
    free(q);
}

static void on_gone(void *arg)
{
    struct question *q = arg;
    fleet_sums_forget(q->routes->sums, q);
    fleet_hosts_forget(q->routes->hosts, q);
    question_free(q);
}

static void refuse(struct admin_answer *answer, const struct fault *fault)
{
    struct admin_error error = {0};
    admin_error_set(&error, 503, "fleet_unknown", NULL, fault->hint[0] ? fault->hint : NULL,
                    "the fleet cannot be asked: %s", fault->cause);
    admin_answer_error(answer, &error);
}

static void answer(struct question *q, json_t *body, const struct fault *fault)
{
    if (fault) {
        refuse(admin_later_answer(q->later), fault);
    } else {
        admin_answer_json(admin_later_answer(q->later), 200, body);
    }
    admin_later_end(q->later);
    question_free(q);
}

static struct question *begin(struct routes_fleet *r, struct admin_answer *to)
{
    if (!r->hosts) {
        struct admin_error error = {0};
        admin_error_set(&error, 503, "no_fleet", NULL,
                        "it is with the setting storage: redis, or the URL of a Redis",
                        "this host is not one of a fleet");
        admin_answer_error(to, &error);
        return NULL;
    }
    struct question *q = calloc(1, sizeof *q);
    if (!q) {
        admin_answer_refuse(to, 503, "no_memory", "out of memory");
        return NULL;
    }
    q->routes = r;
    return q;
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is_silent(const json_t *host)
{
    return json_is_true(json_object_get(host, "silent"));
}

/* The digest that most hosts serve, of those that are heard; NULL: none is. */
static const char *most_common(const json_t *hosts)
{
    json_t *counts = json_object();
    const char *best = NULL;
    json_int_t most = 0;
    size_t at;
    const json_t *host;
    json_array_foreach(hosts, at, host)
    {
        const char *digest = text_of(host, "digest");
        const json_int_t count = json_integer_value(json_object_get(counts, digest)) + 1;
        if (is_silent(host) || !*digest) {
            continue;
        }
        json_object_set_new(counts, digest, json_integer(count));
        if (count > most || (best && count == most && strcmp(digest, best) < 0)) {
            most = count;
            best = digest;
        }
    }
    json_decref(counts);
    return best;
}

static int by_name(const void *a, const void *b)
{
    const json_t *one = *(json_t *const *)a;
    const json_t *other = *(json_t *const *)b;
    const int order = strcmp(text_of(one, "name"), text_of(other, "name"));
    return order ? order : strcmp(text_of(one, "id"), text_of(other, "id"));
}

static json_t *sorted(const json_t *hosts)
{
    const size_t count = json_array_size(hosts);
    json_t **items = calloc(count + 1, sizeof(json_t *));
    json_t *list = items ? json_array() : NULL;
    for (size_t i = 0; items && i < count; i++) {
        items[i] = json_array_get(hosts, i);
    }
    if (items && count > 1) {
        qsort(items, count, sizeof(json_t *), by_name);
    }
    for (size_t i = 0; list && i < count; i++) {
        json_array_append(list, items[i]);
    }
    free(items);
    return list;
}

/* Marked: does it serve what most do? */
static void tell_hosts(void *arg, json_t *hosts, const struct fault *fault)
{
    const char *digest = fault ? NULL : most_common(hosts);
    json_int_t silent = 0;
    json_int_t differing = 0;
    size_t at;
    json_t *host;
    json_array_foreach(hosts, at, host)
    {
        const bool same = digest && strcmp(text_of(host, "digest"), digest) == 0;
        json_object_set_new(host, "same", json_boolean(same));
        silent += is_silent(host);
        differing += !same && !is_silent(host);
    }
    answer(arg,
           fault ? NULL
                 : json_pack("{s:o, s:o, s:I, s:I}", "items", sorted(hosts), "digest",
                             digest ? json_string(digest) : json_null(), "differing", differing,
                             "silent", silent),
           fault);
}

static void ask_hosts(struct routes_fleet *r, struct admin_answer *to, bool readers)
{
    struct fault fault = {0};
    struct question *q = begin(r, to);
    if (!q) {
        return;
    }
    if (fleet_hosts_ask(r->hosts, readers, tell_hosts, q, &fault) != 0) {
        refuse(to, &fault);
        question_free(q);
        return;
    }
    q->later = admin_later_begin(to, on_gone, q);
    if (!q->later) { /* answered: no memory */
        fleet_hosts_forget(r->hosts, q);
        question_free(q);
    }
}

static void get_hosts(void *arg, struct admin_request *request, struct admin_answer *to)
{
    (void)request;
    ask_hosts(arg, to, false);
}

static void get_readers(void *arg, struct admin_request *request, struct admin_answer *to)
{
    if (admin_answer_unlimited(to, request)) {
        ask_hosts(arg, to, true);
    }
}

/* ---- rates ---------------------------------------------------------------------------------- */

/* The totals as rates.h has them. NULL: no memory. */
static struct rates *rates_of(const struct fleet_cells *cells)
{
    struct rates *rates = rates_empty();
    const struct fleet_cell *cell;
    size_t at = 0;
    int64_t variation;
    bool unknown;
    while (rates && (cell = fleet_cells_next(cells, &at))) {
        const char *key = fleet_cell_key(cell->name, &variation, &unknown);
        if (key) {
            rates_add(rates, key, variation, unknown, cell->count);
        }
    }
    return rates;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Of the hosts that are heard: how many, and how many programs of theirs are counted. */
static void tell_rates(void *arg, json_t *hosts, const struct fault *fault)
{
    struct question *q = arg;
    json_int_t processes = 0;
    json_int_t heard = 0;
    size_t at;
    const json_t *host;
    json_array_foreach(hosts, at, host)
    {
        if (!is_silent(host)) {
            heard++;
            processes += json_integer_value(json_object_get(host, "processes"));
        }
    }
    json_object_set_new(q->rates, "hosts", json_integer(heard));
    json_object_set_new(q->rates, "processes", json_integer(processes));
    answer(q, fault ? NULL : json_incref(q->rates), fault);
}

static void take_sums(void *arg, const struct fleet_cells *cells, int64_t since_ms,
                      const struct fault *fault)
{
    struct question *q = arg;
    struct ffshm_view view = {NULL, NULL};
    struct admin_error error = {0};
    struct fault asked = {0};
    if (fault) {
        answer(q, NULL, fault);
        return;
    }
    if (evaluate_store_pin(q->routes->store, NULL, &view, &error) != 0) {
        admin_answer_error(admin_later_answer(q->later), &error);
        admin_later_end(q->later);
        question_free(q);
        return;
    }
    struct rates *rates = rates_of(cells);
    const struct rates_filter filter = {.prefix = q->prefix};
    q->rates = rates ? rates_json(rates, &view, &filter) : NULL;
    rates_free(rates);
    ffshm_unpin(&view);
    json_object_set_new(q->rates, "sinceMs", json_integer(since_ms));
    json_object_set_new(q->rates, "elapsedMs", json_integer(now_ms() - since_ms));
    if (!q->rates) {
        answer(q, NULL, NULL); /* told as no memory */
    } else if (fleet_hosts_ask(q->routes->hosts, false, tell_rates, q, &asked) != 0) {
        answer(q, NULL, &asked);
    }
}

static void get_rates(void *arg, struct admin_request *request, struct admin_answer *to)
{
    struct routes_fleet *r = arg;
    struct fault fault = {0};
    const char *prefix = admin_request_parameter(request, "prefix");
    struct question *q = admin_answer_unlimited(to, request) ? begin(r, to) : NULL;
    if (!q) {
        return;
    }
    q->prefix = prefix ? strdup(prefix) : NULL;
    if (prefix && !q->prefix) {
        fault_set(&fault, "", "", "out of memory");
    } else if (fleet_sums_ask(r->sums, take_sums, q, &fault) == 0) {
        q->later = admin_later_begin(to, on_gone, q);
        if (q->later) {
            return;
        }
        fleet_sums_forget(r->sums, q); /* answered: no memory */
        question_free(q);
        return;
    }
    refuse(to, &fault);
    question_free(q);
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct admin_parameter_info parameters[] = {
    {"prefix", "Only of flags whose keys begin with it"},
    {NULL, NULL},
};

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/fleet/hosts",
     .least = ADMIN_ROLE_VIEWER,
     .handler = get_hosts,
     .summary = "The hosts of the fleet that were heard in the last day, and which of them serve "
                "what most of them do"},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/fleet/rates",
     .least = ADMIN_ROLE_VIEWER,
     .handler = get_rates,
     .summary = "How often each flag was evaluated on all hosts since `sinceMs`, the minute in "
                "which somebody first asked: ask again, and the difference by that of elapsedMs is "
                "the rate",
     .parameters = parameters},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/fleet/readers",
     .least = ADMIN_ROLE_VIEWER,
     .handler = get_readers,
     .summary = "The same as /fleet/hosts, and the processes that read there; hosts are asked, and "
                "answer within some seconds"},
};

int routes_fleet_add(struct routes_fleet *r, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, r);
}
