/* Everything that is kept here, as one native document: what an import takes, and what a file of
   definitions is. */
#include "../operate/schedule.h"
#include "routes_common.h"
#include "routes_import.h"

struct exporting {
    const struct routes_definitions *d;
    const struct admin_request *request;
    json_t *all; /* of one section */
};

static int on_exported(void *arg, const struct storage_definition *row)
{
    struct exporting *x = arg;
    struct definition_state state;
    struct fault fault = {0};
    int result = 0;
    if (row->came != STORAGE_PUT) {
        return 0;
    }
    if (definition_state_of(row, &state, &fault) != 0) {
        result = -1;
    } else if (routes_may(x->request, row->key, json_object_get(state.body, "tags"))) {
        result = json_object_set_nocheck(x->all, row->key, state.body);
    }
    definition_state_free(&state);
    return result;
}

static int add_schedules(struct exporting *x, struct fault *fault)
{
    const char *key;
    json_t *body;
    json_object_foreach(x->all, key, body)
    {
        json_t *pending = schedule_pending(state_file_storage(x->d->operations.state), key, fault);
        if (!pending) {
            return -1;
        }
        if (json_array_size(pending) > 0) {
            json_object_set(body, "schedule", pending);
        }
        json_decref(pending);
    }
    return 0;
}

static int export_section(struct exporting *x, enum storage_kind kind, struct fault *fault)
{
    struct storage *s = state_file_storage(x->d->operations.state);
    const struct storage_definition_query query = {.kind = kind};
    if (!s) {
        return 0;
    }
    if (storage_definition_list(s, &query, on_exported, x, fault) != 0) {
        return -1;
    }
    return kind == STORAGE_FLAG ? add_schedules(x, fault) : 0;
}

static void export_document(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct fault fault = {0};
    struct exporting flags = {arg, request, json_object()};
    struct exporting segments = {arg, request, json_object()};
    if (export_section(&flags, STORAGE_FLAG, &fault) != 0 ||
        export_section(&segments, STORAGE_SEGMENT, &fault) != 0) {
        routes_answer_storage(answer, &fault);
    } else {
        admin_answer_json(
            answer, 200,
            json_pack("{s:i, s:O, s:O}", "ffshm", 1, "flags", flags.all, "segments", segments.all));
    }
    json_decref(flags.all);
    json_decref(segments.all);
}

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/export",
     .least = ADMIN_ROLE_VIEWER,
     .handler = export_document,
     .summary = "Every definition that is kept here and in force, as one native document"},
};

int routes_export_add(struct routes_definitions *d, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, d);
}
