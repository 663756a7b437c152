/*
 * Items are nodes, references are edges: flag -> prerequisite, flag -> segment, segment -> segment.
 * One depth-first search over all of them finds the cycles (an edge into the path) and the longest
 * chain below every node. It keeps its own stack: chains may be as long as the files say.
 */
#include "ctl_references.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/model_references.h"
#include "catalog/spelling.h"
#include "image.h"

#define SPELLED 100   /* names that similar ones are looked for: each look goes over all items */
#define LONG_CHAIN 64 /* worth a word long before IMAGE_MAX_DEPTH */

struct edge {
    size_t to;
    char member[48]; /* where the item says so */
};

struct node {
    const struct model_item *item;
    size_t first_edge;
    size_t edge_count;
    size_t next_edge; /* of the search */
    size_t below;     /* edges of the longest chain from here */
    enum { NEW, ON_PATH, DONE } state;
};

struct graph {
    struct node *nodes; /* sorted by kind and key */
    size_t node_count;
    struct edge *edges;
    size_t edge_count;
    size_t edge_capacity;
    bool complete;
    size_t undefined; /* names that are defined nowhere, so far */
    struct findings *findings;
};

static int compare(enum image_blob_kind kind, const char *key, size_t length,
                   const struct model_item *b)
{
    if (kind != b->kind) {
        return kind < b->kind ? -1 : 1;
    }
    const size_t shorter = length < b->key.length ? length : b->key.length;
    const int order = memcmp(key, b->key.text, shorter);
    return order != 0 ? order : (length > b->key.length) - (length < b->key.length);
}

static int compare_nodes(const void *a, const void *b)
{
    const struct model_item *const x = ((const struct node *)a)->item;
    return compare(x->kind, x->key.text, x->key.length, ((const struct node *)b)->item);
}

/* Its number, or node_count. */
static size_t find(const struct graph *g, enum image_blob_kind kind, const char *key, size_t length)
{
    size_t low = 0;
    size_t high = g->node_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(kind, key, length, g->nodes[middle].item);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return g->node_count;
}

/* The key that may be meant; NULL: none is near. */
static const char *similar(struct graph *g, enum image_blob_kind kind, const char *key)
{
    struct spelling spelling = {.word = key};
    if (g->undefined++ >= SPELLED) {
        return NULL;
    }
    for (size_t i = 0; i < g->node_count; i++) {
        if (g->nodes[i].item->kind == kind) {
            spelling_offer(&spelling, g->nodes[i].item->key.text);
        }
    }
    return spelling.best;
}

static void report_undefined(struct graph *g, const struct model_item *from,
                             enum image_blob_kind kind, const char *key, size_t length,
                             const char *member)
{
    char cause[256];
    char hint[160];
    const char *const meant = similar(g, kind, key);
    snprintf(cause, sizeof cause, "%s \"%.*s\" is defined nowhere",
             kind == IMAGE_FLAG ? "the prerequisite" : "the segment",
             (int)(length < 180 ? length : 180), key);
    snprintf(hint, sizeof hint, "%s%.40s%suntil it is, %s", meant ? "did you mean \"" : "",
             meant ? meant : "", meant ? "\"? " : "",
             kind == IMAGE_FLAG ? "the off variation is served" : "nobody is a member");
    findings_add_item(g->findings, SEVERITY_WARNING, from, member, hint, cause);
}

static void refer(struct graph *g, struct node *from, enum image_blob_kind kind, const char *key,
                  size_t length, const char *member)
{
    const size_t to = find(g, kind, key, length);
    if (to == g->node_count) {
        if (g->complete) {
            report_undefined(g, from->item, kind, key, length, member);
        }
        return;
    }
    if (g->edge_count == g->edge_capacity) {
        const size_t capacity = g->edge_capacity ? g->edge_capacity * 2 : 64;
        struct edge *const more = reallocarray(g->edges, capacity, sizeof *more);
        if (!more) {
            g->findings->no_memory = true;
            return;
        }
        g->edges = more;
        g->edge_capacity = capacity;
    }
    struct edge *const edge = &g->edges[g->edge_count++];
    edge->to = to;
    snprintf(edge->member, sizeof edge->member, "%s", member);
    from->edge_count++;
}

struct referring {
    struct graph *graph;
    struct node *from;
};

static void on_reference(void *arg, const struct model_reference *r)
{
    const struct referring *referring = arg;
    char member[48];
    if (r->prerequisite) {
        snprintf(member, sizeof member, "prerequisites[%zu]", r->at);
    } else {
        snprintf(member, sizeof member, "rules[%zu].clauses[%zu]", r->at, r->clause);
    }
    refer(referring->graph, referring->from, r->kind, r->key, r->length, member);
}

static void refer_all(struct graph *g, struct node *from)
{
    from->first_edge = g->edge_count;
    model_references(from->item, on_reference, &(struct referring){g, from});
}

static size_t append_key(char *text, size_t used, size_t capacity, const struct node *node)
{
    const struct model_string key = node->item->key;
    const int written = snprintf(text + used, capacity - used, "%.*s -> ",
                                 (int)(key.length < 60 ? key.length : 60), key.text);
    return written > 0 && used + (size_t)written < capacity ? used + (size_t)written : used;
}

/* path[from..depth) and then path[from] again. */
static void report_cycle(struct graph *g, const size_t *path, size_t from, size_t depth,
                         const struct edge *closing)
{
    char cause[400] = "";
    size_t used = 0;
    const struct node *const last = &g->nodes[path[depth - 1]];
    for (size_t i = from; i < depth && used < 280; i++) {
        used = append_key(cause, used, sizeof cause, &g->nodes[path[i]]);
    }
    const struct model_string key = g->nodes[path[from]].item->key;
    snprintf(cause + used, sizeof cause - used, "%s%.*s: %s form a cycle",
             depth - from > 4 && used >= 280 ? "... -> " : "",
             (int)(key.length < 60 ? key.length : 60), key.text,
             last->item->kind == IMAGE_FLAG ? "prerequisites" : "segments");
    findings_add_item(g->findings, SEVERITY_FAULT, last->item, closing->member,
                      "break it: evaluations that reach it give MALFORMED_FLAG", cause);
}

/* Takes the next edge of the node at the path's end. Returns the new depth. */
static size_t step(struct graph *g, size_t *path, size_t depth)
{
    struct node *const node = &g->nodes[path[depth - 1]];
    if (!g->edges || node->next_edge == node->edge_count) {
        node->state = DONE;
        if (depth > 1) {
            struct node *const up = &g->nodes[path[depth - 2]];
            up->below = node->below + 1 > up->below ? node->below + 1 : up->below;
        }
        return depth - 1;
    }
    const struct edge *const edge = &g->edges[node->first_edge + node->next_edge++];
    struct node *const to = &g->nodes[edge->to];
    switch (to->state) {
    case NEW:
        to->state = ON_PATH;
        path[depth] = edge->to;
        return depth + 1;
    case ON_PATH: {
        size_t from = depth;
        do {
            from--;
        } while (path[from] != edge->to);
        report_cycle(g, path, from, depth, edge);
        return depth;
    }
    case DONE:
        node->below = to->below + 1 > node->below ? to->below + 1 : node->below;
        return depth;
    }
    return depth;
}

static void search(struct graph *g)
{
    size_t *const path = calloc(g->node_count + 1, sizeof *path);
    if (!path) {
        g->findings->no_memory = true;
        return;
    }
    const struct node *deepest = NULL;
    for (size_t i = 0; i < g->node_count; i++) {
        if (g->nodes[i].state == NEW) {
            size_t depth = 1;
            path[0] = i;
            g->nodes[i].state = ON_PATH;
            while (depth > 0) {
                depth = step(g, path, depth);
            }
        }
        if (!deepest || g->nodes[i].below > deepest->below) {
            deepest = &g->nodes[i];
        }
    }
    if (deepest && deepest->below > LONG_CHAIN) {
        const bool too_long = deepest->below > IMAGE_MAX_DEPTH;
        char cause[160];
        snprintf(cause, sizeof cause, "a chain of %zu prerequisites and segments hangs on it",
                 deepest->below);
        findings_add_item(g->findings, too_long ? SEVERITY_FAULT : SEVERITY_WARNING, deepest->item,
                          "", "beyond 256, evaluations give MALFORMED_FLAG", cause);
    }
    free(path);
}

void references_check(const struct definitions *definitions, bool complete, struct findings *f)
{
    struct graph g = {.complete = complete, .findings = f};
    g.nodes = calloc(definitions->count + 1, sizeof *g.nodes);
    if (!g.nodes) {
        f->no_memory = true;
        return;
    }
    for (size_t i = 0; i < definitions->count; i++) {
        if (!definitions->items[i]->deleted) {
            g.nodes[g.node_count++].item = definitions->items[i];
        }
    }
    qsort(g.nodes, g.node_count, sizeof *g.nodes, compare_nodes);
    for (size_t i = 0; i < g.node_count; i++) {
        refer_all(&g, &g.nodes[i]);
    }
    search(&g);
    free(g.edges);
    free(g.nodes);
}
