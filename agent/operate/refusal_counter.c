#include "refusal_counter.h"

#include <string.h>

const struct refusal_limits refusal_limits_standard = {
    .window_ms = 60000, .every_ms = 10000, .burst = 60};

void refusal_counter_init(struct refusal_counter *c, const struct refusal_limits *limits,
                          int64_t now_ms)
{
    *c = (struct refusal_counter){.limits = *limits, .filled_ms = now_ms};
    c->budget_ms = (int64_t)limits->burst * limits->every_ms;
    for (size_t i = 0; i < REFUSAL_ROWS; i++) {
        c->rows[i].ends_ms = INT64_MIN;
    }
}

/* ---- the bucket ----------------------------------------------------------------------------- */

static bool may_tell(struct refusal_counter *c, int64_t now_ms)
{
    const int64_t most = (int64_t)c->limits.burst * c->limits.every_ms;
    const int64_t passed = now_ms - c->filled_ms;
    c->filled_ms = now_ms;
    c->budget_ms = passed < most - c->budget_ms ? c->budget_ms + passed : most;
    if (c->budget_ms < c->limits.every_ms) {
        return false;
    }
    c->budget_ms -= c->limits.every_ms;
    return true;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool is_free(const struct refusal_row *row)
{
    return row->ends_ms == INT64_MIN;
}

static struct refusal_row *row_of(struct refusal_counter *c, const struct refusal *r)
{
    for (size_t i = 0; i < REFUSAL_ROWS; i++) {
        struct refusal_row *row = &c->rows[i];
        if (!is_free(row) && strcmp(row->refusal.code, r->code) == 0 &&
            strcmp(row->refusal.source, r->source) == 0) {
            return row;
        }
    }
    return NULL;
}

/* A free one; or the one that ends first of those in which nothing was counted. NULL: none. */
static struct refusal_row *room(struct refusal_counter *c)
{
    struct refusal_row *best = NULL;
    for (size_t i = 0; i < REFUSAL_ROWS; i++) {
        struct refusal_row *row = &c->rows[i];
        if (row->refusal.times == 0 && (!best || row->ends_ms < best->ends_ms)) {
            best = row; /* a free one ends before all others */
        }
    }
    return best;
}

static void count(struct refusal_row *row, const struct refusal *r)
{
    const uint64_t times = row->refusal.times;
    const int64_t since_ms = times ? row->refusal.since_ms : r->since_ms;
    row->refusal = *r;
    row->refusal.times = times + 1;
    row->refusal.since_ms = since_ms;
}

bool refusal_counter_take(struct refusal_counter *c, const struct refusal *r, int64_t now_ms)
{
    struct refusal_row *row = row_of(c, r);
    /* That minute is over, and nothing happened in it: this one is a first one. */
    const bool over = row && row->refusal.times == 0 && row->ends_ms <= now_ms;
    if (row && !over) {
        count(row, r);
        return false;
    }
    row = row ? row : room(c);
    if (!row) {
        c->suppressed++;
        return false;
    }
    row->refusal = *r;
    row->refusal.times = 0;
    row->ends_ms = now_ms + c->limits.window_ms;
    if (may_tell(c, now_ms)) {
        return true;
    }
    count(row, r);
    return false;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void tell_row(struct refusal_counter *c, struct refusal_row *row, int64_t now_ms,
                     refusal_tell_fn *fn, void *arg)
{
    fn(arg, &row->refusal);
    row->refusal.times = 0;
    row->ends_ms = now_ms + c->limits.window_ms;
}

void refusal_counter_tell(struct refusal_counter *c, int64_t now_ms, bool all, refusal_tell_fn *fn,
                          void *arg)
{
    for (size_t i = 0; i < REFUSAL_ROWS; i++) {
        struct refusal_row *row = &c->rows[i];
        if (is_free(row) || (!all && row->ends_ms > now_ms)) {
            continue;
        }
        if (row->refusal.times == 0) {
            row->ends_ms = INT64_MIN;
        } else if (all || may_tell(c, now_ms)) {
            tell_row(c, row, now_ms, fn, arg);
        }
    }
}

bool refusal_counter_pending(const struct refusal_counter *c)
{
    for (size_t i = 0; i < REFUSAL_ROWS; i++) {
        if (!is_free(&c->rows[i])) {
            return true;
        }
    }
    return false;
}
