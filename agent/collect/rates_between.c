/* rates_between.c - two answers of rates_json.h, and what happened between them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rates_json.h"

static json_int_t integer(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* How much a counter has grown; of one that fell somebody else tells. */
static json_int_t growth(const json_t *before, const json_t *after, const char *name)
{
    const json_int_t now = integer(after, name);
    const json_int_t was = integer(before, name);
    return now > was ? now - was : 0;
}

/* Three digits behind the point are enough, and short. */
static json_t *rate(json_int_t count, json_int_t interval_ms)
{
    const double exact = interval_ms > 0 ? (double)count * 1000 / (double)interval_ms : 0;
    return json_real(round(exact * 1000) / 1000);
}

static json_t *share(json_int_t count, json_int_t all)
{
    return json_real(all > 0 ? round((double)count * 10000 / (double)all) / 10000 : 0);
}

/* ---- one flag ------------------------------------------------------------------------------- */

static const json_t *variation_of(const json_t *item, const json_t *wanted)
{
    size_t at;
    const json_t *one;
    json_array_foreach(json_object_get(item, "variations"), at, one)
    {
        if (json_equal(json_object_get(one, "variation"), wanted)) {
            return one;
        }
    }
    return NULL;
}

static json_t *variations_between(const json_t *before, const json_t *after, json_int_t all,
                                  json_int_t interval_ms)
{
    size_t at;
    json_t *one;
    json_t *const list = json_array();
    json_array_foreach(json_object_get(after, "variations"), at, one)
    {
        json_t *const number = json_object_get(one, "variation");
        const json_int_t count = growth(variation_of(before, number), one, "count");
        if (count > 0) {
            json_array_append_new(list, json_pack("{s:O, s:O, s:I, s:o, s:o}", "variation", number,
                                                  "variant", json_object_get(one, "variant"),
                                                  "count", count, "rate", rate(count, interval_ms),
                                                  "share", share(count, all)));
        }
    }
    return list;
}

static json_t *item_between(const json_t *before, const json_t *after, json_int_t interval_ms)
{
    const json_int_t count = growth(before, after, "evaluations");
    return json_pack("{s:O, s:I, s:o, s:o, s:o}", "flag", json_object_get(after, "flag"), "count",
                     count, "rate", rate(count, interval_ms), "variations",
                     variations_between(before, after, count, interval_ms), "unknown",
                     rate(growth(before, after, "unknown"), interval_ms));
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Both lists are by key: they are walked side by side. */
static const json_t *advance(const json_t *items, size_t *at, const char *key)
{
    for (; *at < json_array_size(items); (*at)++) {
        const json_t *const one = json_array_get(items, *at);
        const char *const flag = json_string_value(json_object_get(one, "flag"));
        const int order = flag ? strcmp(flag, key) : -1;
        if (order >= 0) {
            return order == 0 ? one : NULL;
        }
    }
    return NULL;
}

static json_t *items_between(const json_t *before, const json_t *after, json_int_t interval_ms)
{
    size_t at;
    size_t old = 0;
    const json_t *one;
    json_t *const list = json_array();
    const json_t *const were = json_object_get(before, "items");
    json_array_foreach(json_object_get(after, "items"), at, one)
    {
        const char *const key = json_string_value(json_object_get(one, "flag"));
        const json_t *const was = key ? advance(were, &old, key) : NULL;
        if (key && growth(was, one, "evaluations") > 0) {
            json_array_append_new(list, item_between(was, one, interval_ms));
        }
    }
    return list;
}

/* Those that are as many in the order of their keys. */
static int by_count(const void *a, const void *b)
{
    const json_t *const one = *(json_t *const *)a;
    const json_t *const other = *(json_t *const *)b;
    const json_int_t x = integer(one, "count");
    const json_int_t y = integer(other, "count");
    return x != y ? (x < y) - (x > y)
                  : strcmp(json_string_value(json_object_get(one, "flag")),
                           json_string_value(json_object_get(other, "flag")));
}

static json_t *sorted(json_t *list)
{
    const size_t count = json_array_size(list);
    json_t **const items = calloc(count + 1, sizeof(json_t *));
    json_t *const result = items ? json_array() : NULL;
    for (size_t i = 0; items && i < count; i++) {
        items[i] = json_array_get(list, i);
    }
    if (items && count > 1) {
        qsort(items, count, sizeof(json_t *), by_count);
    }
    for (size_t i = 0; result && i < count; i++) {
        json_array_append(result, items[i]);
    }
    free(items);
    json_decref(list);
    return result;
}

json_t *rates_between(const json_t *before, const json_t *after, bool by_flag)
{
    const bool same = before && integer(before, "sinceMs") == integer(after, "sinceMs");
    const json_t *const from = same ? before : NULL;
    const json_int_t interval_ms = growth(from, after, "elapsedMs");
    json_t *const items = items_between(from, after, interval_ms);
    size_t at;
    const json_t *one;
    json_int_t all = 0;
    json_array_foreach(items, at, one)
    {
        all += integer(one, "count");
    }
    return json_pack("{s:I, s:O*, s:O, s:O, s:O, s:o, s:o}", "intervalMs", interval_ms, "hosts",
                     json_object_get(after, "hosts"), "processes",
                     json_object_get(after, "processes"), "unreadable",
                     json_object_get(after, "unreadable"), "cut", json_object_get(after, "cut"),
                     "rate", rate(all, interval_ms), "items", by_flag ? items : sorted(items));
}
