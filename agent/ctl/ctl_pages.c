#include "ctl_pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_client.h"

struct asking {
    const struct ctl *ctl;
    const struct pages *pages;
    pages_item_fn *fn;
    void *arg;
    size_t count; /* of items that were handed over */
    char *next;   /* the cursor, as a query has it; NULL: the first page */
    bool ended;
};

/* malloc'ed; NULL: no memory. */
static char *page_path(const struct asking *a)
{
    const struct pages *p = a->pages;
    const size_t left = p->most ? p->most - a->count : p->size;
    char *path;
    return asprintf(&path, "%s?limit=%zu%s%s%s%s", p->path, left < p->size ? left : p->size,
                    a->next ? "&" : "", a->next ? p->cursor : "", a->next ? "=" : "",
                    a->next ? a->next : "") < 0
               ? NULL
               : path;
}

/* `next` is a number, or a key; NULL where it is neither: that was the last page. */
static char *read_next(const json_t *next)
{
    char *text = NULL;
    if (json_is_string(next)) {
        return client_segment(json_string_value(next));
    }
    if (json_is_integer(next) && asprintf(&text, "%lld", (long long)json_integer_value(next)) < 0) {
        text = NULL;
    }
    return text;
}

static void hand_over(struct asking *a, const json_t *items)
{
    for (size_t i = 0; i < json_array_size(items) && !a->ended; i++) {
        a->count++;
        a->ended = !a->fn(a->arg, json_array_get(items, i)) || a->count == a->pages->most;
    }
}

static int ask_page(struct asking *a)
{
    char *path = page_path(a);
    if (!path) {
        return ctl_fail(a->ctl, "out of memory");
    }
    const struct client_request request = {.path = path};
    struct client_answer answer;
    const int code = client_ask(a->ctl, &request, &answer);
    free(path);
    free(a->next);
    a->next = NULL;
    if (code == CTL_OK) {
        hand_over(a, json_object_get(answer.json, "items"));
        a->next = read_next(json_object_get(answer.json, "next"));
    }
    client_free(&answer);
    return code;
}

int pages_each(const struct ctl *ctl, const struct pages *pages, pages_item_fn *fn, void *arg)
{
    struct asking a = {.ctl = ctl, .pages = pages, .fn = fn, .arg = arg};
    int code;
    do {
        code = ask_page(&a);
    } while (code == CTL_OK && a.next && !a.ended);
    free(a.next);
    return code;
}

struct collecting {
    json_t *items;
    bool failed;
};

static bool collect(void *arg, json_t *item)
{
    struct collecting *c = arg;
    c->failed = json_array_append(c->items, item) != 0;
    return !c->failed;
}

int pages_collect(const struct ctl *ctl, const struct pages *pages, json_t **list)
{
    struct collecting c = {.items = json_array()};
    int code = pages_each(ctl, pages, collect, &c);
    *list = code == CTL_OK && !c.failed ? json_pack("{s:O, s:n}", "items", c.items, "next") : NULL;
    if (code == CTL_OK && !*list) {
        code = ctl_fail(ctl, "out of memory");
    }
    json_decref(c.items);
    return code;
}
