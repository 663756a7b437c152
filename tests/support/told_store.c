#include "told_store.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *key;
    const char *json;
} flags[] = {
    {"on", "{\"version\":3,\"on\":true,\"variations\":[false,true],"
           "\"fallthrough\":{\"variation\":1}}"},
    {"off", "{\"version\":3,\"on\":false,\"variations\":[false,true],"
            "\"fallthrough\":{\"variation\":1}}"},
    {"text", "{\"version\":3,\"on\":true,\"variations\":[\"one\",\"two\"],"
             "\"fallthrough\":{\"variation\":0},\"rules\":[{\"id\":\"de\",\"variation\":1,"
             "\"clauses\":[{\"attribute\":\"country\",\"op\":\"in\",\"values\":[\"DE\"]}]}]}"},
    {"number", "{\"version\":3,\"on\":true,\"variations\":[7],\"fallthrough\":{\"variation\":0}}"},
    {"share", "{\"version\":3,\"on\":true,\"salt\":\"s\",\"variations\":[false,true],"
              "\"fallthrough\":{\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":50000},"
              "{\"variation\":1,\"weight\":50000}]}}}"},
    {"tracked", "{\"version\":3,\"on\":true,\"trackEvents\":true,\"variations\":[false,true],"
                "\"fallthrough\":{\"variation\":1}}"},
    {"quiet", "{\"version\":3,\"on\":true,\"trackEvents\":true,\"excludeFromSummaries\":true,"
              "\"variations\":[false,true],\"fallthrough\":{\"variation\":1}}"},
    {"needs", "{\"version\":3,\"on\":true,\"variations\":[false,true],\"offVariation\":0,"
              "\"prerequisites\":[{\"key\":\"tracked\",\"variation\":1}],"
              "\"fallthrough\":{\"variation\":1}}"},
    {"fails", "{\"version\":3,\"on\":true,\"variations\":[false,true],\"offVariation\":0,"
              "\"prerequisites\":[{\"key\":\"on\",\"variation\":0}],"
              "\"fallthrough\":{\"variation\":1}}"},
    {"broken", "{\"version\":3,\"on\":true,\"variations\":[false,true],"
               "\"fallthrough\":{\"variation\":9}}"},
};

void told_store_open(struct told_store *s)
{
    live_store_open(&s->live);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        live_store_put_text(&s->live, IMAGE_FLAG, flags[i].key, flags[i].json);
    }
    live_store_publish(&s->live);
    telemetry_desk_open(&s->desk, s->live.dir);
    telemetry_desk_window(&s->desk, 1, 1, true);
    s->ff = ffshm_open(s->live.dir, NULL);
    if (!s->ff) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
}

void told_store_close(struct told_store *s)
{
    ffshm_close(s->ff);
    telemetry_desk_close(&s->desk);
    live_store_close(&s->live);
}

void told_store_flag(struct told_store *s, const char *key, const char *json)
{
    live_store_put_text(&s->live, IMAGE_FLAG, key, json);
    live_store_publish(&s->live);
}
