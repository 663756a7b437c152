#include "schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "timestamp.h"

const char *schedule_time(int64_t ms, char text[SCHEDULE_TIME])
{
    const time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char day[24];
    if (!gmtime_r(&seconds, &parts) ||
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        snprintf(text, SCHEDULE_TIME, "%" PRId64, ms);
        return text;
    }
    if (ms % 1000) {
        snprintf(text, SCHEDULE_TIME, "%s.%03dZ", day, (int)(ms % 1000));
    } else {
        snprintf(text, SCHEDULE_TIME, "%sZ", day);
    }
    return text;
}

bool schedule_parse_time(const char *text, int64_t *ms)
{
    struct instant instant;
    if (!timestamp_parse(text, strlen(text), &instant)) {
        return false;
    }
    *ms = instant.seconds * 1000 + (instant.nanoseconds + 999999) / 1000000;
    return true;
}

/* ---- what is pending ------------------------------------------------------------------------ */

struct pending {
    json_t *list; /* [{"atMs", "number", "set"}] */
    int64_t but;  /* the number of one that is left out; 0: none */
};

static int on_row(void *arg, const struct storage_schedule *row)
{
    struct pending *p = arg;
    if (row->state != STORAGE_PENDING || row->number == p->but) {
        return 0;
    }
    json_t *set = json_loads(row->change, 0, NULL);
    json_t *one = json_pack("{s:I, s:I, s:o?}", "atMs", (json_int_t)row->at_ms, "number",
                            (json_int_t)row->number, "set", set);
    return json_array_append_new(p->list, one);
}

static json_t *pending_of(struct storage *s, const char *key, int64_t but, struct fault *fault)
{
    struct pending p = {json_array(), but};
    if (s && storage_schedule_list(s, STORAGE_FLAG, key, 0, 0, on_row, &p, fault) != 0) {
        json_decref(p.list);
        return NULL;
    }
    return p.list;
}

static int64_t at_of(const json_t *one)
{
    return json_integer_value(json_object_get(one, "atMs"));
}

/* By time; of the same time in the order in which they were written. */
static int by_time(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a;
    const json_t *y = *(json_t *const *)b;
    const int64_t by_number = json_integer_value(json_object_get(x, "number")) -
                              json_integer_value(json_object_get(y, "number"));
    const int64_t order = at_of(x) != at_of(y) ? at_of(x) - at_of(y) : by_number;
    return (order > 0) - (order < 0);
}

json_t *schedule_pending(struct storage *s, const char *key, struct fault *fault)
{
    return schedule_pending_but(s, key, 0, fault);
}

json_t *schedule_pending_but(struct storage *s, const char *key, int64_t number,
                             struct fault *fault)
{
    json_t *rows = pending_of(s, key, number, fault);
    const size_t count = json_array_size(rows);
    json_t **order = calloc(count + 1, sizeof(json_t *));
    json_t *list = order && rows ? json_array() : NULL;
    for (size_t i = 0; list && i < count; i++) {
        order[i] = json_array_get(rows, i);
    }
    if (list && count > 1) {
        qsort(order, count, sizeof(json_t *), by_time);
    }
    for (size_t i = 0; list && i < count; i++) {
        char at[SCHEDULE_TIME];
        json_array_append_new(list,
                              json_pack("{s:s, s:O}", "at", schedule_time(at_of(order[i]), at),
                                        "set", json_object_get(order[i], "set")));
    }
    free(order);
    json_decref(rows);
    return list;
}

int schedule_newest(struct storage *s, const char *key, int64_t *number, size_t *count,
                    struct fault *fault)
{
    json_t *rows = pending_of(s, key, 0, fault);
    *number = 0;
    *count = json_array_size(rows);
    for (size_t i = 0; i < *count; i++) {
        const int64_t one = json_integer_value(json_object_get(json_array_get(rows, i), "number"));
        *number = one > *number ? one : *number;
    }
    json_decref(rows);
    return rows ? 0 : -1;
}

/* ---- changing it ---------------------------------------------------------------------------- */

static int add(struct storage *s, const char *key, int64_t at_ms, json_t *set,
               const struct admin_change *by, struct fault *fault)
{
    char *change = json_dumps(set, JSON_COMPACT);
    const struct storage_schedule row = {
        .kind = STORAGE_FLAG,
        .key = key,
        .at_ms = at_ms,
        .change = change,
        .author = by->actor,
        .authenticated = by->authenticated,
        .reason = by->reason,
        .created_ms = by->time_ms,
    };
    const int result = change ? storage_schedule_add(s, &row, NULL, fault) : -1;
    if (!change) {
        fault_set(fault, "", "give the agent more memory", "out of memory");
    }
    free(change);
    return result;
}

/* The place of an equal one among rows; their size: there is none. */
static size_t find(json_t *rows, int64_t at_ms, const json_t *set)
{
    size_t i = 0;
    while (i < json_array_size(rows)) {
        const json_t *row = json_array_get(rows, i);
        if (at_of(row) == at_ms && json_equal(json_object_get(row, "set"), set)) {
            break;
        }
        i++;
    }
    return i;
}

static int add_what_is_new(struct storage *s, const char *key, json_t *list, json_t *rows,
                           const struct admin_change *by, struct fault *fault)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        int64_t at_ms = 0;
        json_t *set = json_object_get(one, "set");
        schedule_parse_time(json_string_value(json_object_get(one, "at")), &at_ms);
        const size_t same = find(rows, at_ms, set);
        if (same < json_array_size(rows)) {
            json_array_remove(rows, same);
        } else if (add(s, key, at_ms, set, by, fault) != 0) {
            return -1;
        }
    }
    return 0;
}

int schedule_replace(struct storage *s, const char *key, json_t *list,
                     const struct admin_change *by, struct fault *fault)
{
    char result[160];
    json_t *rows = pending_of(s, key, 0, fault);
    int code = rows ? add_what_is_new(s, key, list, rows, by, fault) : -1;
    snprintf(result, sizeof result, "cancelled by %.120s", by->actor);
    for (size_t i = 0; code == 0 && i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        code = storage_schedule_finish(s, json_integer_value(json_object_get(row, "number")),
                                       STORAGE_CANCELLED, by->time_ms, result, fault);
    }
    json_decref(rows);
    return code == 0 ? 0 : -1;
}

/* ---- telling -------------------------------------------------------------------------------- */

json_t *schedule_describe(const struct storage_schedule *row)
{
    static const char *const states[] = {"pending", "done", "failed", "cancelled"};
    char at[SCHEDULE_TIME];
    return json_pack(
        "{s:I, s:s, s:s, s:I, s:o?, s:s, s:s, s:s?, s:I, s:s, s:o, s:s?}", "number",
        (json_int_t)row->number, "key", row->key, "at", schedule_time(row->at_ms, at), "atMs",
        (json_int_t)row->at_ms, "set", json_loads(row->change, 0, NULL), "author", row->author,
        "authenticated", row->authenticated, "reason", row->reason, "createdMs",
        (json_int_t)row->created_ms, "state", states[row->state], "doneMs",
        row->done_ms ? json_integer(row->done_ms) : json_null(), "result", row->result);
}
