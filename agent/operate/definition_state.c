#include "definition_state.h"

#include <stdlib.h>
#include <string.h>

#include "../log.h"

int definition_state_of(const struct storage_definition *row, struct definition_state *state,
                        struct fault *fault)
{
    *state = (struct definition_state){
        .version = row->version,
        .came = row->came,
        .changed_ms = row->changed_ms,
        .changed_by = strdup(row->changed_by),
        .reason = row->reason ? strdup(row->reason) : NULL,
        .audit = row->audit,
    };
    if (row->came != STORAGE_DELETED) {
        state->body = definition_body(row->kind, row->key, row->text, fault);
    }
    if (!state->changed_by || (row->reason && !state->reason)) {
        fault_set(fault, "", "give the agent more memory", "out of memory");
        return -1;
    }
    return state->body || row->came == STORAGE_DELETED ? 0 : -1;
}

void definition_state_free(struct definition_state *state)
{
    json_decref(state->body);
    free(state->changed_by);
    free(state->reason);
    *state = (struct definition_state){0};
}

struct asking {
    struct definition_state *state;
    struct fault *fault;
};

static int on_row(void *arg, const struct storage_definition *row)
{
    const struct asking *a = arg;
    return definition_state_of(row, a->state, a->fault);
}

int definition_state_get(struct storage *s, enum storage_kind kind, const char *key,
                         int64_t version, struct definition_state *state, struct fault *fault)
{
    struct asking a = {state, fault};
    *state = (struct definition_state){0};
    return s ? storage_definition_get(s, kind, key, version, on_row, &a, fault) : 0;
}

/* ---- all that is in force ------------------------------------------------------------------- */

static int load_one(struct definitions_kept *l, const struct storage_definition *row,
                    struct fault *fault)
{
    json_t *body = definition_body(row->kind, row->key, row->text, fault);
    struct model_item *item =
        body ? definition_lower(row->kind, row->key, body, row->version, row->changed_by, fault)
             : NULL;
    json_decref(body);
    if (!item) {
        return -1;
    }
    if (l->count == l->room) {
        const size_t room = l->room ? l->room * 2 : 256;
        struct model_item **more = realloc(l->items, room * sizeof(struct model_item *));
        if (!more) {
            fault_set(fault, "", "give the agent more memory", "out of memory");
            model_free(item);
            return -1;
        }
        l->items = more;
        l->room = room;
    }
    l->items[l->count++] = item;
    return 0;
}

static int on_stored(void *arg, const struct storage_definition *row)
{
    struct definitions_kept *l = arg;
    struct fault fault = {0};
    if (load_one(l, row, &fault) != 0) {
        l->ignored++;
        LOG_EVENT(LOG_LEVEL_ERROR, "definition-ignored", log_text("key", row->key),
                  log_number("version", row->version), log_text("member", fault.member),
                  log_text("cause", fault.cause), log_text("hint", fault.hint));
    }
    return 0;
}

static void on_damaged(void *arg, const char *key)
{
    struct definitions_kept *l = arg;
    l->ignored++;
    LOG_EVENT(LOG_LEVEL_ERROR, "definition-ignored", log_text("key", key),
              log_text("cause", "what is stored of it is damaged"),
              log_text("hint", "go back to a backup of the state file"));
}

int definitions_kept_load(struct storage *s, struct definitions_kept *kept)
{
    int result = 0;
    struct fault fault = {0};
    *kept = (struct definitions_kept){0};
    for (int kind = STORAGE_FLAG; kind <= STORAGE_SEGMENT; kind++) {
        const struct storage_definition_query query = {.kind = (enum storage_kind)kind,
                                                       .damaged = on_damaged};
        if (storage_definition_list(s, &query, on_stored, kept, &fault) != 0) {
            log_fault(LOG_LEVEL_ERROR, "definitions-not-loaded", &fault);
            result = -1;
        }
    }
    return result;
}
