#include "routes_snapshots.h"

#include "../admin/admin_answer.h"
#include "../log.h"
#include "../storage/storage_admin.h"
#include "routes_common.h"

#define LIMIT 100
#define LIMIT_MOST 1000

struct listing {
    const struct routes_snapshots *of;
    uint64_t current;
    json_t *items;
};

static json_t *entry(int64_t number)
{
    return number ? json_integer(number) : json_null();
}

/* Generations are names within a store: another one's files are gone. */
static int on_generation(void *arg, const struct storage_generation *g)
{
    const struct listing *l = arg;
    char text[LOG_GENERATION];
    const bool here = g->store == publisher_epoch(l->of->publisher);
    json_t *item =
        json_pack("{s:I, s:I, s:s, s:s, s:I, s:o, s:o, s:b, s:b}", "number", (json_int_t)g->number,
                  "generation", (json_int_t)g->generation, "generationText",
                  log_generation(g->generation, text), "digest", g->digest, "publishedMs",
                  (json_int_t)g->published_ms, "firstAudit", entry(g->first_audit), "lastAudit",
                  entry(g->first_audit ? g->last_audit : 0), "retained",
                  here && publisher_retains(l->of->publisher, g->generation), "current",
                  here && g->generation == l->current);
    return json_array_append_new(l->items, item);
}

static void list(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct routes_snapshots *r = arg;
    struct storage *s = state_file_storage(r->state);
    struct publisher_stats published;
    struct admin_error error = {0};
    struct fault fault = {0};
    int64_t limit = LIMIT;
    int64_t before = 0;
    if (admin_request_number(request, "limit", 1, LIMIT_MOST, &limit, &error) != 0 ||
        admin_request_number(request, "before", 1, INT64_MAX, &before, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    publisher_stats(r->publisher, &published);
    struct listing l = {r, published.generation, json_array()};
    fault_set(&fault, "", NULL, "out of memory"); /* unless there is another one */
    if (!l.items ||
        (s && storage_generation_list(s, before, (size_t)limit + 1, on_generation, &l, &fault))) {
        json_decref(l.items);
        routes_answer_storage(answer, &fault);
        return;
    }
    json_t *next = json_null();
    if (json_array_size(l.items) > (size_t)limit) { /* there are more */
        json_array_remove(l.items, (size_t)limit);
        const json_t *last = json_array_get(l.items, (size_t)limit - 1);
        next = json_incref(json_object_get(last, "number"));
    }
    admin_answer_json(answer, 200, json_pack("{s:o, s:o}", "items", l.items, "next", next));
}

static const struct admin_parameter_info list_parameters[] = {
    {"limit", "Snapshots in one answer: 1 to 1000; 100 when not given"},
    {"before", "The number that `next` has told: the snapshots older than that"},
    {NULL, NULL},
};

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/snapshots",
     .least = ADMIN_ROLE_VIEWER,
     .handler = list,
     .summary = "What was published when, and the audit entries that it came of; newest first",
     .parameters = list_parameters},
};

int routes_snapshots_add(struct routes_snapshots *r, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, r);
}
