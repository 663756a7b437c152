/*
 * What a client does next. A few keys for all of them, so that most of what they mean to change is
 * another version by the time that they do.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "writers.h"

const struct write_key write_keys[] = {
    {"count-0", K_COUNTER}, {"count-1", K_COUNTER}, {"count-2", K_COUNTER}, {"count-3", K_COUNTER},
    {"mix-0", K_MIXED},     {"mix-1", K_MIXED},     {"mix-2", K_MIXED},     {"mix-3", K_MIXED},
    {"mix-4", K_MIXED},     {"mix-5", K_MIXED},     {"need-0", K_NEEDING},  {"need-1", K_NEEDING},
    {"seg-0", K_SEGMENT},   {"seg-1", K_SEGMENT},   {"seg-2", K_SEGMENT},
};
const size_t write_key_count = sizeof write_keys / sizeof *write_keys;

uint64_t writer_random(struct writer *w, uint64_t below)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (w->random >> 33) % below;
}

static bool one_of(struct writer *w, unsigned n)
{
    return writer_random(w, n) == 0;
}

static unsigned pick(struct writer *w, enum key_kind kind)
{
    unsigned key;
    do {
        key = (unsigned)writer_random(w, write_key_count);
    } while (write_keys[key].kind != kind);
    return key;
}

/* ---- a request ------------------------------------------------------------------------------ */

static const char *const methods[VERBS] = {
    [V_PUT] = "PUT",      [V_PATCH] = "PATCH",  [V_ENABLE] = "POST",   [V_DISABLE] = "POST",
    [V_ARCHIVE] = "POST", [V_RESTORE] = "POST", [V_DELETE] = "DELETE", [V_COPY] = "POST",
    [V_KILL] = "POST",    [V_PIN] = "POST",     [V_REVIVE] = "POST",
};
static const char *const suffixes[VERBS] = {
    [V_PUT] = "",
    [V_PATCH] = "",
    [V_ENABLE] = "/enable",
    [V_DISABLE] = "/disable",
    [V_ARCHIVE] = "/archive",
    [V_RESTORE] = "/restore",
    [V_DELETE] = "",
    [V_COPY] = "/copy",
    [V_KILL] = "/kill",
    [V_PIN] = "/kill",
    [V_REVIVE] = "/revive",
};

static const char *folder(unsigned key)
{
    return write_keys[key].kind == K_SEGMENT ? "segments" : "flags";
}

static struct op *remember(struct writer *w, const struct op *op)
{
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 256;
        w->ops = realloc(w->ops, w->room * sizeof *w->ops);
        if (!w->ops) {
            abort();
        }
    }
    w->ops[w->count] = *op;
    return &w->ops[w->count++];
}

static void keep_answer(struct op *op, const struct http_answer *a)
{
    const char *digest = json_string_value(json_object_get(a->body, "digest"));
    op->status = a->status;
    op->version = json_integer_value(json_object_get(a->body, "version"));
    op->created = json_is_true(json_object_get(a->body, "created"));
    op->archived = json_is_true(json_object_get(a->body, "archived"));
    op->generation = (uint64_t)json_integer_value(json_object_get(a->body, "generation"));
    snprintf(op->digest, sizeof op->digest, "%s", digest ? digest : "");
    memcpy(op->etag, a->etag, sizeof op->etag);
    if (a->status / 100 == 2 && json_is_true(json_object_get(a->body, "dryRun")) != op->dry_run) {
        wrong("a dry run is told as none, or the other way round");
    }
}

/* Whoever evaluates from now on has it. Where threads share a store, one of them may be mapping it
   at the moment, and the others go on with what they have: that one is waited for. */
static void check_in_force(struct writer *w, const struct op *op)
{
    const unsigned key = op->verb == V_COPY ? op->to : op->key;
    struct ffshm_context who;
    struct ffshm_detail detail;
    ffshm_context_init(&who, "user", WHO);
    while (w->shares && ffshm_refresh(w->ff) == FFSHM_BUSY) {
        sched_yield();
    }
    ffshm_int_detail(w->ff, write_keys[key].name, &who, 0, &detail);
    if (detail.generation < op->generation) {
        wrong("answered with generation %" PRIx64 ", but evaluated is %" PRIx64, op->generation,
              detail.generation);
    }
    if (write_keys[key].kind != K_SEGMENT && detail.flag_version != 0 &&
        detail.flag_version < op->version) {
        wrong("%s: answered with version %" PRId64 ", but evaluated is %" PRId64,
              write_keys[key].name, op->version, detail.flag_version);
    }
}

static void count_answer(struct writer *w, struct op *op, const struct http_answer *a,
                         _Atomic size_t *changes)
{
    if (a->status == 200 || a->status == 201) {
        if (!op->dry_run) {
            check_in_force(w, op);
            atomic_fetch_add(changes, json_is_true(json_object_get(a->body, "changed")));
        }
    } else if (a->status == 409) {
        w->conflicts++;
    } else if (a->status == 404 || a->status == 422) {
        w->refusals++;
    } else if (a->status == 0) {
        w->broken = true;
    } else {
        char *text = json_dumps(a->body, JSON_COMPACT);
        wrong("%s %s%s: %d %s", methods[op->verb], write_keys[op->key].name, suffixes[op->verb],
              a->status, text ? text : "");
        free(text);
    }
}

/* Takes over op->body. */
static void send_op(struct writer *w, const struct op *planned, _Atomic size_t *changes)
{
    char path[96];
    char headers[256];
    struct op *op = remember(w, planned);
    snprintf(path, sizeof path, "/%s/%s%s%s", folder(op->key), write_keys[op->key].name,
             suffixes[op->verb], op->dry_run ? "?dryRun=true" : "");
    snprintf(headers, sizeof headers, "X-Reason: %u.%u.%zu\r\n%s%s%s%s", w->round, w->number,
             w->count - 1, op->match[0] ? "If-Match: " : "", op->match, op->match[0] ? "\r\n" : "",
             op->must_be_new ? "If-None-Match: *\r\n" : "");
    struct http_answer answer;
    op->sent_ns = now_ns();
    http_ask(&w->http, &(struct http_request){methods[op->verb], path, headers, op->body}, &answer);
    op->done_ns = now_ns();
    keep_answer(op, &answer);
    count_answer(w, op, &answer, changes);
    json_decref(answer.body);
}

/* ---- definitions ---------------------------------------------------------------------------- */

static json_t *flag_body(struct writer *w, unsigned key)
{
    const char *name = one_of(w, 10) ? "yes" : "on"; /* who needs "on" is in its way */
    json_t *body = json_pack("{s:[{s:s, s:I}, {s:s, s:i}], s:s, s:s}", "variants", "key", name,
                             "value", (json_int_t)writer_random(w, 1000), "key", "off", "value", -1,
                             "default_variant", name, "fallback_variant", "off");
    if (one_of(w, 3)) {
        json_object_set_new(body, "enabled", json_boolean(!one_of(w, 3)));
    }
    if (one_of(w, 3) || write_keys[key].kind == K_NEEDING) {
        json_object_set_new(body, "targeting_rules",
                            json_pack("[{s:[{s:s, s:s}], s:s}]", "conditions", "operator",
                                      "in_segment", "value", write_keys[pick(w, K_SEGMENT)].name,
                                      "variant", "off"));
    }
    if (write_keys[key].kind == K_NEEDING) {
        json_object_set_new(
            body, "prerequisites",
            json_pack("[{s:s, s:s}]", "flag", write_keys[pick(w, K_MIXED)].name, "variant", "on"));
    }
    return body;
}

static json_t *segment_body(struct writer *w)
{
    json_t *body = json_pack("{s:[s]}", "included", one_of(w, 2) ? WHO : "nobody");
    if (one_of(w, 4)) {
        json_object_set_new(body, "rules",
                            json_pack("[{s:[{s:s, s:s}]}]", "conditions", "operator", "in_segment",
                                      "value", write_keys[pick(w, K_SEGMENT)].name));
    }
    return body;
}

static json_t *new_body(struct writer *w, unsigned key)
{
    return write_keys[key].kind == K_SEGMENT ? segment_body(w) : flag_body(w, key);
}

/* A merge patch. */
static json_t *new_patch(struct writer *w, unsigned key)
{
    if (write_keys[key].kind == K_SEGMENT) {
        return json_pack("{s:[s]}", "included", one_of(w, 2) ? WHO : "nobody");
    }
    if (write_keys[key].kind != K_COUNTER && one_of(w, 3)) {
        return json_pack("{s:n}", "targeting_rules");
    }
    return json_pack("{s:o}", "description",
                     one_of(w, 4) ? json_null()
                                  : json_sprintf("%" PRIu64, writer_random(w, 1000000)));
}

/* ---- what is done --------------------------------------------------------------------------- */

/* What there is, for whoever means to change it: the definition (a new reference, NULL: none), and
   its entity tag. */
static json_t *read_one(struct writer *w, unsigned key, char etag[64])
{
    char path[96];
    struct http_answer answer;
    snprintf(path, sizeof path, "/%s/%s", folder(key), write_keys[key].name);
    http_ask(&w->http, &(struct http_request){"GET", path, NULL, NULL}, &answer);
    json_t *definition = json_incref(json_object_get(answer.body, "definition"));
    memcpy(etag, answer.etag, sizeof answer.etag);
    w->broken |= answer.status == 0;
    json_decref(answer.body);
    return definition;
}

/* Read, add one, write: if nobody was there in between. */
static void increment(struct writer *w, _Atomic size_t *changes)
{
    struct op op = {.key = (unsigned)writer_random(w, COUNTERS), .increment = true};
    json_t *now = read_one(w, op.key, op.match);
    const json_t *variant = json_array_get(json_object_get(now, "variants"), 0);
    const json_int_t value = json_integer_value(json_object_get(variant, "value"));
    if (!now) {
        return;
    }
    json_t *variants = json_pack("[{s:s, s:I}]", "key", "n", "value", value + 1);
    if (one_of(w, 2)) {
        op.verb = V_PUT;
        op.body = json_copy(now);
        json_object_set_new(op.body, "variants", variants);
    } else {
        op.verb = V_PATCH;
        op.body = json_pack("{s:o}", "variants", variants);
    }
    json_decref(now);
    if (one_of(w, 5)) {
        struct op dry = op;
        dry.dry_run = true;
        json_incref(op.body);
        send_op(w, &dry, changes);
    }
    send_op(w, &op, changes);
}

/* What leaves a counter's value as it is, at whatever version that happens. */
static void disturb(struct writer *w, _Atomic size_t *changes)
{
    static const enum verb verbs[] = {V_PATCH,   V_ENABLE,  V_DISABLE,
                                      V_ARCHIVE, V_RESTORE, V_RESTORE};
    struct op op = {.key = (unsigned)writer_random(w, COUNTERS),
                    .verb = verbs[writer_random(w, sizeof verbs / sizeof *verbs)]};
    op.body = op.verb == V_PATCH ? new_patch(w, op.key) : NULL;
    send_op(w, &op, changes);
}

/* Of the override that this client has made last, if it has. */
static void match_override(const struct writer *w, struct op *op)
{
    for (size_t i = w->count; i-- > 0;) {
        const struct op *other = &w->ops[i];
        if (other->key == op->key && (other->verb == V_KILL || other->verb == V_PIN) &&
            other->status == 200 && !other->dry_run) {
            memcpy(op->match, other->etag, sizeof op->match);
            snprintf(op->match_reason, sizeof op->match_reason, "%u.%u.%zu", w->round, w->number,
                     i);
            return;
        }
    }
}

static void override(struct writer *w, _Atomic size_t *changes)
{
    static const enum verb verbs[] = {V_KILL, V_PIN, V_REVIVE, V_REVIVE};
    struct op op = {.key = pick(w, K_MIXED), .verb = verbs[writer_random(w, 4)]};
    op.dry_run = one_of(w, 8);
    if (op.verb == V_PIN) {
        op.body = json_pack("{s:s}", "variant", one_of(w, 2) ? "on" : "off");
    }
    if (one_of(w, 2)) {
        match_override(w, &op);
    }
    send_op(w, &op, changes);
}

static void give_body(struct writer *w, struct op *op)
{
    if (op->verb == V_PUT) {
        op->body = new_body(w, op->key);
    } else if (op->verb == V_PATCH) {
        op->body = new_patch(w, op->key);
    } else if (op->verb == V_COPY) {
        op->to = pick(w, K_MIXED);
        op->body = json_pack("{s:s}", "to", write_keys[op->to].name);
    }
}

static void change_any(struct writer *w, unsigned key, _Atomic size_t *changes)
{
    static const enum verb verbs[] = {V_PUT,     V_PUT,     V_PATCH,   V_PATCH,  V_DELETE, V_DELETE,
                                      V_ARCHIVE, V_RESTORE, V_DISABLE, V_ENABLE, V_COPY,   V_COPY};
    const bool segment = write_keys[key].kind == K_SEGMENT;
    struct op op = {.key = key,
                    .verb = verbs[writer_random(w, segment ? 5 : sizeof verbs / sizeof *verbs)]};
    const unsigned how = (unsigned)writer_random(w, 3);
    if (how == 0 && op.verb != V_COPY) {
        json_t *now = read_one(w, key, op.match);
        op.must_be_new = !now && op.verb == V_PUT;
        json_decref(now);
    } else if (how == 1 && op.verb == V_PUT) {
        op.must_be_new = one_of(w, 4);
    }
    op.dry_run = one_of(w, 6);
    give_body(w, &op);
    send_op(w, &op, changes);
}

void writer_begin(struct writer *w)
{
    _Atomic size_t changes = 0;
    for (unsigned key = 0; key < COUNTERS; key++) {
        const struct op op = {.key = key,
                              .verb = V_PUT,
                              .body = json_pack("{s:[{s:s, s:i}], s:s}", "variants", "key", "n",
                                                "value", 0, "default_variant", "n")};
        send_op(w, &op, &changes);
    }
}

void writer_go_on(struct writer *w, _Atomic size_t *changes)
{
    const unsigned what = (unsigned)writer_random(w, 100);
    if (what < 40) {
        increment(w, changes);
    } else if (what < 48) {
        disturb(w, changes);
    } else if (what < 60) {
        override(w, changes);
    } else if (what < 70) {
        change_any(w, pick(w, K_SEGMENT), changes);
    } else if (what < 78) {
        change_any(w, pick(w, K_NEEDING), changes);
    } else {
        change_any(w, pick(w, K_MIXED), changes);
    }
}

void writer_forget(struct writer *w)
{
    for (size_t i = 0; i < w->count; i++) {
        json_decref(w->ops[i].body);
    }
    free(w->ops);
    w->ops = NULL;
    w->count = w->room = 0;
}
