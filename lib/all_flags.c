/*
 * all_flags.c - every flag's value for one context, as the JSON with which LaunchDarkly's server
 * SDKs bootstrap their browser SDKs.
 *
 * Two passes, because the values come before what is said about them: each evaluates every flag.
 */
#include <time.h>

#include "evaluate.h"
#include "json_write.h"

struct all_flags {
    const struct snapshot *snapshot;
    const struct ffshm_context *c;
    unsigned options;
    int64_t now_ms; /* CLOCK_REALTIME; 0 where nothing depends on it */
    struct json_text out;
};

static void put_text(struct json_text *out, const char *text)
{
    json_put(out, text, strlen(text));
}

static void put_quoted(struct json_text *out, const char *text)
{
    json_put_string(out, text, strlen(text));
}

static void put_image_string(struct json_text *out, const struct image_flag *flag,
                             struct image_string s)
{
    json_put_string(out, image_text(flag, s), s.length);
}

/* A member's name. *before is what precedes it: "" for an object's first. */
static void put_name(struct json_text *out, const char **before, const char *name)
{
    put_text(out, *before);
    put_text(out, "\"");
    put_text(out, name);
    put_text(out, "\":");
    *before = ",";
}

/* ---- which flags ---- */

/* The next flag in the order of the key index, from *cursor = 0 on; none at the end. */
static struct snapshot_blob next_flag(const struct all_flags *all, uint64_t *cursor)
{
    const struct snapshot *s = all->snapshot;
    while (*cursor <= s->index_mask) {
        const struct snapshot_blob where = snapshot_slot(s, s->index[(*cursor)++].slot, IMAGE_FLAG);
        const struct image_flag *flag = (const struct image_flag *)where.blob;
        if (flag && (!(all->options & FFSHM_ALL_FLAGS_CLIENT_SIDE_ONLY) ||
                     flag->flags & IMAGE_FLAG_CLIENT_SIDE_ID)) {
            return where;
        }
    }
    return (struct snapshot_blob){NULL, 0, 0};
}

static void put_key(struct json_text *out, const char **before, const struct image_flag *flag)
{
    put_text(out, *before);
    put_image_string(out, flag, flag->blob.key);
    put_text(out, ":");
    *before = ",";
}

/* ---- values ---- */

static void put_values(struct all_flags *all, const char **before)
{
    uint64_t cursor = 0;
    struct snapshot_blob where;
    while ((where = next_flag(all, &cursor)).blob) {
        const struct image_flag *flag = (const struct image_flag *)where.blob;
        struct evaluation e;
        evaluate(all->snapshot, where, all->c, &e);
        put_key(&all->out, before, flag);
        if (e.value) {
            json_put(&all->out, image_text(flag, e.value->json), e.value->json.length);
        } else {
            put_text(&all->out, "null");
        }
    }
}

/* ---- what is said about them ---- */

static void put_reason(struct json_text *out, const struct evaluation *e)
{
    const char *before = "";
    put_text(out, "{");
    put_name(out, &before, "kind");
    put_quoted(out, ffshm_reason_name(e->reason));
    if (e->reason == FFSHM_REASON_RULE_MATCH) {
        put_name(out, &before, "ruleIndex");
        json_put_integer(out, e->rule_index);
        if (e->rule_id.length) {
            put_name(out, &before, "ruleId");
            put_image_string(out, e->flag, e->rule_id);
        }
    }
    if (e->reason == FFSHM_REASON_PREREQUISITE_FAILED) {
        put_name(out, &before, "prerequisiteKey");
        put_image_string(out, e->flag, e->prerequisite_key);
    }
    if (e->in_experiment) {
        put_name(out, &before, "inExperiment");
        put_text(out, "true");
    }
    if (e->reason == FFSHM_REASON_ERROR) {
        put_name(out, &before, "errorKind");
        put_quoted(out, ffshm_error_kind(e->error));
    }
    if (e->big_segments != FFSHM_BIG_SEGMENTS_NONE) {
        put_name(out, &before, "bigSegmentsStatus");
        put_quoted(out, ffshm_big_segments_name(e->big_segments));
    }
    put_text(out, "}");
}

/*
 * How many of a flag's direct prerequisites its evaluation gave a result: all, or up to and with
 * the first that does not hold. One that is missing has none, nor has one that abandoned the whole
 * evaluation (a cycle, a malformed clause), which shows as MALFORMED_FLAG here and there.
 */
static uint32_t prerequisites_reached(const struct all_flags *all, const struct evaluation *e)
{
    const struct image_flag *flag = e->flag;
    const struct image_prerequisite *list = image_at(flag, flag->prerequisites_offset);
    if (flag->steps & IMAGE_STEP_OFF) {
        return 0;
    }
    for (uint32_t i = 0; i < flag->prerequisite_count; i++) {
        const struct snapshot_blob where = snapshot_slot(all->snapshot, list[i].slot, IMAGE_FLAG);
        if (!where.blob) {
            return i;
        }
        struct evaluation other;
        evaluate(all->snapshot, where, all->c, &other);
        if (e->error == FFSHM_MALFORMED_FLAG && other.error == FFSHM_MALFORMED_FLAG) {
            return i;
        }
        if (other.flag->steps & IMAGE_STEP_OFF || other.variation < 0 ||
            other.variation != list[i].variation) {
            return i + 1;
        }
    }
    return flag->prerequisite_count;
}

static void put_prerequisites(struct all_flags *all, const char **before,
                              const struct evaluation *e)
{
    const struct image_prerequisite *list = image_at(e->flag, e->flag->prerequisites_offset);
    const uint32_t count = prerequisites_reached(all, e);
    if (count == 0) {
        return;
    }
    put_name(&all->out, before, "prerequisites");
    for (uint32_t i = 0; i < count; i++) {
        put_text(&all->out, i ? "," : "[");
        put_image_string(&all->out, e->flag, list[i].key);
    }
    put_text(&all->out, "]");
}

/* What is absent, false or 0 is left out. */
static void put_metadata(struct all_flags *all, const struct evaluation *e)
{
    struct json_text *out = &all->out;
    const struct image_flag *flag = e->flag;
    const bool experiment = evaluation_is_experiment(e);
    const bool track = experiment || flag->flags & IMAGE_FLAG_TRACK_EVENTS;
    const bool details = !(all->options & FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED) || track ||
                         flag->debug_until_ms > all->now_ms;
    const char *before = "";
    put_text(out, "{");
    if (e->variation >= 0) {
        put_name(out, &before, "variation");
        json_put_integer(out, e->variation);
    }
    if (details) {
        put_name(out, &before, "version");
        json_put_integer(out, flag->blob.version);
    }
    if (details && (experiment || all->options & FFSHM_ALL_FLAGS_WITH_REASONS)) {
        put_name(out, &before, "reason");
        put_reason(out, e);
    }
    if (track) {
        put_name(out, &before, "trackEvents");
        put_text(out, "true");
    }
    if (experiment) {
        put_name(out, &before, "trackReason");
        put_text(out, "true");
    }
    if (flag->debug_until_ms != 0) {
        put_name(out, &before, "debugEventsUntilDate");
        json_put_integer(out, flag->debug_until_ms);
    }
    put_prerequisites(all, &before, e);
    put_text(out, "}");
}

static void put_state(struct all_flags *all)
{
    const char *before = "";
    uint64_t cursor = 0;
    struct snapshot_blob where;
    put_text(&all->out, "{");
    while ((where = next_flag(all, &cursor)).blob) {
        struct evaluation e;
        evaluate(all->snapshot, where, all->c, &e);
        put_key(&all->out, &before, e.flag);
        put_metadata(all, &e);
    }
    put_text(&all->out, "}");
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

size_t ffshm_all_flags_json(const struct ffshm_view *view, const struct ffshm_context *c,
                            unsigned options, char *buffer, size_t capacity)
{
    const struct snapshot *s = view->snapshot;
    const bool valid = s && s->ready && c && c->error == FFSHM_OK;
    struct all_flags all = {
        .snapshot = s,
        .c = c,
        .options = options,
        .now_ms = options & FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED ? now_ms() : 0,
        .out = {.buffer = buffer, .capacity = capacity},
    };
    const char *before = "";
    put_text(&all.out, "{");
    if (valid) {
        put_values(&all, &before);
    }
    put_name(&all.out, &before, "$flagsState");
    if (valid) {
        put_state(&all);
    } else {
        put_text(&all.out, "{}");
    }
    put_name(&all.out, &before, "$valid");
    put_text(&all.out, valid ? "true" : "false");
    put_text(&all.out, "}");
    return json_end(&all.out);
}
