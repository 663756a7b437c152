#include "trail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/audit.h"
#include "../log.h"
#include "../pipeline_journal.h"
#include "trail_changes.h"

#define ROWS_MOST 1024u  /* that wait; when more do, the oldest are not recorded */
#define RETRY_MS 15000   /* after what could not be kept */
#define KEEP_EVERY 1000u /* rows between two looks for old ones */
#define DIGEST 33        /* 32 hexadecimal digits and a NUL */
#define LOOK_BACK 64     /* rows; their entries may be in another order, or none */
#define AWAITS (-1)      /* the entry that is to come */

struct row {
    uint64_t generation; /* 0: none */
    char digest[DIGEST];
    int64_t published_ms;
    int64_t audit; /* the newest entry then; or AWAITS */
    bool merged;   /* it came of none */
};

struct trail {
    struct pipeline *pipeline;
    struct publisher *publisher;
    struct state_file *state;
    struct pipeline_listener listener;
    struct event *timer;
    int64_t due_ms; /* of the timer, monotonic */
    bool makes;
    struct row rows[ROWS_MOST]; /* published, and not recorded yet */
    size_t count;
    size_t awaiting; /* of them */
    struct trail_changes changes;
    struct row before;  /* published before rows[0], perhaps by an earlier agent */
    bool looked;        /* it is recorded, or needs not be; and `last` is known */
    int64_t last;       /* audit entry of the newest generation that is recorded */
    int64_t known;      /* the same of those that wait */
    int64_t entered_ms; /* when sources had their last entry, monotonic; 0: never */
    bool failing;       /* and that was told */
    unsigned recorded;  /* rows since old ones were looked for */
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct row row_of(uint64_t generation, const uint64_t digest[2], uint64_t published_ms)
{
    struct row row = {.generation = generation, .published_ms = (int64_t)published_ms};
    snprintf(row.digest, sizeof row.digest, "%016" PRIx64 "%016" PRIx64, digest[1], digest[0]);
    return row;
}

/* An entry is to be made for it. A merge may only have to wait for that of others. */
static bool awaits(const struct row *row)
{
    return row->audit == AWAITS && !row->merged;
}

/* ---- entries -------------------------------------------------------------------------------- */

static int enter_changes(struct trail *t, struct storage *s, int64_t *number, struct fault *fault)
{
    const struct row *newest = &t->rows[t->count - 1];
    struct trail_texts texts;
    if (trail_changes_describe(&t->changes, &texts) != 0) {
        fault_set(fault, "", "give the agent more memory", "out of memory");
        return -1;
    }
    struct storage_audit entry = {
        .time_ms = newest->published_ms,
        .actor = texts.actor,
        .authenticated = "source",
        .action = "source.change",
        .target = texts.target,
        .after = texts.after,
        .digest = newest->digest,
    };
    const int result = audit_append(s, &entry, fault);
    free(texts.after);
    *number = entry.number;
    return result;
}

/* "1.7", and its digest, as JSON. */
#define GENERATION_JSON 96
static void generation_json(uint64_t generation, const char *digest, char json[GENERATION_JSON])
{
    char text[LOG_GENERATION];
    snprintf(json, GENERATION_JSON, "{\"generation\":\"%s\",\"digest\":\"%s\"}",
             log_generation(generation, text), digest);
}

/* The newest that is recorded. */
struct newest {
    bool found;
    uint64_t store;
    uint64_t generation;
    char digest[DIGEST];
    int64_t audit; /* the last entry that a generation came of */
    unsigned looked;
};

static int on_newest(void *arg, const struct storage_generation *g)
{
    struct newest *n = arg;
    if (!n->found) {
        *n = (struct newest){.found = true, .store = g->store, .generation = g->generation};
        snprintf(n->digest, sizeof n->digest, "%s", g->digest);
    }
    if (g->first_audit != 0 && g->last_audit > n->audit) {
        n->audit = g->last_audit;
    }
    return ++n->looked >= LOOK_BACK && n->audit != 0;
}

static int add_row(struct trail *t, struct storage *s, const struct row *row, int64_t audit,
                   struct fault *fault)
{
    const struct storage_generation g = {
        .store = publisher_epoch(t->publisher),
        .generation = row->generation,
        .digest = row->digest,
        .published_ms = row->published_ms,
        .first_audit = row->merged        ? 0
                       : audit <= t->last ? audit
                                          : t->last + 1,
        .last_audit = audit,
    };
    t->last = !row->merged && audit > t->last ? audit : t->last;
    t->recorded++;
    return storage_generation_add(s, &g, fault);
}

static int enter_adoption(struct trail *t, struct storage *s, const struct newest *newest,
                          struct fault *fault)
{
    char before[GENERATION_JSON];
    char after[GENERATION_JSON];
    char generation[LOG_GENERATION];
    generation_json(newest->generation, newest->digest, before);
    generation_json(t->before.generation, t->before.digest, after);
    struct storage_audit entry = {
        .time_ms = clock_ms(CLOCK_REALTIME),
        .actor = "ffagent",
        .authenticated = "the agent itself",
        .action = "agent.adopt",
        .target = log_generation(t->before.generation, generation),
        .before = newest->found ? before : NULL,
        .after = after,
        .digest = t->before.digest,
    };
    return audit_append(s, &entry, fault) == 0 ? add_row(t, s, &t->before, entry.number, fault)
                                               : -1;
}

/* What was published last is the newest that is recorded, or is recorded now. */
static int look(struct trail *t, struct storage *s, struct fault *fault)
{
    struct newest newest = {.found = false};
    uint8_t hash[STORAGE_AUDIT_HASH];
    if (storage_generation_list(s, 0, 0, on_newest, &newest, fault) < 0) {
        return -1;
    }
    t->last = newest.audit;
    if (!newest.found && storage_audit_newest(s, &t->last, hash, fault) != 0) {
        return -1; /* entries of a time when generations were not recorded */
    }
    const bool recorded = newest.found && newest.store == publisher_epoch(t->publisher) &&
                          newest.generation == t->before.generation;
    if (t->before.generation == 0 || recorded) {
        return 0;
    }
    return state_file_proposes(t->state) ? add_row(t, s, &t->before, t->last, fault)
                                         : enter_adoption(t, s, &newest, fault);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int write_rows(struct trail *t, struct storage *s, struct fault *fault)
{
    int64_t entry = 0;
    int result = t->looked ? 0 : look(t, s, fault);
    if (result == 0 && t->awaiting > 0 && !state_file_proposes(t->state)) {
        result = enter_changes(t, s, &entry, fault);
    }
    for (size_t i = 0; i < t->count && result == 0; i++) {
        const int64_t known = t->rows[i].audit;
        const int64_t audit = known != AWAITS ? known : entry ? entry : t->last;
        result = add_row(t, s, &t->rows[i], audit, fault);
    }
    if (result == 0 && (t->recorded >= KEEP_EVERY || !t->looked)) {
        t->recorded = 0;
        result = storage_generation_keep(s, TRAIL_KEEP, fault);
    }
    return result;
}

static void written(struct trail *t)
{
    if (t->count > 0) {
        t->before = t->rows[t->count - 1];
    }
    if (t->awaiting > 0) {
        t->entered_ms = clock_ms(CLOCK_MONOTONIC);
        trail_changes_clear(&t->changes);
    }
    t->known = t->last;
    t->looked = true;
    t->count = 0;
    t->awaiting = 0;
    if (t->failing) {
        t->failing = false;
        LOG_EVENT(LOG_LEVEL_INFO, "trail-kept-again", log_text("text", "the audit trail goes on"));
    }
}

static void arm(struct trail *t, int64_t ms)
{
    const int64_t due = clock_ms(CLOCK_MONOTONIC) + ms;
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    if (!evtimer_pending(t->timer, NULL) || due < t->due_ms) {
        t->due_ms = due;
        (void)event_add(t->timer, &wait); /* what fails for want of memory comes with the next */
    }
}

static void failed(struct trail *t, const struct fault *fault)
{
    if (!t->failing) {
        t->failing = true;
        log_fault(LOG_LEVEL_WARNING, "trail-failed", fault);
    }
    arm(t, RETRY_MS);
}

static void flush(struct trail *t)
{
    struct fault fault = {0};
    struct storage *s = t->makes ? state_file_make(t->state, &fault) : state_file_storage(t->state);
    const int64_t last = t->last;
    if (!s && !t->makes) {
        return;
    }
    if (s && storage_begun(s)) { /* of somebody who goes on to change something */
        return;
    }
    if (!s || storage_begin(s, &fault) != 0) {
        failed(t, &fault);
        return;
    }
    if (write_rows(t, s, &fault) == 0 && storage_commit(s, &fault) == 0) {
        written(t);
        return;
    }
    storage_rollback(s);
    t->last = last;
    failed(t, &fault);
}

static bool waits(const struct trail *t)
{
    return t->count > 0 || (!t->looked && t->before.generation != 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct trail *t = arg;
    (void)fd, (void)what;
    if (waits(t)) {
        flush(t);
    }
}

/* ---- listening ------------------------------------------------------------------------------ */

/* The newest entry, with which it came; or the one that is to come. */
static int64_t audit_of(struct trail *t, const struct journal *j)
{
    struct storage *s = state_file_storage(t->state);
    uint8_t hash[STORAGE_AUDIT_HASH];
    int64_t newest = 0;
    if (trail_changes_in(j) || !s || storage_audit_newest(s, &newest, hash, NULL) != 0) {
        return AWAITS;
    }
    if (j->compaction) {
        return t->awaiting > 0 ? AWAITS : newest;
    }
    return newest > t->known ? newest : AWAITS; /* something that nobody has entered */
}

static void forget_oldest(struct trail *t, size_t many)
{
    t->before = t->rows[many - 1];
    t->looked = false;
    for (size_t i = 0; i < many; i++) {
        t->awaiting -= awaits(&t->rows[i]);
    }
    t->count -= many;
    memmove(t->rows, t->rows + many, t->count * sizeof *t->rows);
}

static void on_published(void *arg, struct journal *j)
{
    struct trail *t = arg;
    struct row row = row_of(j->generation, j->digest, j->published_ms);
    if (!t->makes && !state_file_storage(t->state)) {
        t->before = row;
        t->looked = false;
        return;
    }
    if (t->count == ROWS_MOST) {
        forget_oldest(t, ROWS_MOST / 2);
    }
    row.audit = audit_of(t, j);
    row.merged = j->compaction;
    if (row.audit == AWAITS && state_file_proposes(t->state)) {
        row.audit = t->known; /* of none of the fleet's entries */
        row.merged = true;
    }
    t->known = !row.merged && row.audit > t->known ? row.audit : t->known;
    t->awaiting += awaits(&row);
    t->rows[t->count++] = row;
    trail_changes_add(&t->changes, j);
    if (!t->failing) {
        const int64_t since = clock_ms(CLOCK_MONOTONIC) - t->entered_ms;
        const bool soon = t->awaiting == 0 || !t->entered_ms || since >= TRAIL_ENTRIES_MS;
        arm(t, soon ? TRAIL_ROWS_MS : TRAIL_ENTRIES_MS - since);
    }
}

/* Its entry is to come behind those of what was published before. */
static void on_changing(void *arg)
{
    struct trail *t = arg;
    if ((t->awaiting > 0 || !t->looked) && waits(t) && !t->failing) {
        flush(t);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

struct trail *trail_new(struct event_base *base, struct pipeline *pipeline,
                        struct publisher *publisher, struct state_file *state, bool makes)
{
    struct publisher_stats published;
    struct trail *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    publisher_stats(publisher, &published);
    t->pipeline = pipeline;
    t->publisher = publisher;
    t->state = state;
    t->makes = makes;
    t->before = row_of(published.generation, published.digest, published.published_ms);
    t->timer = evtimer_new(base, on_timer, t);
    if (!t->timer) {
        free(t);
        return NULL;
    }
    t->listener = (struct pipeline_listener){on_published, on_changing, t, NULL};
    pipeline_listen(pipeline, &t->listener);
    if (t->before.generation != 0) {
        arm(t, 0);
    }
    return t;
}

void trail_free(struct trail *t)
{
    if (!t) {
        return;
    }
    pipeline_unlisten(t->pipeline, &t->listener);
    if (waits(t)) {
        flush(t);
    }
    trail_changes_clear(&t->changes);
    event_free(t->timer);
    free(t);
}
