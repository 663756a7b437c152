/*
 * One blob: everything that the evaluator will follow in it, followed here first with checks.
 *
 * Two rules keep the work, here and in every evaluation, linear in the blob's size whatever its
 * bytes are: an array or a struct is claimed once for each time that it is named, and the claims
 * together may not exceed the blob (a compiler that shares nothing but strings never does); a
 * string costs one look at its terminator. There is no recursion: no struct names one of its own
 * kind.
 */
#include <math.h>
#include <stdbool.h>

#include "ffshm.h"
#include "hash.h"
#include "image_verify.h"

struct walk {
    const uint8_t *base;
    uint32_t first;     /* nothing starts before it: the end of the blob's own struct */
    uint32_t end;       /* nothing but a string's NUL is at or after it: size - IMAGE_TAIL */
    uint32_t unclaimed; /* bytes that arrays and structs may still claim */
    uint32_t variation_count;
    uint32_t regex_count;
    const char *why;
};

static bool refuse(struct walk *w, const char *why)
{
    w->why = why;
    return false;
}

/* The array of count elements at offset; NULL with w->why when it may not be there, a pointer that
   is not to be read when count is 0. */
static const void *claim(struct walk *w, uint32_t offset, uint32_t count, size_t element,
                         uint32_t alignment, const char *why)
{
    if (count == 0) {
        if (offset == 0 || (offset >= w->first && offset <= w->end)) {
            return w->base;
        }
        refuse(w, why);
        return NULL;
    }
    const uint64_t bytes = (uint64_t)count * element; /* both below 2^32 */
    if (offset < w->first || offset > w->end || bytes > w->end - offset ||
        offset % alignment != 0 || bytes > w->unclaimed) {
        refuse(w, why);
        return NULL;
    }
    w->unclaimed -= (uint32_t)bytes;
    return w->base + offset;
}

/* A string that may be absent. Its NUL may be the first byte of the (zero) tail. */
static bool string(struct walk *w, struct image_string s, const char *why)
{
    if (s.offset == 0 && s.length == 0) {
        return true;
    }
    if (s.offset < w->first || s.offset > w->end || s.length > w->end - s.offset ||
        w->base[s.offset + s.length] != 0) {
        return refuse(w, why);
    }
    return true;
}

static bool present(struct walk *w, struct image_string s, const char *why)
{
    return s.offset != 0 ? string(w, s, why) : refuse(w, why);
}

static bool power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static bool set(struct walk *w, const struct image_set *s)
{
    if (s->capacity == 0) {
        return s->count == 0 ? true : refuse(w, "set.count");
    }
    /* An empty entry ends every probe. */
    if (!power_of_two(s->capacity) || s->count >= s->capacity) {
        return refuse(w, "set.capacity");
    }
    const struct image_set_entry *entries =
        claim(w, s->entries_offset, s->capacity, sizeof(struct image_set_entry), 16, "set.entries");
    if (!entries) {
        return false;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < s->capacity; i++) {
        used += (entries[i].lo | entries[i].hi) != 0;
    }
    return used == s->count ? true : refuse(w, "set.count");
}

static bool path(struct walk *w, uint32_t offset)
{
    const struct image_path *p = claim(w, offset, 1, sizeof(struct image_path), 8, "path");
    if (!p) {
        return false;
    }
    /* The components follow at once, so the sum cannot wrap: the claim above ended by w->end. */
    if (p->count == 0 || !claim(w, offset + (uint32_t)sizeof(struct image_path), p->count,
                                sizeof(struct image_string), 8, "path.components")) {
        return refuse(w, "path.components");
    }
    for (uint32_t i = 0; i < p->count; i++) {
        if (!present(w, p->components[i], "path.component")) {
            return false;
        }
    }
    return true;
}

static bool selector(struct walk *w, const struct image_selector *by)
{
    if (by->attribute > IMAGE_ATTRIBUTE_MISSING) {
        return refuse(w, "selector.attribute");
    }
    if (by->attribute == IMAGE_ATTRIBUTE_PATH) {
        if (!path(w, by->path)) {
            return false;
        }
    } else if (by->path != 0) {
        return refuse(w, "selector.path");
    }
    return string(w, by->text, "selector.text") && string(w, by->kind, "selector.kind");
}

static bool variation(const struct walk *w, int32_t v)
{
    return v == IMAGE_SERVE_MALFORMED || (v >= 0 && (uint32_t)v < w->variation_count);
}

/* weighted: of a serve, with at least one variation (the last one takes what rounding leaves over);
   else of a segment rule or of bucketBelow, with none. */
static bool rollout(struct walk *w, uint32_t offset, bool weighted)
{
    const struct image_rollout *r = claim(w, offset, 1, sizeof(struct image_rollout), 8, "rollout");
    if (!r || !selector(w, &r->by) || !string(w, r->prefix, "rollout.prefix")) {
        return false;
    }
    if (r->experiment > 1) {
        return refuse(w, "rollout.experiment");
    }
    if (isnan(r->below)) {
        return refuse(w, "rollout.below");
    }
    if (weighted != (r->count != 0)) {
        return refuse(w, "rollout.count");
    }
    const struct image_weighted *each = claim(w, r->weighted_offset, r->count,
                                              sizeof(struct image_weighted), 8, "rollout.weighted");
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        if (!variation(w, each[i].variation) || isnan(each[i].upper) || each[i].untracked > 1) {
            return refuse(w, "rollout.weighted");
        }
    }
    return true;
}

static bool serve(struct walk *w, struct image_serve s)
{
    if (s.variation == IMAGE_SERVE_ROLLOUT) {
        return rollout(w, s.rollout, true);
    }
    return variation(w, s.variation) && s.rollout == 0 ? true : refuse(w, "serve");
}

static bool semver(struct walk *w, uint32_t offset)
{
    const struct image_semver *v = claim(w, offset, 1, sizeof(struct image_semver), 8, "semver");
    return v && string(w, v->prerelease, "semver.prerelease");
}

static bool value_set(struct walk *w, uint32_t offset)
{
    const struct image_set *s = claim(w, offset, 1, sizeof(struct image_set), 8, "value.set");
    return s && set(w, s);
}

#define TYPE(name) (1u << IMAGE_VALUE_##name)

/* Which types of value an operator may have. */
static const uint16_t op_types[IMAGE_OP_COUNT] = {
    [IMAGE_OP_NEVER] = 0,
    [IMAGE_OP_IN] = TYPE(BOOL) | TYPE(NUMBER) | TYPE(STRING) | TYPE(SET),
    [IMAGE_OP_STARTS_WITH] = TYPE(STRING),
    [IMAGE_OP_ENDS_WITH] = TYPE(STRING),
    [IMAGE_OP_CONTAINS] = TYPE(STRING),
    [IMAGE_OP_MATCHES] = TYPE(REGEX),
    [IMAGE_OP_LESS] = TYPE(NUMBER),
    [IMAGE_OP_LESS_OR_EQUAL] = TYPE(NUMBER),
    [IMAGE_OP_GREATER] = TYPE(NUMBER),
    [IMAGE_OP_GREATER_OR_EQUAL] = TYPE(NUMBER),
    [IMAGE_OP_BEFORE] = TYPE(INSTANT),
    [IMAGE_OP_AFTER] = TYPE(INSTANT),
    [IMAGE_OP_SEMVER_EQUAL] = TYPE(SEMVER),
    [IMAGE_OP_SEMVER_LESS] = TYPE(SEMVER),
    [IMAGE_OP_SEMVER_GREATER] = TYPE(SEMVER),
    [IMAGE_OP_SEGMENT_MATCH] = TYPE(SEGMENT),
    [IMAGE_OP_EXISTS] = 0,
    [IMAGE_OP_BUCKET_BELOW] = TYPE(ROLLOUT),
};

static bool value(struct walk *w, uint8_t op, const struct image_value *v)
{
    const struct image_string text = {v->offset, v->length};
    if (v->type > IMAGE_VALUE_ROLLOUT || !(op_types[op] & (1u << v->type))) {
        return refuse(w, "value.type");
    }
    switch (v->type) {
    case IMAGE_VALUE_BOOL:
        return v->as.number == 0 || v->as.number == 1 ? true : refuse(w, "value.bool");
    case IMAGE_VALUE_NUMBER:
        return !isnan(v->as.number) ? true : refuse(w, "value.number");
    case IMAGE_VALUE_STRING:
        return present(w, text, "value.string");
    case IMAGE_VALUE_REGEX:
        w->regex_count++;
        return present(w, text, "value.regex");
    case IMAGE_VALUE_INSTANT:
        return v->offset < 1000000000 ? true : refuse(w, "value.instant");
    case IMAGE_VALUE_SEMVER:
        return semver(w, v->offset);
    case IMAGE_VALUE_SEGMENT:
        /* The key's NUL need not be looked for: the tail ends it at the latest. */
        return v->length < IMAGE_MAX_SLOTS && v->offset >= w->first && v->offset <= w->end
                   ? true
                   : refuse(w, "value.segment");
    case IMAGE_VALUE_SET:
        return value_set(w, v->offset);
    default:
        return rollout(w, v->offset, false);
    }
}

static bool clause(struct walk *w, const struct image_clause *c)
{
    if (c->op >= IMAGE_OP_COUNT) {
        return refuse(w, "clause.op");
    }
    if (c->negate > 1) {
        return refuse(w, "clause.negate");
    }
    if (!selector(w, &c->by) || !string(w, c->op_name, "clause.op_name")) {
        return false;
    }
    /* The evaluator looks at `first` without a detour when there is one value. */
    const struct image_value *values = &c->first;
    if (c->value_count == 1) {
        if (c->values_offset != (size_t)((const uint8_t *)values - w->base)) {
            return refuse(w, "clause.values");
        }
    } else {
        values = claim(w, c->values_offset, c->value_count, sizeof(struct image_value), 8,
                       "clause.values");
    }
    if (!values) {
        return false;
    }
    for (uint32_t i = 0; i < c->value_count; i++) {
        if (!value(w, c->op, &values[i])) {
            return false;
        }
    }
    return c->plain == IMAGE_CLAUSE_IS_PLAIN(c) ? true : refuse(w, "clause.plain");
}

static bool clauses(struct walk *w, uint32_t offset, uint32_t count)
{
    const struct image_clause *each =
        claim(w, offset, count, sizeof(struct image_clause), 8, "clauses");
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!clause(w, &each[i])) {
            return false;
        }
    }
    return true;
}

static bool rules(struct walk *w, uint32_t offset, uint32_t count)
{
    const struct image_rule *each = claim(w, offset, count, sizeof(struct image_rule), 8, "rules");
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!serve(w, each[i].serve) || !string(w, each[i].id, "rule.id") ||
            !clauses(w, each[i].clauses_offset, each[i].clause_count)) {
            return false;
        }
    }
    return true;
}

/* of_flag: with variations to serve; a segment's targets carry 0 there. */
static bool targets(struct walk *w, uint32_t offset, uint32_t count, bool of_flag, const char *why)
{
    const struct image_target *each = claim(w, offset, count, sizeof(struct image_target), 8, why);
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (of_flag ? !variation(w, each[i].variation) : each[i].variation != 0) {
            return refuse(w, "target.variation");
        }
        if (!string(w, each[i].kind, "target.kind") || !set(w, &each[i].keys)) {
            return false;
        }
    }
    return true;
}

static bool variations(struct walk *w, const struct image_flag *f)
{
    const struct image_variation *each = claim(w, f->variations_offset, f->variation_count,
                                               sizeof(struct image_variation), 8, "variations");
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < f->variation_count; i++) {
        if (each[i].type > IMAGE_OBJECT || each[i].boolean > 1 || isnan(each[i].number)) {
            return refuse(w, "variation.value");
        }
        if (!present(w, each[i].text, "variation.text") ||
            !present(w, each[i].json, "variation.json") ||
            !string(w, each[i].key, "variation.key")) {
            return false;
        }
    }
    return true;
}

static bool prerequisites(struct walk *w, const struct image_flag *f)
{
    const struct image_prerequisite *each =
        claim(w, f->prerequisites_offset, f->prerequisite_count, sizeof(struct image_prerequisite),
              8, "prerequisites");
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < f->prerequisite_count; i++) {
        if (each[i].slot >= IMAGE_MAX_SLOTS) {
            return refuse(w, "prerequisite.slot");
        }
        if (!present(w, each[i].key, "prerequisite.key")) {
            return false;
        }
    }
    return true;
}

static bool tags(struct walk *w, const struct image_flag *f)
{
    const struct image_string *each =
        claim(w, f->tags_offset, f->tag_count, sizeof(struct image_string), 8, "tags");
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < f->tag_count; i++) {
        if (!present(w, each[i], "tag")) {
            return false;
        }
    }
    return true;
}

/* A step that is to be done has something to do; a step may be left out only where the flag is off
   and none is ever done. */
static bool steps(struct walk *w, const struct image_flag *f)
{
    const uint32_t all =
        IMAGE_STEP_OFF | IMAGE_STEP_PREREQUISITES | IMAGE_STEP_TARGETS | IMAGE_STEP_RULES;
    const uint32_t possible = (f->prerequisite_count ? IMAGE_STEP_PREREQUISITES : 0) |
                              (f->target_count ? IMAGE_STEP_TARGETS : 0) |
                              (f->rule_count ? IMAGE_STEP_RULES : 0) | IMAGE_STEP_OFF;
    if ((f->steps & ~all) != 0 || (f->steps & ~possible) != 0) {
        return refuse(w, "flag.steps");
    }
    if (!(f->steps & IMAGE_STEP_OFF) && f->steps != (possible & ~IMAGE_STEP_OFF)) {
        return refuse(w, "flag.steps");
    }
    return true;
}

static bool flag(struct walk *w, const struct image_flag *f)
{
    w->variation_count = f->variation_count;
    if (f->off_variation != IMAGE_SERVE_NOTHING && !variation(w, f->off_variation)) {
        return refuse(w, "flag.off_variation");
    }
    return steps(w, f) && variations(w, f) && serve(w, f->fallthrough) && prerequisites(w, f) &&
           targets(w, f->targets_offset, f->target_count, true, "flag.targets") &&
           rules(w, f->rules_offset, f->rule_count) && tags(w, f) &&
           string(w, f->provenance, "flag.provenance");
}

static bool segment(struct walk *w, const struct image_segment *s)
{
    if (!targets(w, s->includes_offset, s->include_count, false, "segment.includes") ||
        !targets(w, s->excludes_offset, s->exclude_count, false, "segment.excludes") ||
        !string(w, s->unbounded_kind, "segment.unbounded_kind") ||
        !string(w, s->provenance, "segment.provenance")) {
        return false;
    }
    const struct image_segment_rule *each = claim(
        w, s->rules_offset, s->rule_count, sizeof(struct image_segment_rule), 8, "segment.rules");
    if (!each) {
        return false;
    }
    for (uint32_t i = 0; i < s->rule_count; i++) {
        if (!string(w, each[i].id, "segment_rule.id") ||
            !clauses(w, each[i].clauses_offset, each[i].clause_count) ||
            (each[i].rollout != 0 && !rollout(w, each[i].rollout, false))) {
            return false;
        }
    }
    return true;
}

static bool index_entries(struct walk *w, const struct image_index *x)
{
    if (!power_of_two(x->capacity) || x->count > x->capacity / 2) {
        return refuse(w, "index.capacity");
    }
    const struct image_index_entry *entries = claim(
        w, x->entries_offset, x->capacity, sizeof(struct image_index_entry), 8, "index.entries");
    if (!entries) {
        return false;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < x->capacity; i++) {
        if (entries[i].slot == IMAGE_NO_SLOT) {
            continue;
        }
        if (entries[i].slot >= IMAGE_MAX_SLOTS) {
            return refuse(w, "index.slot");
        }
        used++;
    }
    /* With capacity 1 the check above leaves count 0: some entry is empty, and every probe ends. */
    return used == x->count ? true : refuse(w, "index.count");
}

/* Sizes, the tail and the key; sets the walk up. */
static bool frame(struct walk *w, const struct image_blob *b, size_t length)
{
    static const uint32_t sizes[] = {[IMAGE_FLAG] = sizeof(struct image_flag),
                                     [IMAGE_SEGMENT] = sizeof(struct image_segment),
                                     [IMAGE_INDEX] = sizeof(struct image_index)};
    if (length < sizeof(struct image_blob)) {
        return refuse(w, "blob.size");
    }
    if (b->kind < IMAGE_FLAG || b->kind > IMAGE_INDEX) {
        return refuse(w, "blob.kind");
    }
    if (b->size > length || b->size % IMAGE_ALIGN != 0 || b->size < sizes[b->kind] + IMAGE_TAIL) {
        return refuse(w, "blob.size");
    }
    w->base = (const uint8_t *)b;
    w->first = sizes[b->kind];
    w->end = b->size - IMAGE_TAIL;
    w->unclaimed = w->end - w->first;
    for (uint32_t i = w->end; i < b->size; i++) {
        if (w->base[i] != 0) {
            return refuse(w, "blob.tail");
        }
    }
    if (b->kind == IMAGE_INDEX) {
        return b->key.offset == 0 && b->key.length == 0 && b->key_hash == 0
                   ? true
                   : refuse(w, "index.key");
    }
    return present(w, b->key, "blob.key") &&
           (b->key_hash == hash_bytes(w->base + b->key.offset, b->key.length)
                ? true
                : refuse(w, "blob.key_hash"));
}

int image_verify_blob_counting(const void *bytes, size_t length, uint32_t *regex_count,
                               const char **why)
{
    struct walk w = {0};
    const struct image_blob *b = bytes;
    bool good = frame(&w, b, length);
    if (good) {
        switch (b->kind) {
        case IMAGE_FLAG:
            good = flag(&w, bytes);
            break;
        case IMAGE_SEGMENT:
            good = segment(&w, bytes);
            break;
        default:
            good = index_entries(&w, bytes);
            break;
        }
    }
    if (!good) {
        if (why) {
            *why = w.why;
        }
        return FFSHM_BAD_STRUCTURE;
    }
    *regex_count = w.regex_count;
    return FFSHM_OK;
}

int image_verify_blob(const void *bytes, size_t length, const char **why)
{
    uint32_t regex_count;
    return image_verify_blob_counting(bytes, length, &regex_count, why);
}
