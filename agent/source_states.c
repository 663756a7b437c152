#include "source_states.h"

#include <stdio.h>
#include <string.h>

void source_states_set(struct source_states *s, enum catalog_layer layer,
                       const struct source_state *told, uint64_t now_ms)
{
    struct source_states_one *one = &s->of[layer];
    if (one->state != told->state || one->since_ms == 0) {
        one->since_ms = now_ms;
    }
    one->expected = true;
    one->state = told->state;
    if (told->error != IMAGE_SOURCE_NO_ERROR) {
        one->error = told->error;
        one->error_status = told->error_status;
        one->error_ms = now_ms;
        snprintf(one->error_text, sizeof one->error_text, "%s",
                 told->error_text ? told->error_text : "");
    }
}

bool source_states_complete(const struct source_states *s)
{
    for (unsigned i = 0; i < CATALOG_LAYERS; i++) {
        if (s->of[i].expected && !s->of[i].loaded) {
            return false;
        }
    }
    return true;
}

/* Off is worse than interrupted, for nobody tries any more; and one that never had anything is
   worse than one that once had. */
static unsigned badness(enum image_source_state state)
{
    switch (state) {
    case IMAGE_SOURCE_VALID:
        return 0;
    case IMAGE_SOURCE_INTERRUPTED:
        return 1;
    case IMAGE_SOURCE_INITIALIZING:
        return 2;
    default:
        return 3;
    }
}

enum image_source_state source_states_all(const struct source_states *s,
                                          struct image_source_report *out)
{
    const struct source_states_one *worst = NULL;
    const struct source_states_one *newest = NULL; /* error */
    uint64_t data_ms = 0;
    for (unsigned i = 0; i < CATALOG_LAYERS; i++) {
        const struct source_states_one *one = &s->of[i];
        if (!one->expected) {
            continue;
        }
        worst = !worst || badness(one->state) > badness(worst->state) ? one : worst;
        newest = one->error_ms && (!newest || one->error_ms > newest->error_ms) ? one : newest;
        data_ms = one->data_ms ? one->data_ms : data_ms;
    }
    memset(out, 0, sizeof *out);
    out->since_ms = worst ? worst->since_ms : 0;
    out->data_ms = data_ms;
    if (newest) {
        out->error = (uint32_t)newest->error;
        out->error_status = newest->error_status;
        out->error_ms = newest->error_ms;
        memcpy(out->error_text, newest->error_text, sizeof out->error_text);
    }
    memcpy(out->environment_id, s->environment_id, sizeof out->environment_id);
    return worst ? worst->state : IMAGE_SOURCE_INITIALIZING;
}
