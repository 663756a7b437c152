#include "document_memo.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64u

struct memo_entry {
    struct hash128 text;
    json_t *tree; /* a reference; NULL: empty */
};

struct memo_table {
    struct memo_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

struct document_memo {
    struct memo_table last;    /* of the last good load */
    struct memo_table current; /* of the one under way */
};

struct document_memo *document_memo_new(void)
{
    return calloc(1, sizeof(struct document_memo));
}

static void clear(struct memo_table *t)
{
    for (size_t i = 0; i < t->capacity; i++) {
        json_decref(t->entries[i].tree);
    }
    free(t->entries);
    *t = (struct memo_table){NULL, 0, 0};
}

void document_memo_free(struct document_memo *memo)
{
    if (memo != NULL) {
        clear(&memo->last);
        clear(&memo->current);
        free(memo);
    }
}

void document_memo_end(struct document_memo *memo, bool good)
{
    if (memo == NULL) {
        return;
    }
    if (good) {
        clear(&memo->last);
        memo->last = memo->current;
        memo->current = (struct memo_table){NULL, 0, 0};
    } else {
        clear(&memo->current);
    }
}

/* The entry of the text, or the empty one where it belongs; NULL: there is no table. */
static struct memo_entry *look_up(const struct memo_table *t, struct hash128 text)
{
    if (t->capacity == 0) {
        return NULL;
    }
    for (size_t i = text.lo & (t->capacity - 1);; i = (i + 1) & (t->capacity - 1)) {
        struct memo_entry *e = &t->entries[i];
        if (e->tree == NULL || (e->text.lo == text.lo && e->text.hi == text.hi)) {
            return e;
        }
    }
}

static bool grow(struct memo_table *t)
{
    struct memo_table larger = {NULL, t->capacity == 0 ? FIRST_CAPACITY : t->capacity * 2,
                                t->count};
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < t->capacity; i++) {
        if (t->entries[i].tree != NULL) {
            *look_up(&larger, t->entries[i].text) = t->entries[i];
        }
    }
    free(t->entries);
    *t = larger;
    return true;
}

void document_memo_put(struct document_memo *memo, struct hash128 text, json_t *tree)
{
    struct memo_table *t = &memo->current;
    if (t->count * 2 >= t->capacity && !grow(t)) {
        return;
    }
    struct memo_entry *e = look_up(t, text);
    if (e->tree == NULL) {
        *e = (struct memo_entry){text, json_incref(tree)};
        t->count++;
    }
}

json_t *document_memo_find(struct document_memo *memo, struct hash128 text)
{
    const struct memo_entry *e = look_up(&memo->current, text);
    if (e == NULL || e->tree == NULL) {
        e = look_up(&memo->last, text);
    }
    if (e == NULL || e->tree == NULL) {
        return NULL;
    }
    json_t *tree = e->tree;
    document_memo_put(memo, text, tree);
    return json_incref(tree);
}
