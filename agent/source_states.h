/*
 * source_states.h - how the sources fare, each for itself and all together as readers are told.
 */
#ifndef FFSHM_AGENT_SOURCE_STATES_H
#define FFSHM_AGENT_SOURCE_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "image.h"

/* What a source says of itself. */
struct source_state {
    enum image_source_state state;
    enum image_source_error error; /* of the last failure; NO_ERROR: nothing new about errors */
    int32_t error_status;          /* HTTP */
    const char *error_text;        /* one line, no secret */
};

/* One source, the one that fills a layer of the catalog. */
struct source_states_one {
    bool expected; /* there is such a source */
    bool loaded;   /* its whole content was here once */
    enum image_source_state state;
    uint64_t since_ms;
    uint64_t data_ms; /* see struct image_source_report */
    enum image_source_error error;
    int32_t error_status;
    uint64_t error_ms; /* 0: there was none */
    char error_text[200];
};

struct source_states {
    struct source_states_one of[CATALOG_LAYERS];
    char environment_id[72];
};

/* Times are CLOCK_REALTIME. */
void source_states_set(struct source_states *s, enum catalog_layer layer,
                       const struct source_state *told, uint64_t now_ms);

/* Has every source that is expected been here once? */
bool source_states_complete(const struct source_states *s);

/* The worst of the expected sources' states; since when; the newest error of all. Does not touch
   `sequence`. */
enum image_source_state source_states_all(const struct source_states *s,
                                          struct image_source_report *out);

#endif
