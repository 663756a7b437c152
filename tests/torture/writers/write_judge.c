/*
 * The agent has answered, or was killed and started again: is everything as it was told?
 *
 *   1. The trail, entry by entry: each belongs to one request that was not refused and no dry run,
 *      follows from the state before it, and says so; nothing was done before it was asked for, or
 *      after it was answered. The chain verifies.
 *   2. Each request that was answered with success has an entry, or had nothing to do. Who got no
 *      answer has one or has none.
 *   3. The history of each key has those versions, all that are kept, and no other.
 *   4. The lists of flags, segments and overrides are what is left, and so is what is published.
 *   5. Programs evaluate just that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "writers.h"

#define VERSIONS_KEPT 1000 /* of a key: STORAGE_VERSIONS_KEPT */
#define PATIENCE_NS (20ll * 1000 * 1000 * 1000)

static json_t *must_get(struct judge *j, const char *path)
{
    json_t *body = http_get(j->http, path);
    if (!body) {
        printf("FAILED: no answer to %s\n", path);
        exit(1);
    }
    return body;
}

static const char *text(const json_t *object, const char *member)
{
    const char *value = json_string_value(json_object_get(object, member));
    return value ? value : "";
}

/* ---- 1: the trail --------------------------------------------------------------------------- */

static const char *action_of(const struct op *op, bool created)
{
    static const char *const actions[VERBS] = {
        [V_ARCHIVE] = "flag.archive", [V_RESTORE] = "flag.restore", [V_KILL] = "flag.kill",
        [V_PIN] = "flag.pin",         [V_REVIVE] = "flag.revive",
    };
    const bool segment = write_keys[op->key].kind == K_SEGMENT;
    if (op->verb == V_DELETE) {
        return segment ? "segment.delete" : "flag.delete";
    }
    if (actions[op->verb]) {
        return actions[op->verb];
    }
    return created   ? segment ? "segment.create" : "flag.create"
           : segment ? "segment.update"
                     : "flag.update";
}

/* What an entry tells of a version. */
static bool tells(const json_t *told, const struct model_version *v, size_t version)
{
    if (!v || v->came == CAME_DELETED) {
        return json_is_null(told);
    }
    return json_integer_value(json_object_get(told, "version")) == (json_int_t)version &&
           json_is_true(json_object_get(told, "archived")) == (v->came == CAME_ARCHIVED) &&
           json_equal(json_object_get(told, "definition"), v->body);
}

static void check_version(const struct judge *j, const struct op *op, const json_t *entry,
                          const char *reason)
{
    const unsigned key = op->verb == V_COPY ? op->to : op->key;
    const struct model_key *k = &j->model.keys[key];
    const struct model_version *now = &k->versions[k->count - 1];
    const struct model_version *before = k->count > 1 ? now - 1 : NULL;
    const bool created = !before || before->came == CAME_DELETED;
    char etag[64];
    snprintf(etag, sizeof etag, "\"%zu\"", k->count);
    if (!tells(json_object_get(entry, "before"), before, k->count - 1) ||
        !tells(json_object_get(entry, "after"), now, k->count)) {
        wrong("%s: the entry tells of other definitions", reason);
    }
    if (before && before->came == now->came && json_equal(before->body, now->body)) {
        wrong("%s: an entry, and nothing was changed", reason);
    }
    if (strcmp(text(entry, "action"), action_of(op, created)) != 0) {
        wrong("%s: the action is %s", reason, text(entry, "action"));
    }
    if (op->status && (op->version != (int64_t)k->count || op->created != created ||
                       op->archived != (now->came == CAME_ARCHIVED) ||
                       (now->came != CAME_DELETED && strcmp(op->etag, etag) != 0))) {
        wrong("%s: version %zu, answered was %" PRId64 " %s", reason, k->count, op->version,
              op->etag);
    }
}

static void check_override(const struct judge *j, const struct op *op, const json_t *entry,
                           const char *reason)
{
    const json_t *now = j->model.keys[op->key].override;
    const json_t *after = json_object_get(entry, "after");
    if (strcmp(text(entry, "action"), action_of(op, false)) != 0 ||
        strcmp(text(after, "kind"), text(now, "kind")) != 0 ||
        strcmp(text(after, "variant"), text(now, "variant")) != 0 ||
        strcmp(text(after, "reason"), text(now, "reason")) != 0) {
        wrong("%s: the entry tells of another override", reason);
    }
}

/* What the request insisted on: that version, or none at all. */
static void check_match(const struct judge *j, const struct op *op, const char *reason)
{
    const unsigned key = op->verb == V_COPY ? op->to : op->key;
    const struct model_version *now = model_now(&j->model, key);
    char etag[64];
    snprintf(etag, sizeof etag, "\"%zu\"", j->model.keys[key].count);
    if (op->match_reason[0]) {
        if (strcmp(text(j->model.keys[key].override, "reason"), op->match_reason) != 0) {
            wrong("%s: LOST UPDATE: it was for the override of %s, and that was of %s", reason,
                  op->match_reason, text(j->model.keys[key].override, "reason"));
        }
    } else if ((op->match[0] && (!now || strcmp(op->match, etag) != 0)) ||
               (op->must_be_new && now)) {
        wrong("%s: LOST UPDATE: it was for version %s, and that was %s", reason,
              op->must_be_new ? "(none)" : op->match, etag);
    }
}

static struct op *op_of(struct writer *writers, size_t count, const char *reason)
{
    char *end;
    const unsigned long round = strtoul(reason, &end, 10);
    const unsigned long client = *end == '.' ? strtoul(end + 1, &end, 10) : count;
    const size_t number = *end == '.' ? strtoul(end + 1, &end, 10) : SIZE_MAX;
    if (client >= count || writers[client].round != round || number >= writers[client].count) {
        return NULL;
    }
    return &writers[client].ops[number];
}

/* The agent's own: that it found what an earlier one had published, and what it published itself.
 */
static bool is_own(const json_t *entry)
{
    const char *action = text(entry, "action");
    return strcmp(action, "agent.adopt") == 0 || strcmp(action, "source.change") == 0;
}

static void judge_entry(struct judge *j, const json_t *entry, struct writer *writers, size_t count)
{
    const char *reason = text(entry, "reason");
    struct op *op = op_of(writers, count, reason);
    j->audit++;
    if (json_integer_value(json_object_get(entry, "number")) != j->audit) {
        wrong("entry %" PRId64 " is missing", j->audit);
    }
    if (is_own(entry)) {
        j->own_entries++;
        return;
    }
    j->entries++;
    snprintf(j->digest, sizeof j->digest, "%s", text(entry, "digest"));
    if (!op || op->audit || op->dry_run || (op->status && op->status > 201)) {
        wrong("entry %" PRId64 " (%s) is of nothing that was done", j->audit, reason);
        return;
    }
    op->audit = j->audit;
    check_match(j, op, reason);
    model_apply(&j->model, op, reason, j->audit);
    if (op->verb == V_KILL || op->verb == V_PIN || op->verb == V_REVIVE) {
        check_override(j, op, entry, reason);
    } else {
        check_version(j, op, entry, reason);
    }
    if (op->status && op->done_ns < j->latest_sent_ns) {
        wrong("%s: done after it was answered", reason);
    }
    if (op->sent_ns > j->latest_sent_ns) {
        j->latest_sent_ns = op->sent_ns;
    }
    if (op->status && strcmp(op->digest, j->digest) != 0) {
        wrong("%s: answered with another digest", reason);
    }
    j->stored_unanswered += op->status == 0;
}

/* The entries that are new, oldest first: a new array. */
static json_t *new_entries(struct judge *j)
{
    json_t *all = json_array();
    json_int_t next = 0;
    bool more = true;
    while (more) {
        char path[64] = "/audit?limit=1000";
        if (next) {
            snprintf(path, sizeof path, "/audit?limit=1000&after=%" JSON_INTEGER_FORMAT, next);
        }
        json_t *page = must_get(j, path);
        json_t *items = json_object_get(page, "items");
        for (size_t i = 0; more && i < json_array_size(items); i++) {
            json_t *one = json_array_get(items, i);
            more = json_integer_value(json_object_get(one, "number")) > j->audit;
            if (more) {
                json_array_insert(all, 0, one);
            }
        }
        next = json_integer_value(json_object_get(page, "next"));
        more = more && next;
        json_decref(page);
    }
    return all;
}

static void judge_trail(struct judge *j, struct writer *writers, size_t count)
{
    json_t *entries = new_entries(j);
    size_t i;
    json_t *one;
    json_array_foreach(entries, i, one)
    {
        judge_entry(j, one, writers, count);
    }
    json_decref(entries);
    json_t *verified = must_get(j, "/audit/verify");
    if (!json_is_null(json_object_get(verified, "bad")) ||
        json_integer_value(json_object_get(verified, "entries")) != j->audit) {
        wrong("the chain does not verify: %s", text(verified, "why"));
    }
    json_decref(verified);
}

/* ---- 2: who was answered -------------------------------------------------------------------- */

/* Answered with success, and no entry: then that version was what it wanted already. */
static bool had_nothing_to_do(const struct judge *j, const struct op *op)
{
    const struct model_key *k = &j->model.keys[op->key];
    json_t *body;
    enum came came;
    if (op->version < 1 || op->version > (int64_t)k->count || op->verb == V_COPY) {
        return false;
    }
    const struct model_version *v = &k->versions[op->version - 1];
    if (!model_result(&j->model, op, v, &body, &came)) {
        return false;
    }
    const bool same = came == v->came && json_equal(body, v->body);
    json_decref(body);
    return same;
}

static void judge_answers(struct judge *j, const struct writer *w)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct op *op = &w->ops[i];
        if (op->dry_run || op->audit || op->status > 201) {
            continue;
        }
        if (op->status == 0) {
            j->lost_unanswered++;
        } else if (had_nothing_to_do(j, op)) {
            j->nothing_to_do++;
        } else {
            wrong("%u.%u.%zu: LOST WRITE: it was answered %d, and the trail has no entry of it",
                  w->round, w->number, i, op->status);
        }
    }
}

/* ---- 3: histories --------------------------------------------------------------------------- */

static void check_history_item(const struct model_key *k, unsigned key, const json_t *item,
                               size_t version)
{
    const struct model_version *v = &k->versions[version - 1];
    const json_t *definition = json_object_get(item, "definition");
    if (json_integer_value(json_object_get(item, "version")) != (json_int_t)version ||
        json_integer_value(json_object_get(item, "audit")) != v->audit ||
        strcmp(text(item, "came"), came_names[v->came]) != 0 ||
        (v->body ? !json_equal(definition, v->body) : !json_is_null(definition))) {
        wrong("%s: version %zu of its history is another one", write_keys[key].name, version);
    }
}

static void judge_history(struct judge *j, unsigned key)
{
    struct model_key *k = &j->model.keys[key];
    const bool segment = write_keys[key].kind == K_SEGMENT;
    const size_t kept = k->count > VERSIONS_KEPT ? k->count - VERSIONS_KEPT : 0;
    const size_t until = kept > k->judged ? kept : k->judged;
    size_t version = k->count;
    bool more = true; /* to see that there is none above */
    while (more) {
        char path[128];
        const int length = snprintf(path, sizeof path, "/%s/%s/history?limit=200",
                                    segment ? "segments" : "flags", write_keys[key].name);
        if (version < k->count) {
            snprintf(path + length, sizeof path - (size_t)length, "&before=%zu", version + 1);
        }
        json_t *page = must_get(j, path);
        const json_t *items = json_object_get(page, "items");
        for (size_t i = 0; i < json_array_size(items) && version > until; i++) {
            check_history_item(k, key, json_array_get(items, i), version--);
        }
        more = version > until && json_array_size(items) > 0;
        json_decref(page);
    }
    if (version > until) {
        wrong("%s: its history ends with version %zu", write_keys[key].name, version + 1);
    }
    k->judged = k->count;
}

/* ---- 4: lists ------------------------------------------------------------------------------- */

static const json_t *item_of(const json_t *page, const char *member, const char *name)
{
    const json_t *items = json_object_get(page, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        if (strcmp(text(item, member), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static void judge_lists(struct judge *j)
{
    json_t *flags = must_get(j, "/flags?archived=true&limit=1000");
    json_t *segments = must_get(j, "/segments?archived=true&limit=1000");
    json_t *overrides = must_get(j, "/overrides");
    json_t *status = must_get(j, "/status");
    size_t listed = 0;
    size_t overridden = 0;
    for (unsigned key = 0; key < write_key_count; key++) {
        const struct model_key *k = &j->model.keys[key];
        const struct model_version *now = model_now(&j->model, key);
        const json_t *item = item_of(write_keys[key].kind == K_SEGMENT ? segments : flags, "key",
                                     write_keys[key].name);
        const json_t *override = item_of(overrides, "flag", write_keys[key].name);
        listed += now != NULL;
        overridden += k->override != NULL;
        if (!now != !item ||
            (now &&
             (json_integer_value(json_object_get(item, "version")) != (json_int_t)k->count ||
              json_is_true(json_object_get(item, "archived")) != (now->came == CAME_ARCHIVED)))) {
            wrong("%s is not listed as it is", write_keys[key].name);
        }
        if (!k->override != !override ||
            strcmp(text(k->override, "reason"), text(override, "reason")) != 0 ||
            strcmp(text(k->override, "variant"), text(override, "variant")) != 0) {
            wrong("the override of %s is not listed as it is", write_keys[key].name);
        }
    }
    if (json_array_size(json_object_get(flags, "items")) +
                json_array_size(json_object_get(segments, "items")) !=
            listed ||
        json_array_size(json_object_get(overrides, "items")) != overridden) {
        wrong("more is listed than there is");
    }
    if (j->digest[0] &&
        strcmp(text(json_object_get(status, "snapshot"), "digest"), j->digest) != 0) {
        wrong("published is %s, and the newest entry has %s",
              text(json_object_get(status, "snapshot"), "digest"), j->digest);
    }
    json_decref(flags);
    json_decref(segments);
    json_decref(overrides);
    json_decref(status);
}

/* ---- 5: programs ---------------------------------------------------------------------------- */

static bool count_flag(void *arg, const struct ffshm_flag_info *info)
{
    (void)info;
    ++*(size_t *)arg;
    return true;
}

/* The first flag that is another one; NULL: none is. */
static const char *differs(const struct judge *j, struct ffshm *ff)
{
    struct ffshm_context who;
    struct ffshm_view view;
    size_t count = 0;
    size_t expected = 0;
    const char *which = NULL;
    ffshm_context_init(&who, "user", WHO);
    ffshm_refresh(ff);
    ffshm_pin(ff, &view);
    ffshm_each(&view, count_flag, &count);
    for (unsigned key = 0; key < write_key_count && !which; key++) {
        if (write_keys[key].kind == K_SEGMENT) {
            continue;
        }
        const struct ffshm_result r = ffshm_evaluate(&view, write_keys[key].name, &who);
        json_t *value = model_value(&j->model, key);
        expected += value != NULL;
        if (value ? r.variation < 0 || r.number != json_number_value(value) ||
                        r.flag_version != (int64_t)j->model.keys[key].count
                  : r.error != FFSHM_FLAG_NOT_FOUND) {
            which = write_keys[key].name;
        }
        json_decref(value);
    }
    ffshm_unpin(&view);
    return which ? which : count != expected ? "(the number of flags)" : NULL;
}

/* After a restart it may take the agent a moment to publish what it had stored last. */
static void judge_readers(struct judge *j)
{
    const int64_t start = now_ns();
    for (size_t i = 0; i < READERS; i++) {
        const char *which = j->readers[i] ? differs(j, j->readers[i]) : NULL;
        while (which && now_ns() - start < PATIENCE_NS) {
            nanosleep(&(struct timespec){0, 200000}, NULL);
            which = differs(j, j->readers[i]);
        }
        if (which) {
            wrong("reader %zu evaluates %s to something else", i, which);
        }
    }
    if (now_ns() - start > j->slowest_ns) {
        j->slowest_ns = now_ns() - start;
    }
}

void judge_all(struct judge *j, struct writer *writers, size_t count)
{
    judge_trail(j, writers, count);
    for (size_t i = 0; i < count; i++) {
        judge_answers(j, &writers[i]);
    }
    for (unsigned key = 0; key < write_key_count; key++) {
        judge_history(j, key);
    }
    judge_readers(j);
    judge_lists(j);
}
