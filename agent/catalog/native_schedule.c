/* A flag through time: the scheduled changes that have come about by now make its definition, and
   every later state is lowered too, so that none of them turns out to be wrong when its day comes.
 */
#include <stdlib.h>
#include <string.h>

#include "native_lowering.h"
#include "timestamp.h"

/* Rounded up: at the millisecond that is returned, the instant has come. */
static int64_t to_ms(struct instant instant)
{
    return instant.seconds * 1000 + (instant.nanoseconds + 999999) / 1000000;
}

static bool read_change(struct native *n, const struct member *flag, const json_t *list,
                        size_t index, struct native_change *change)
{
    static const char *const members[] = {"at", "set", NULL};
    const struct member schedule = {flag, "schedule", 0};
    const struct member element = {&schedule, NULL, index};
    const struct member at_place = {&element, "at", 0};
    const struct member set_place = {&element, "set", 0};
    const json_t *entry = json_array_get(list, index);
    if (!native_object(n, &element, entry, members)) {
        return false;
    }
    const json_t *at = native_text(n, &element, entry, "at");
    struct instant instant;
    if (n->failed || at == NULL) {
        return native_fault(n, &at_place, "a date, as in 2026-12-01T09:00:00Z", "is missing");
    }
    if (!timestamp_parse(json_string_value(at), json_string_length(at), &instant)) {
        return native_fault(n, &at_place, "RFC 3339, with a time zone: 2026-12-01T09:00:00Z",
                            "\"%.40s\" is not a date", json_string_value(at));
    }
    change->at_ms = to_ms(instant);
    change->set = native_member(entry, "set");
    if (change->set == NULL) {
        return native_fault(n, &set_place, "the members that change, as in {enabled: true}",
                            "is missing");
    }
    change->schedule = schedule;
    change->element = (struct member){&change->schedule, NULL, index};
    change->place = (struct member){&change->element, "set", 0};
    return native_object(n, &change->place, change->set, native_flag_members);
}

static bool read_changes(struct native *n, const struct member *flag, const json_t *list,
                         struct native_change *changes, struct native_change **order)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!read_change(n, flag, list, i, &changes[i])) {
            return false;
        }
        order[i] = &changes[i];
    }
    return true;
}

/* Places point into their own change, so changes are ordered through pointers. */
static int by_time(const void *a, const void *b)
{
    const struct native_change *x = *(struct native_change *const *)a;
    const struct native_change *y = *(struct native_change *const *)b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return x->element.index < y->element.index ? -1 : 1;
}

static void apply(struct native_flag *f, const struct native_change *change)
{
    const char *name;
    json_t *value;
    json_object_foreach(change->set, name, value)
    {
        native_put(f->n, f->members, name, json_incref(value));
        native_put(f->n, f->changed_by, name, json_integer(change - f->changes));
    }
}

static json_t *lower_through_time(struct native_flag *f, struct native_change **order, size_t count)
{
    struct native *n = f->n;
    size_t i = 0;
    while (i < count && order[i]->at_ms <= n->now_ms) {
        apply(f, order[i++]);
    }
    f->current = true;
    json_t *flag = native_lower_state(f);
    if (i < count && (n->next_ms == 0 || order[i]->at_ms < n->next_ms)) {
        n->next_ms = order[i]->at_ms;
    }
    f->current = false;
    while (i < count && !n->failed) {
        const int64_t at_ms = order[i]->at_ms;
        while (i < count && order[i]->at_ms == at_ms) {
            apply(f, order[i++]);
        }
        json_decref(native_lower_state(f));
    }
    if (n->failed) {
        json_decref(flag);
        return NULL;
    }
    return flag;
}

static json_t *lower_scheduled(struct native_flag *f, const json_t *list)
{
    struct native *n = f->n;
    const size_t count = json_array_size(list);
    struct native_change *changes = calloc(count, sizeof *changes);
    struct native_change **order = calloc(count, sizeof(struct native_change *));
    f->members = json_copy(f->members);
    f->changed_by = json_object();
    f->changes = changes;
    json_t *flag = NULL;
    if (changes == NULL || order == NULL || f->members == NULL || f->changed_by == NULL) {
        (void)native_no_memory(n);
    } else if (read_changes(n, f->where, list, changes, order)) {
        qsort(order, count, sizeof(struct native_change *), by_time);
        flag = lower_through_time(f, order, count);
    }
    json_decref(f->members);
    json_decref(f->changed_by);
    free(order);
    free(changes);
    return flag;
}

json_t *native_lower_flag(struct native *n, const char *key, json_t *definition)
{
    static const struct member flags = {NULL, "flags", 0};
    const struct member where = {&flags, key, 0};
    const char *names[32] = {"schedule"};
    for (size_t i = 0; native_flag_members[i] != NULL; i++) {
        names[i + 1] = native_flag_members[i];
    }
    if (!native_object(n, &where, definition, names)) {
        return NULL;
    }
    struct native_flag flag = {
        .n = n, .key = key, .members = definition, .where = &where, .current = true};
    const json_t *schedule = native_list(n, &where, definition, "schedule");
    const size_t count = json_array_size(schedule);
    if (count > NATIVE_MAX_CHANGES) {
        const struct member at = {&where, "schedule", 0};
        (void)native_fault(n, &at, "", "%zu changes; %u are allowed", count, NATIVE_MAX_CHANGES);
    }
    if (n->failed) {
        return NULL;
    }
    return count > 0 ? lower_scheduled(&flag, schedule) : native_lower_state(&flag);
}
