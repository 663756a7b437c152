#include "admin_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../catalog/spelling.h"

#define SEGMENT_MOST 40u /* bytes of a pattern's segment that a hint is looked for among */

struct entry {
    const struct admin_route *route;
    void *arg;
};

struct admin_routes {
    struct entry *entries;
    size_t count;
};

const char *admin_method_name(enum admin_method method)
{
    static const char *const names[ADMIN_METHODS] = {"GET",   "PUT",    "POST",
                                                     "PATCH", "DELETE", "OPTIONS"};
    return names[method];
}

static const char *const roles[ADMIN_ROLES] = {"none", "viewer", "editor", "admin"};

const char *admin_role_name(enum admin_role role)
{
    return roles[role];
}

int admin_role_parse(const char *text, enum admin_role *role)
{
    for (unsigned i = 0; i < ADMIN_ROLES; i++) {
        if (strcmp(text, roles[i]) == 0) {
            *role = (enum admin_role)i;
            return 0;
        }
    }
    return -1;
}

const char *admin_media_name(enum admin_media media)
{
    static const char *const names[] = {"application/json", "application/x-ndjson",
                                        "text/event-stream"};
    return names[media];
}

struct admin_routes *admin_routes_new(void)
{
    return calloc(1, sizeof(struct admin_routes));
}

void admin_routes_free(struct admin_routes *r)
{
    if (r) {
        free(r->entries);
        free(r);
    }
}

/* ---- patterns ------------------------------------------------------------------------------- */

/* The segment that begins after the '/' at *pattern, which moves on to the next '/'. */
static bool next_segment(const char **pattern, const char **segment, size_t *length)
{
    if (**pattern != '/') {
        return false;
    }
    *segment = *pattern + 1;
    *length = strcspn(*segment, "/");
    *pattern = *segment + *length;
    return true;
}

static bool is_placeholder(const char *segment)
{
    return *segment == '{';
}

static bool segment_matches(const char *segment, size_t length, const char *text)
{
    return is_placeholder(segment) ||
           (strlen(text) == length && memcmp(text, segment, length) == 0);
}

/* How many of the path's first segments the pattern matches; *whole: all of both. */
static size_t matching(const char *pattern, const char *const *segments, size_t count, bool *whole)
{
    const char *segment;
    size_t length;
    size_t matched = 0;
    while (matched < count && next_segment(&pattern, &segment, &length)) {
        if (!segment_matches(segment, length, segments[matched])) {
            *whole = false;
            return matched;
        }
        matched++;
    }
    *whole = matched == count && !*pattern;
    return matched;
}

/* Does a say more of the same path literally than b? The first difference decides. */
static bool is_closer(const char *a, const char *b)
{
    const char *segment_a;
    const char *segment_b;
    size_t length;
    while (next_segment(&a, &segment_a, &length) && next_segment(&b, &segment_b, &length)) {
        if (is_placeholder(segment_a) != is_placeholder(segment_b)) {
            return is_placeholder(segment_b);
        }
    }
    return false;
}

static bool same_shape(const char *a, const char *b)
{
    const char *segment_a;
    const char *segment_b;
    size_t length_a;
    size_t length_b;
    while (next_segment(&a, &segment_a, &length_a) && next_segment(&b, &segment_b, &length_b)) {
        const bool both = is_placeholder(segment_a) && is_placeholder(segment_b);
        if (!both && (length_a != length_b || memcmp(segment_a, segment_b, length_a) != 0)) {
            return false;
        }
    }
    return !*a && !*b;
}

int admin_route_place(const struct admin_route *route, const char *name)
{
    const char *pattern = route->pattern;
    const char *segment;
    size_t length;
    const size_t name_length = strlen(name);
    for (int at = 0; next_segment(&pattern, &segment, &length); at++) {
        if (is_placeholder(segment) && length == name_length + 2 &&
            memcmp(segment + 1, name, name_length) == 0) {
            return at;
        }
    }
    return -1;
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool is_good(const struct admin_routes *r, const struct admin_route *route)
{
    size_t segments = 0;
    for (const char *c = route->pattern; *c; c++) {
        segments += *c == '/';
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct admin_route *other = r->entries[i].route;
        if (other->method == route->method && same_shape(other->pattern, route->pattern)) {
            return false;
        }
    }
    return segments <= ADMIN_SEGMENTS_MOST;
}

int admin_routes_add(struct admin_routes *r, const struct admin_route *routes, size_t count,
                     void *arg)
{
    struct entry *grown = realloc(r->entries, (r->count + count + 1) * sizeof *grown);
    if (!grown) {
        return -1;
    }
    r->entries = grown;
    const size_t before = r->count;
    for (size_t i = 0; i < count; i++) {
        if (!is_good(r, &routes[i])) {
            r->count = before;
            return -1;
        }
        r->entries[r->count++] = (struct entry){&routes[i], arg};
    }
    return 0;
}

size_t admin_routes_count(const struct admin_routes *r)
{
    return r->count;
}

const struct admin_route *admin_routes_at(const struct admin_routes *r, size_t at)
{
    return r->entries[at].route;
}

struct admin_route_match admin_routes_find(const struct admin_routes *r, enum admin_method method,
                                           const char *const *segments, size_t count)
{
    struct admin_route_match found = {0};
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        bool whole;
        matching(e->route->pattern, segments, count, &whole);
        if (!whole) {
            continue;
        }
        found.allowed |= 1u << e->route->method;
        if (e->route->method == method &&
            (!found.route || is_closer(e->route->pattern, found.route->pattern))) {
            found.route = e->route;
            found.arg = e->arg;
        }
    }
    return found;
}

const char *admin_allow_text(unsigned allowed, char text[ADMIN_ALLOW])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < ADMIN_OPTIONS; i++) {
        if (allowed & 1u << i) {
            used += (size_t)snprintf(text + used, ADMIN_ALLOW - used, "%s%s, ",
                                     admin_method_name((enum admin_method)i),
                                     i == ADMIN_GET ? ", HEAD" : "");
        }
    }
    snprintf(text + used, ADMIN_ALLOW - used, "%s", admin_method_name(ADMIN_OPTIONS));
    return text;
}

/* ---- what was meant ------------------------------------------------------------------------- */

/* Segments of the path that the best pattern begins with. */
static size_t best_beginning(const struct admin_routes *r, const char *const *segments,
                             size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < r->count; i++) {
        bool whole;
        const size_t matched = matching(r->entries[i].route->pattern, segments, count, &whole);
        most = matched > most ? matched : most;
    }
    return most;
}

/* A literal segment of a pattern by its place. */
static bool literal_at(const char *pattern, size_t at, char text[SEGMENT_MOST + 1])
{
    const char *segment = NULL;
    size_t length = 0;
    for (size_t i = 0; i <= at; i++) {
        if (!next_segment(&pattern, &segment, &length)) {
            return false;
        }
    }
    if (is_placeholder(segment) || length > SEGMENT_MOST) {
        return false;
    }
    memcpy(text, segment, length);
    text[length] = '\0';
    return true;
}

void admin_routes_hint(const struct admin_routes *r, const char *const *segments, size_t count,
                       char *hint, size_t capacity)
{
    const size_t matched = best_beginning(r, segments, count);
    const struct admin_route *best = NULL;
    char candidate[SEGMENT_MOST + 1];
    char kept[SEGMENT_MOST + 1];
    struct spelling spelling = {.word = matched < count ? segments[matched] : ""};
    for (size_t i = 0; i < r->count && matched < count; i++) {
        const struct admin_route *route = r->entries[i].route;
        bool whole;
        if (matching(route->pattern, segments, count, &whole) == matched &&
            literal_at(route->pattern, matched, candidate)) {
            spelling_offer(&spelling, candidate);
            if (spelling.best == candidate) { /* the nearest so far */
                memcpy(kept, candidate, sizeof kept);
                spelling.best = kept;
                best = route;
            }
        }
    }
    if (best) {
        snprintf(hint, capacity, "did you mean %s?", best->pattern);
    } else if (matched < 2) {
        snprintf(hint, capacity,
                 "everything is below " ADMIN_ROOT "/; GET " ADMIN_ROOT "/openapi.json lists it");
    } else {
        snprintf(hint, capacity, "GET " ADMIN_ROOT "/openapi.json lists what there is");
    }
}
