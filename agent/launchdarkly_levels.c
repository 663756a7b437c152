#include "launchdarkly_levels.h"

#include <stdio.h>
#include <string.h>

static const char *const names[IMAGE_LEVELS] = {
    [IMAGE_LEVEL_NONE] = "none",
    [IMAGE_LEVEL_MEMORY] = "memory",
    [IMAGE_LEVEL_DISK] = "disk",
    [IMAGE_LEVEL_REDIS] = "redis",
    [IMAGE_LEVEL_LAUNCHDARKLY] = "launchdarkly",
};

void launchdarkly_levels_hit(struct launchdarkly_levels *l, enum image_level level, uint64_t items)
{
    l->first = l->first == IMAGE_LEVEL_NONE ? level : l->first;
    l->of[level].hits++;
    l->of[level].items += items;
}

json_t *launchdarkly_levels_json(const struct launchdarkly_levels *l)
{
    json_t *body = json_pack("{s:s}", "startedFrom", names[l->first]);
    for (int i = IMAGE_LEVEL_MEMORY; body && i < IMAGE_LEVELS; i++) {
        json_object_set_new(body, names[i],
                            json_pack("{s:I, s:I, s:I}", "hits", (json_int_t)l->of[i].hits, "items",
                                      (json_int_t)l->of[i].items, "older",
                                      (json_int_t)l->of[i].older));
    }
    return body;
}

void launchdarkly_levels_report(const struct launchdarkly_levels *l,
                                const struct redis_store_sink_stats *sink,
                                struct image_levels_report *out)
{
    memset(out, 0, sizeof *out);
    out->first = l->first;
    for (int i = IMAGE_LEVEL_MEMORY; i < IMAGE_LEVELS; i++) {
        out->hits[i] = l->of[i].hits;
        out->items[i] = l->of[i].items;
        out->older[i] = l->of[i].older;
    }
    if (sink) {
        out->sink = IMAGE_SINK_WAITING + (uint32_t)sink->state;
        out->sink_ms = (uint64_t)sink->written_ms;
        out->sink_wholes = sink->wholes;
        out->sink_items = sink->items;
        snprintf(out->sink_text, sizeof out->sink_text, "%.127s", sink->trouble);
    }
}
