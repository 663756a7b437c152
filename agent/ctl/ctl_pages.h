/*
 * ctl_pages.h - a list of the agent's that comes in pages: all of it, page by page.
 */
#ifndef FFSHM_CTL_PAGES_H
#define FFSHM_CTL_PAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ctl.h"

struct pages {
    const char *path;   /* "/flags/KEY/history", without a query */
    const char *cursor; /* the parameter that takes `next`: "after", "before" */
    size_t size;        /* items of a page */
    size_t most;        /* items in all; 0: all there are */
};

/* Takes an item; false: enough. */
typedef bool pages_item_fn(void *arg, json_t *item);

/* Asks for one page after the other, and hands over each item. CTL_OK, or reported. */
int pages_each(const struct ctl *ctl, const struct pages *pages, pages_item_fn *fn, void *arg);

/* The same, collected: *list is {"items", "next": null}, owned; NULL where that failed. */
int pages_collect(const struct ctl *ctl, const struct pages *pages, json_t **list);

#endif
