/*
 * inspect_at.h - which snapshot is meant by "3.5" or "2026-03-01T09:30:00Z", of those that are
 * still there?
 */
#ifndef FFSHM_AGENT_INSPECT_AT_H
#define FFSHM_AGENT_INSPECT_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#define AT_RETAINED 1024 /* snapshots that are looked at: more than may be retained */
#define AT_WHY 256
#define AT_TEXT 32

enum at_kind {
    AT_GENERATION,
    AT_TIME,
    AT_NUMBER, /* either: a retained generation, else a time where it can be one */
};

struct at {
    enum at_kind kind;
    uint64_t number; /* generation */
    int64_t ms;      /* wall clock, since 1970 */
};

/* A generation as a person writes it: decimal, 0x hexadecimal, or "incarnation.sequence". */
bool at_parse_generation(const char *text, uint64_t *generation);
/* That, or a time: RFC 3339, or milliseconds since 1970. */
bool at_parse(const char *text, struct at *out);
void at_of_number(uint64_t number, struct at *out);

/* What was published when, as somebody has noted it (generation 0: in another store, where it had
   the same content). Each returns whether anything is known. */
struct at_log {
    bool (*of_time)(void *arg, int64_t ms, struct store_past *published);
    bool (*of_generation)(void *arg, uint64_t generation, struct store_past *published);
    void *arg;
};

/* Finds the one that is meant among those retained (ascending). Where the very generation is gone,
   one with the same content answers as well, if the log (NULL: there is none) knows the content.
   false: none, and a sentence in why that says which there are. now_ms: of the wall clock. */
bool at_find(const struct at *at, const struct store_past *retained, size_t count,
             const struct at_log *log, int64_t now_ms, uint64_t *generation, char why[AT_WHY]);

/* "2026-03-01T09:30:00Z", as far as seconds go. Returns buffer. */
const char *at_time_text(int64_t ms, char buffer[AT_TEXT]);

#endif
