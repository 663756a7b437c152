#include "whole_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS 4
#define SEGMENTS 1

static const struct {
    const char *key;
    const char *text;
} things[FLAGS + SEGMENTS] = {
    {"gate", "{\"version\":3,\"on\":true,\"salt\":\"\",\"variations\":[false,true],"
             "\"offVariation\":0,\"fallthrough\":{\"variation\":1}}"},
    {"shop",
     "{\"version\":7,\"on\":true,\"salt\":\"s\",\"variations\":[\"red\",\"green\",1],"
     "\"offVariation\":0,\"prerequisites\":[{\"key\":\"gate\",\"variation\":1}],\"rules\":[{"
     "\"id\":\"r\",\"variation\":1,\"clauses\":[{\"attribute\":\"\",\"op\":\"segmentMatch\","
     "\"values\":[\"payers\"]}]}],\"fallthrough\":{\"variation\":2},"
     "\"ffshm\":{\"tags\":[\"web\"]}}"},
    {"number",
     "{\"version\":1,\"on\":true,\"variations\":[2.75],\"fallthrough\":{\"variation\":0}}"},
    {"dark", "{\"version\":2,\"on\":false,\"variations\":[1],\"fallthrough\":{\"variation\":0}}"},
    {"payers", "{\"version\":2,\"salt\":\"s\",\"included\":[\"u1\"],\"rules\":[]}"},
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "whole_api: %s\n", what);
    exit(1);
}

static void load(struct pipeline *p)
{
    struct model_item *items[FLAGS + SEGMENTS];
    struct fault fault = {0};
    for (size_t i = 0; i < FLAGS + SEGMENTS; i++) {
        json_t *json = json_loads(things[i].text, 0, NULL);
        items[i] = model_parse(i < FLAGS ? IMAGE_FLAG : IMAGE_SEGMENT, things[i].key, json, "test",
                               &fault);
        json_decref(json);
        if (!items[i]) {
            give_up(things[i].key);
        }
    }
    pipeline_expect(p, CATALOG_FILE);
    if (pipeline_replace(p, CATALOG_FILE, items, FLAGS + SEGMENTS) != 0 ||
        pipeline_publish(p) != 0) {
        give_up("the flags cannot be published");
    }
}

static void configure(struct config *c, char *dir)
{
    char words[][12] = {"ffagent", "--config", "/dev/null", "--dir"};
    char *const arguments[] = {words[0], words[1], words[2], words[3], dir, NULL};
    if (config_load(c, 5, arguments) != 0) {
        config_print_problems(c, stderr);
        give_up("the configuration is wrong");
    }
}

void whole_api_open(struct whole_api *w)
{
    memset(w, 0, sizeof *w);
    log_setup(LOG_LEVEL_ERROR);
    w->base = event_base_new();
    live_store_open(&w->store);
    configure(&w->config, w->store.dir);
    w->state.path = ":memory:";
    w->pipeline = pipeline_new(w->base, w->store.publisher, NULL, NULL);
    const struct operations operations = {w->pipeline, w->store.publisher, &w->state};
    w->overrides = override_keeper_new(w->base, &operations);
    w->definitions = definition_keeper_new(&operations);
    w->schedules = schedule_keeper_new(w->base, &operations, w->definitions);
    const struct admin_api_agent agent = {
        .config = &w->config,
        .pipeline = w->pipeline,
        .publisher = w->store.publisher,
        .state = &w->state,
        .overrides = w->overrides,
        .definitions = w->definitions,
        .schedules = w->schedules,
    };
    w->api = admin_api_new(w->base, &agent);
    if (!w->api) {
        give_up("there is no API");
    }
    w->server = admin_api_server(w->api);
    load(w->pipeline);
    schedule_keeper_start(w->schedules);
}

void whole_api_close(struct whole_api *w)
{
    admin_api_free(w->api);
    schedule_keeper_free(w->schedules);
    override_keeper_free(w->overrides);
    definition_keeper_free(w->definitions);
    state_file_close(&w->state);
    pipeline_free(w->pipeline);
    live_store_close(&w->store);
    config_free(&w->config);
    event_base_free(w->base);
}
