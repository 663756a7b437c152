#include "references.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../catalog/member.h"
#include "../catalog/model_references.h"
#include "../pipeline_links.h"

/* Where a native definition says it. */
static void place(const struct model_item *item, const struct model_reference *r,
                  char member[MEMBER_TEXT])
{
    if (r->prerequisite) {
        snprintf(member, MEMBER_TEXT, "prerequisites[%zu].flag", r->at);
    } else {
        snprintf(member, MEMBER_TEXT, "%s[%zu].conditions[%zu].value",
                 item->kind == IMAGE_FLAG ? "targeting_rules" : "rules", r->at, r->clause);
    }
}

static const char *kind_name(enum image_blob_kind kind)
{
    return kind == IMAGE_SEGMENT ? "segment" : "flag";
}

/* ---- what an item names --------------------------------------------------------------------- */

struct naming {
    const struct pipeline *p;
    const struct model_item *item;
    struct fault *fault;
    bool bad;
};

static void check_name(void *arg, const struct model_reference *r)
{
    struct naming *n = arg;
    char member[MEMBER_TEXT];
    const struct model_item *other = pipeline_in_force(n->p, r->kind, r->key);
    if (n->bad) {
        return;
    }
    if (!other) {
        place(n->item, r, member);
        fault_set(n->fault, member, "make it first, or look for a typing mistake",
                  "there is no %s \"%.128s\"", kind_name(r->kind), r->key);
        n->bad = true;
    } else if (r->prerequisite && r->prerequisite->variant.text &&
               links_variation(&other->as.flag, r->prerequisite->variant) < 0) {
        snprintf(member, sizeof member, "prerequisites[%zu].variant", r->at);
        fault_set(n->fault, member, "`ffctl flags get` tells its variants",
                  "the flag \"%.128s\" has no variant \"%.96s\"", r->key,
                  r->prerequisite->variant.text);
        n->bad = true;
    }
}

/* ---- circles, and what is nested too deep --------------------------------------------------- */

int references_depths_init(struct references_depths *d)
{
    *d = (struct references_depths){json_object(), json_object()};
    return d->flags && d->segments ? 0 : -1;
}

void references_depths_free(struct references_depths *d)
{
    json_decref(d->flags);
    json_decref(d->segments);
}

/* Of one item, while what it needs is looked at. */
struct measuring {
    const struct pipeline *p;
    json_t *known; /* of its kind: only those can lead back */
    enum image_blob_kind kind;
    unsigned level;
    json_int_t deepest; /* of what it needs; MAX_DEPTH or more: not known */
};

static json_int_t measure(const struct measuring *of, const struct model_item *item);

static void measure_reference(void *arg, const struct model_reference *r)
{
    struct measuring *m = arg;
    const struct model_item *item =
        r->kind == m->kind ? pipeline_in_force(m->p, r->kind, r->key) : NULL;
    if (item && m->deepest < IMAGE_MAX_DEPTH) {
        const json_int_t depth = measure(m, item);
        m->deepest = depth == 0 ? IMAGE_MAX_DEPTH : depth > m->deepest ? depth : m->deepest;
    }
}

/* How many levels there are with the item; 0: too many, or there is a circle. */
static json_int_t measure(const struct measuring *of, const struct model_item *item)
{
    const json_t *known = json_object_get(of->known, item->key.text);
    struct measuring m = {of->p, of->known, of->kind, of->level + 1, 0};
    if (known) {
        return json_integer_value(known);
    }
    if (m.level > IMAGE_MAX_DEPTH ||
        json_object_set_new_nocheck(m.known, item->key.text, json_integer(0)) != 0) {
        return 0; /* as long as it is on the way to itself, too */
    }
    model_references(item, measure_reference, &m);
    const json_int_t depth = m.deepest < IMAGE_MAX_DEPTH ? m.deepest + 1 : 0;
    (void)json_object_set_new_nocheck(m.known, item->key.text, json_integer(depth));
    return depth;
}

/* A search for a way from an item back to itself. */
struct search {
    const struct pipeline *p;
    const struct model_item *start;
    json_t *seen; /* keys of the same kind, for only those can lead back */
    unsigned depth;
    bool found;
    bool too_deep;
    char path[300]; /* from the end */
};

static void search_item(struct search *s, const struct model_item *item);

static void search_reference(void *arg, const struct model_reference *r)
{
    struct search *s = arg;
    if (s->found || r->kind != s->start->kind) {
        return;
    }
    if (r->length == s->start->key.length && memcmp(r->key, s->start->key.text, r->length) == 0) {
        s->found = true;
        snprintf(s->path, sizeof s->path, "%.80s", r->key);
        return;
    }
    const struct model_item *item = pipeline_in_force(s->p, r->kind, r->key);
    if (item && !json_object_get(s->seen, r->key)) {
        json_object_set_new_nocheck(s->seen, r->key, json_true());
        search_item(s, item);
    }
}

static void search_item(struct search *s, const struct model_item *item)
{
    char rest[sizeof s->path];
    if (s->depth == IMAGE_MAX_DEPTH) {
        s->too_deep = true;
        return;
    }
    s->depth++;
    model_references(item, search_reference, s);
    s->depth--;
    if (s->found) {
        memcpy(rest, s->path, sizeof rest);
        snprintf(s->path, sizeof s->path, "%.80s -> %.200s", item->key.text, rest);
    }
}

static int check_circle(const struct pipeline *p, const struct model_item *item,
                        struct references_depths *depths, struct fault *fault)
{
    const char *member = item->kind == IMAGE_FLAG ? "prerequisites" : "rules";
    struct search s = {.p = p, .start = item, .seen = json_object()};
    const struct measuring all = {p, item->kind == IMAGE_FLAG ? depths->flags : depths->segments,
                                  item->kind, 0, 0};
    if (measure(&all, item) > 0) {
        json_decref(s.seen);
        return 0;
    }
    search_item(&s, item);
    json_decref(s.seen);
    if (s.found) {
        fault_set(fault, member, "take one of them out",
                  item->kind == IMAGE_FLAG ? "prerequisites form a circle: %s"
                                           : "segments refer to each other in a circle: %s",
                  s.path);
    } else if (s.too_deep) {
        fault_set(fault, member, "an evaluation would give up",
                  "what it needs is nested deeper than %u levels", IMAGE_MAX_DEPTH);
    }
    return s.found || s.too_deep ? -1 : 0;
}

int references_check(const struct pipeline *p, enum image_blob_kind kind, const char *key,
                     struct references_depths *depths, struct fault *fault)
{
    const struct model_item *item = pipeline_in_force(p, kind, key);
    if (!item) {
        return 0;
    }
    struct naming n = {p, item, fault, false};
    model_references(item, check_name, &n);
    return n.bad ? -1 : check_circle(p, item, depths, fault);
}

/* ---- who names an item ---------------------------------------------------------------------- */

struct users {
    const struct pipeline *p;
    enum image_blob_kind kind;
    const char *key;
    size_t length;
    const struct model_item *now; /* NULL: it is gone */
    const struct model_item *user;
    char first[128]; /* who needs it */
    char lacking[96];
    size_t count;
};

static void check_user(void *arg, const struct model_reference *r)
{
    struct users *u = arg;
    if (r->kind != u->kind || r->length != u->length || memcmp(r->key, u->key, r->length) != 0) {
        return;
    }
    const bool lacks = u->now && r->prerequisite && r->prerequisite->variant.text &&
                       links_variation(&u->now->as.flag, r->prerequisite->variant) < 0;
    if (u->now && !lacks) {
        return;
    }
    if (u->count++ == 0) {
        snprintf(u->first, sizeof u->first, "%s \"%.96s\"", kind_name(u->user->kind),
                 u->user->key.text);
        snprintf(u->lacking, sizeof u->lacking, "%.95s",
                 lacks ? r->prerequisite->variant.text : "");
    }
}

static void look_for_users(void *arg, enum image_blob_kind kind, const char *key)
{
    struct users *u = arg;
    u->user = pipeline_in_force(u->p, kind, key);
    if (u->user) {
        model_references(u->user, check_user, u);
    }
}

int references_check_users(const struct pipeline *p, enum image_blob_kind kind, const char *key,
                           struct fault *fault)
{
    struct users u = {.p = p,
                      .kind = kind,
                      .key = key,
                      .length = strlen(key),
                      .now = pipeline_in_force(p, kind, key)};
    char others[32] = "";
    if (u.now && kind == IMAGE_SEGMENT) {
        return 0; /* that it is there is all that anybody needs */
    }
    pipeline_referrers(p, kind, key, look_for_users, &u);
    if (u.count == 0) {
        return 0;
    }
    if (u.count > 1) {
        snprintf(others, sizeof others, " and %zu more", u.count - 1);
    }
    if (u.now) {
        fault_set(fault, "variants", "keep it, or change who needs it first",
                  "variant \"%s\" is needed by %s%s", u.lacking, u.first, others);
    } else {
        fault_set(fault, "key", "change who needs it first", "it is needed by %s%s", u.first,
                  others);
    }
    return -1;
}

/* ---- who is affected ------------------------------------------------------------------------ */

struct affected {
    const struct pipeline *p;
    json_t *flags;                 /* found so far, as names of members */
    json_t *segments;              /* likewise */
    struct references_item *found; /* in order; the keys are those of what refers to them */
    size_t count, room;
    struct references_item at; /* whose users are looked for */
    bool refers;               /* to that one */
    bool failed;
};

static void affect(struct affected *a, enum image_blob_kind kind, const char *key)
{
    json_t *set = kind == IMAGE_SEGMENT ? a->segments : a->flags;
    if (a->failed || json_object_get(set, key)) {
        return;
    }
    if (a->count == a->room) {
        const size_t room = a->room ? a->room * 2 : 64;
        struct references_item *found = realloc(a->found, room * sizeof *found);
        a->failed = found == NULL;
        a->found = found ? found : a->found;
        a->room = found ? room : a->room;
    }
    a->failed = a->failed || json_object_set_new_nocheck(set, key, json_true()) != 0;
    if (!a->failed) {
        a->found[a->count++] = (struct references_item){kind, key};
    }
}

static void compare(void *arg, const struct model_reference *r)
{
    struct affected *a = arg;
    a->refers |= r->kind == a->at.kind && strcmp(r->key, a->at.key) == 0;
}

static void look_at_user(void *arg, enum image_blob_kind kind, const char *key)
{
    struct affected *a = arg;
    const struct model_item *item = pipeline_in_force(a->p, kind, key);
    a->refers = false;
    if (item) {
        model_references(item, compare, a);
    }
    if (a->refers) {
        affect(a, kind, item->key.text);
    }
}

/* The flags among them. */
static json_t *keys_of(struct affected *a)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < a->count; i++) {
        if (a->found[i].kind == IMAGE_FLAG) {
            a->failed |= json_array_append_new(keys, json_string(a->found[i].key)) != 0;
        }
    }
    if (a->failed) {
        json_decref(keys);
        keys = NULL;
    }
    return keys;
}

json_t *references_affected(const struct pipeline *p, const struct references_item *changed,
                            size_t count)
{
    struct affected a = {.p = p, .flags = json_object(), .segments = json_object()};
    for (size_t i = 0; i < count; i++) {
        affect(&a, changed[i].kind, changed[i].key);
    }
    for (size_t i = 0; i < a.count; i++) {
        a.at = a.found[i];
        pipeline_referrers(p, a.at.kind, a.at.key, look_at_user, &a);
    }
    json_t *keys = keys_of(&a);
    json_decref(a.flags);
    json_decref(a.segments);
    free(a.found);
    return keys;
}
