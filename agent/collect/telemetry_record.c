#include "telemetry_record.h"

#include <string.h>

#include "ffshm.h"
#include "telemetry_json.h"

_Static_assert(sizeof(((struct telemetry_item *)0)->kinds) / sizeof(char *) == FFSHM_CONTEXT_KINDS,
               "kinds of a context");

static int64_t read_time(struct telemetry_fields *f)
{
    return telemetry_field_int(f, 0, INT64_MAX);
}

/* Flag key, version, variation: how both records of an evaluation go on after the time. */
static void read_flag(struct telemetry_fields *f, struct deliver_event *e)
{
    e->key = telemetry_field_text(f, TELEMETRY_KEY_MOST);
    e->version = telemetry_field_int_or(f, INT64_MIN + 1, INT64_MAX, INT64_MIN);
    e->has_version = e->version != INT64_MIN;
    e->version = e->has_version ? e->version : 0;
    e->variation = telemetry_field_int_or(f, 0, INT32_MAX, -1);
    e->value = telemetry_field_json(f);
    e->fallback = telemetry_field_json(f);
}

static void read_evaluation(struct telemetry_fields *f, unsigned flags, struct deliver_event *e)
{
    e->type = DELIVER_EVALUATION;
    e->feature = (flags & TELEMETRY_FEATURE) != 0;
    e->debug = (flags & TELEMETRY_DEBUG) != 0;
    f->bad = f->bad || (!e->feature && !e->debug);
    e->time_ms = read_time(f);
    read_flag(f, e);
    e->prereq_of = telemetry_field_text_or_nil(f, TELEMETRY_KEY_MOST);
    e->reason = telemetry_reason(f);
    e->sampling_ratio = telemetry_field_int(f, INT64_MIN, INT64_MAX);
    e->debug_until_ms = telemetry_field_int(f, INT64_MIN, INT64_MAX);
    e->context = telemetry_context(f);
}

static void read_context_event(struct telemetry_fields *f, enum deliver_type type,
                               struct deliver_event *e)
{
    e->type = type;
    e->time_ms = read_time(f);
    e->context = telemetry_context(f);
}

static void read_custom(struct telemetry_fields *f, struct telemetry_item *item)
{
    struct deliver_event *const e = &item->event;
    e->type = DELIVER_CUSTOM;
    e->time_ms = read_time(f);
    e->key = telemetry_field_text(f, TELEMETRY_RECORD_MOST);
    e->data = telemetry_field_json(f);
    e->metric = telemetry_field_number(f, &item->metric) ? &item->metric : NULL;
    e->context = telemetry_context(f);
}

static void read_migration(struct telemetry_fields *f, struct deliver_event *e)
{
    e->type = DELIVER_MIGRATION;
    e->time_ms = read_time(f);
    read_flag(f, e);
    e->reason = telemetry_reason(f);
    e->sampling_ratio = telemetry_field_int(f, INT64_MIN, INT64_MAX);
    e->operation = telemetry_field_text(f, sizeof "write");
    f->bad = f->bad || !e->operation ||
             (strcmp(e->operation, "read") != 0 && strcmp(e->operation, "write") != 0);
    e->measurements = telemetry_measurements(f);
    e->context = telemetry_context(f);
}

static void read_seen(struct telemetry_fields *f, struct telemetry_item *item)
{
    struct deliver_seen *const seen = &item->seen;
    item->kind = TELEMETRY_ITEM_SEEN;
    seen->key = telemetry_field_text(f, TELEMETRY_KEY_MOST);
    (void)telemetry_field_int_or(f, INT64_MIN, INT64_MAX, 0); /* the version is in the counts */
    seen->fallback = telemetry_field_json(f);
    struct telemetry_fields kinds = telemetry_field_array(f, 0, FFSHM_CONTEXT_KINDS);
    while (kinds.left > 0 && !kinds.bad) {
        item->kinds[seen->kind_count++] = telemetry_field_text(&kinds, UINT16_MAX);
    }
    seen->kinds = item->kinds;
    f->bad = f->bad || kinds.bad;
}

bool telemetry_record_read(struct telemetry_scratch *scratch, unsigned type, unsigned flags,
                           const void *payload, size_t length, struct telemetry_item *out)
{
    *out = (struct telemetry_item){.kind = TELEMETRY_ITEM_EVENT};
    out->event.variation = -1;
    out->event.sampling_ratio = 1;
    struct telemetry_fields f = telemetry_fields(scratch, payload, length);
    switch (type) {
    case TELEMETRY_EVALUATION:
        read_evaluation(&f, flags, &out->event);
        break;
    case TELEMETRY_INDEX:
        read_context_event(&f, DELIVER_INDEX, &out->event);
        break;
    case TELEMETRY_IDENTIFY:
        read_context_event(&f, DELIVER_IDENTIFY, &out->event);
        break;
    case TELEMETRY_CUSTOM:
        read_custom(&f, out);
        break;
    case TELEMETRY_MIGRATION:
        read_migration(&f, &out->event);
        break;
    case TELEMETRY_SEEN:
        read_seen(&f, out);
        break;
    case TELEMETRY_ASK:
        out->kind = TELEMETRY_ITEM_ASK;
        out->key = telemetry_field_text(&f, TELEMETRY_RECORD_MOST);
        break;
    default:
        f.bad = true;
        break;
    }
    if (f.bad) {
        telemetry_item_free(out);
    }
    return !f.bad;
}

void telemetry_item_free(struct telemetry_item *item)
{
    json_decref(item->event.value);
    json_decref(item->event.fallback);
    json_decref(item->event.reason);
    json_decref(item->event.data);
    json_decref(item->event.measurements);
    json_decref(item->event.context);
    json_decref(item->seen.fallback);
    *item = (struct telemetry_item){.kind = item->kind};
}
