/* What native definitions say about each other: the variants that prerequisites ask for, and
   cycles, which no evaluation could get out of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
#include "native_lowering.h"

void native_refer(struct native *n, struct native_reference reference)
{
    if (n->reference_count == n->reference_capacity) {
        const size_t capacity = n->reference_capacity == 0 ? 16 : n->reference_capacity * 2;
        struct native_reference *grown = realloc(n->references, capacity * sizeof *grown);
        if (grown == NULL) {
            (void)native_no_memory(n);
            return;
        }
        n->references = grown;
        n->reference_capacity = capacity;
    }
    n->references[n->reference_count++] = reference;
}

/* ---- variants of other flags --------------------------------------------------------------- */

/* The index of a variant in a lowered flag, -1: it is not there. */
static int64_t variant_index(const json_t *flag, const json_t *variant)
{
    const json_t *keys = json_object_get(json_object_get(flag, "ffshm"), "variants");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        if (json_equal(json_array_get(keys, i), variant)) {
            return (int64_t)i;
        }
    }
    return -1;
}

static void list_variants(const json_t *flag, char *buffer, size_t capacity)
{
    const json_t *keys = json_object_get(json_object_get(flag, "ffshm"), "variants");
    size_t used = (size_t)snprintf(buffer, capacity, "its variants are");
    for (size_t i = 0; i < json_array_size(keys) && used < capacity; i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        used += (size_t)snprintf(buffer + used, capacity - used, "%s %s", i > 0 ? "," : "",
                                 key == NULL ? "?" : key);
    }
}

static bool has_variant(const json_t *members, const json_t *variant)
{
    const json_t *variants = json_object_get(members, "variants");
    for (size_t i = 0; i < json_array_size(variants); i++) {
        if (json_equal(json_object_get(json_array_get(variants, i), "key"), variant)) {
            return true;
        }
    }
    return false;
}

/* Will the flag have the variant at any time? A schedule may bring it later. */
static bool ever_has_variant(const json_t *definition, const json_t *variant)
{
    if (has_variant(definition, variant)) {
        return true;
    }
    const json_t *schedule = json_object_get(definition, "schedule");
    for (size_t i = 0; i < json_array_size(schedule); i++) {
        if (has_variant(json_object_get(json_array_get(schedule, i), "set"), variant)) {
            return true;
        }
    }
    return false;
}

static void complete(struct native *n, const json_t *flags, const struct native_reference *r)
{
    const json_t *definition = json_object_get(n->flags, json_string_value(r->to));
    if (definition == NULL) {
        if (r->lowered != NULL && json_is_string(r->variant)) {
            native_put(n, r->lowered, "variant", json_incref(r->variant));
        }
        return;
    }
    const json_t *flag = json_object_get(flags, json_string_value(r->to));
    const int64_t index = variant_index(flag, r->variant);
    if (index >= 0 && r->lowered != NULL) {
        native_put(n, r->lowered, "variation", json_integer(index));
        native_put(n, r->lowered, "variant", json_incref(r->variant));
    }
    if (index >= 0 || ever_has_variant(definition, r->variant)) {
        return;
    }
    const struct member flags_at = {NULL, "flags", 0};
    const struct member flag_at = {&flags_at, r->from, 0};
    const struct member schedule = {&flag_at, "schedule", 0};
    const struct member change = {&schedule, NULL, (size_t)r->change};
    const struct member set = {&change, "set", 0};
    const struct member list = {r->change < 0 ? &flag_at : &set, "prerequisites", 0};
    const struct member element = {&list, NULL, r->index};
    const struct member at = {&element, "variant", 0};
    char hint[sizeof n->fault->hint];
    list_variants(flag, hint, sizeof hint);
    (void)native_fault(n, &at, hint, "the flag %.80s has no variant \"%.80s\"",
                       json_string_value(r->to), json_string_value(r->variant));
}

bool native_link(json_t *flag, native_find_fn *find, void *arg, struct fault *fault)
{
    const json_t *list = json_object_get(flag, "prerequisites");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *prerequisite = json_array_get(list, i);
        json_t *variant = json_object_get(prerequisite, "variant");
        const char *key = json_string_value(json_object_get(prerequisite, "key"));
        const json_t *other = variant == NULL || key == NULL ? NULL : find(arg, key);
        if (other == NULL) {
            continue;
        }
        const int64_t index = variant_index(other, variant);
        if (index < 0) {
            char member[64];
            char hint[sizeof fault->hint];
            (void)snprintf(member, sizeof member, "prerequisites[%zu].variant", i);
            const bool named = json_object_get(json_object_get(other, "ffshm"), "variants") != NULL;
            list_variants(other, hint, sizeof hint);
            fault_set(fault, member,
                      named ? hint : "write the variation's index: its variations have no names",
                      "the flag %.80s has no variant \"%.80s\"", key, json_string_value(variant));
            return false;
        }
        if (json_object_set_new(prerequisite, "variation", json_integer(index)) != 0) {
            fault_set(fault, "", "", "out of memory");
            return false;
        }
    }
    return true;
}

/* ---- cycles -------------------------------------------------------------------------------- */

#define NO_NODE UINT32_MAX

/* Nodes are the definitions of one kind in their order; an edge goes from a definition to one that
   it needs. */
struct graph {
    uint32_t nodes;
    size_t edge_count;
    struct edge {
        uint32_t from, to;
    } * edges;      /* ordered by to */
    uint32_t *need; /* per node: edges that still go out */
    uint32_t *next; /* per node: one that it needs */
    uint32_t *queue;
    size_t *first; /* per node: its first incoming edge; nodes + 1 of them */
};

static int by_target(const void *a, const void *b)
{
    const struct edge *x = a;
    const struct edge *y = b;
    return x->to < y->to ? -1 : x->to > y->to;
}

static void prepare(struct graph *g)
{
    qsort(g->edges, g->edge_count, sizeof *g->edges, by_target);
    size_t edge = 0;
    for (uint32_t node = 0; node <= g->nodes; node++) {
        while (edge < g->edge_count && g->edges[edge].to < node) {
            edge++;
        }
        g->first[node] = edge;
    }
    for (size_t i = 0; i < g->edge_count; i++) {
        g->need[g->edges[i].from]++;
    }
}

/* Takes away, again and again, what needs nothing any more. What remains is on a cycle or leads to
   one; returns such a node, or NO_NODE. */
static uint32_t reduce(struct graph *g)
{
    uint32_t queued = 0;
    for (uint32_t node = 0; node < g->nodes; node++) {
        if (g->need[node] == 0) {
            g->queue[queued++] = node;
        }
    }
    for (uint32_t done = 0; done < queued; done++) {
        const uint32_t node = g->queue[done];
        for (size_t i = g->first[node]; i < g->first[node + 1]; i++) {
            const uint32_t from = g->edges[i].from;
            if (--g->need[from] == 0) {
                g->queue[queued++] = from;
            }
        }
    }
    for (uint32_t node = 0; node < g->nodes; node++) {
        if (g->need[node] > 0) {
            return node;
        }
    }
    return NO_NODE;
}

static const char *node_key(json_t *definitions, uint32_t node)
{
    void *i = json_object_iter(definitions);
    while (node-- > 0) {
        i = json_object_iter_next(definitions, i);
    }
    return json_object_iter_key(i);
}

static void report_cycle(struct native *n, struct graph *g, uint32_t start, bool segments)
{
    json_t *definitions = segments ? n->segments : n->flags;
    for (uint32_t node = 0; node < g->nodes; node++) {
        g->next[node] = NO_NODE;
    }
    for (size_t i = 0; i < g->edge_count; i++) {
        if (g->need[g->edges[i].to] > 0) {
            g->next[g->edges[i].from] = g->edges[i].to;
        }
    }
    uint32_t node = start;
    for (uint32_t i = 0; i < g->nodes; i++) {
        node = g->next[node]; /* after as many steps as there are nodes it is on the cycle */
    }
    char path[300];
    const uint32_t begin = node;
    size_t used = (size_t)snprintf(path, sizeof path, "%s", node_key(definitions, begin));
    do {
        node = g->next[node];
        if (used < sizeof path) {
            used += (size_t)snprintf(path + used, sizeof path - used, " -> %s",
                                     node_key(definitions, node));
        }
    } while (node != begin);
    const struct member kind = {NULL, segments ? "segments" : "flags", 0};
    const struct member at = {&kind, node_key(definitions, begin), 0};
    const struct member list = {&at, segments ? "rules" : "prerequisites", 0};
    (void)native_fault(n, &list, "take one of them out",
                       segments ? "segments refer to each other in a circle: %s"
                                : "prerequisites form a circle: %s",
                       path);
}

/* The order of every definition, as an object from key to number. */
static json_t *number_nodes(json_t *definitions)
{
    json_t *numbers = json_object();
    json_int_t next = 0;
    for (void *i = json_object_iter(definitions); i != NULL;
         i = json_object_iter_next(definitions, i)) {
        if (json_object_set_new_nocheck(numbers, json_object_iter_key(i), json_integer(next++)) !=
            0) {
            json_decref(numbers);
            return NULL;
        }
    }
    return numbers;
}

static void add_edges(struct graph *g, const struct native *n, const json_t *numbers, bool segments)
{
    for (size_t i = 0; i < n->reference_count; i++) {
        const struct native_reference *r = &n->references[i];
        const json_t *to = json_object_get(numbers, json_string_value(r->to));
        if (r->segment == segments && to != NULL) {
            g->edges[g->edge_count++] =
                (struct edge){(uint32_t)json_integer_value(json_object_get(numbers, r->from)),
                              (uint32_t)json_integer_value(to)};
        }
    }
}

static void find_cycle(struct native *n, bool segments)
{
    json_t *numbers = number_nodes(segments ? n->segments : n->flags);
    const size_t nodes = json_object_size(numbers);
    struct graph g = {.nodes = (uint32_t)nodes,
                      .edges = calloc(n->reference_count, sizeof *g.edges),
                      .need = calloc(nodes + 1, sizeof *g.need),
                      .next = calloc(nodes + 1, sizeof *g.next),
                      .queue = calloc(nodes + 1, sizeof *g.queue),
                      .first = calloc(nodes + 1, sizeof *g.first)};
    if (numbers == NULL || g.edges == NULL || g.need == NULL || g.next == NULL || g.queue == NULL ||
        g.first == NULL) {
        (void)native_no_memory(n);
    } else {
        add_edges(&g, n, numbers, segments);
        prepare(&g);
        const uint32_t start = reduce(&g);
        if (start != NO_NODE) {
            report_cycle(n, &g, start, segments);
        }
    }
    json_decref(numbers);
    free(g.edges);
    free(g.need);
    free(g.next);
    free(g.queue);
    free(g.first);
}

void native_check_references(struct native *n, const json_t *flags)
{
    bool flags_refer = false;
    bool segments_refer = false;
    for (size_t i = 0; i < n->reference_count && !n->failed; i++) {
        if (n->references[i].segment) {
            segments_refer = true;
        } else {
            flags_refer = true;
            complete(n, flags, &n->references[i]);
        }
    }
    if (flags_refer && !n->failed) {
        find_cycle(n, false);
    }
    if (segments_refer && !n->failed) {
        find_cycle(n, true);
    }
}
