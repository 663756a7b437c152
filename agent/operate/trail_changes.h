/*
 * trail_changes.h - what sources have brought since the last audit entry of theirs, and that entry.
 */
#ifndef FFSHM_AGENT_TRAIL_CHANGES_H
#define FFSHM_AGENT_TRAIL_CHANGES_H

#include "../pipeline_journal.h"
#include "../storage/storage_admin.h"

#define TRAIL_LISTED 100u        /* items in one entry; more are counted */
#define TRAIL_TEXTS (32u << 10)  /* bytes of keys and sources in one entry */
#define TRAIL_SOURCES 128u       /* an actor, with its NUL */
#define TRAIL_TARGET (512u + 1u) /* with its NUL; a longer key is counted like several */

/* An item that changes again is listed once: from its first version to its last. */
struct trail_changes {
    struct journal_item *items[TRAIL_LISTED];
    size_t count;
    size_t bytes;             /* of their keys and sources */
    struct journal_count all; /* each item that is listed once, each other change */
};

/* What no operator has brought. */
bool trail_changes_in(const struct journal *j);
void trail_changes_add(struct trail_changes *c, const struct journal *j);
void trail_changes_clear(struct trail_changes *c);

/* The texts of an entry of it. */
struct trail_texts {
    char actor[TRAIL_SOURCES]; /* "launchdarkly", "files" */
    char target[TRAIL_TARGET]; /* the key, or "3 flags, 1 segment" */
    char *after;               /* JSON, malloc'ed */
};
/* 0, or -1: no memory. */
int trail_changes_describe(const struct trail_changes *c, struct trail_texts *texts);

#endif
