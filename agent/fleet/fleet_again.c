/*
 * Redis lost records, and before a host could give them back, another one had gone on without them:
 * two histories, of which the one in Redis stays. What this host has brought, and its operators
 * were told is in force, is brought again on top of it, each record in a turn: with the same rows
 * where nobody has touched them since, and with an audit entry of its own. Where somebody has, that
 * stays, and the audit tells what was lost ("fleet.lost").
 *
 * A record is known to be lost by its audit entry, which is not among those of the other history.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../admin/audit.h"
#include "../log.h"
#include "../storage/storage_admin.h"
#include "../storage/storage_fleet.h"
#include "fleet_state.h"

#define SINK "fleet.again" /* the queue, in the replica */

/* ---- what we have brought ------------------------------------------------------------------- */

struct own_record {
    char *bytes;
    size_t length;
};

struct fleet_own {
    struct own_record all[STORAGE_FLEET_KEPT]; /* newest first */
    size_t count;
    const char *host;
};

/* By the replica: a host may be called otherwise by now. */
static bool is_own(const struct fleet_own *own, const struct fleet_record_head *head)
{
    const char *node = strrchr(own->host, '/');
    const size_t length = node ? strlen(node) : 0;
    return length > 0 && head->host_length >= length &&
           memcmp(head->host + head->host_length - length, node, length) == 0;
}

static int collect_one(void *arg, const char *chain, const void *record, size_t length)
{
    struct fleet_own *own = arg;
    struct fleet_record_head head;
    (void)chain;
    if (fleet_record_read(record, length, &head, NULL, NULL, NULL) == 0 && is_own(own, &head)) {
        char *copy = malloc(length);
        if (!copy) {
            return -1;
        }
        memcpy(copy, record, length);
        own->all[own->count++] = (struct own_record){copy, length};
    }
    return 1;
}

struct fleet_own *fleet_own_collect(struct fleet *f)
{
    struct fleet_own *own = calloc(1, sizeof *own);
    int64_t sequence = f->replica.at.sequence;
    int found = own ? 1 : 0;
    if (own) {
        own->host = f->host;
    }
    for (; found == 1 && own->count < STORAGE_FLEET_KEPT; sequence--) {
        found = storage_fleet_get(f->replica.storage, sequence, collect_one, own, NULL);
    }
    return own;
}

void fleet_own_free(struct fleet_own *own)
{
    for (size_t i = 0; own && i < own->count; i++) {
        free(own->all[i].bytes);
    }
    free(own);
}

/* ---- is it there? --------------------------------------------------------------------------- */

enum audit_column {
    AUDIT_NUMBER,
    AUDIT_TIME,
    AUDIT_ACTOR,
    AUDIT_AUTHENTICATED,
    AUDIT_ACTION,
    AUDIT_TARGET,
    AUDIT_REASON,
    AUDIT_DIGEST,
    AUDIT_PREVIOUS,
    AUDIT_HASH,
    AUDIT_BEFORE,
    AUDIT_AFTER,
};

struct presence {
    struct storage *s;
    struct fault *fault;
    struct rows_key row[ROWS_COLUMNS_MOST];
    bool same;
    bool lost;
};

static int on_entry(void *arg, const struct storage_audit *entry)
{
    struct presence *p = arg;
    p->same = p->row[AUDIT_HASH].length == sizeof entry->hash &&
              memcmp(p->row[AUDIT_HASH].text, entry->hash, sizeof entry->hash) == 0;
    return 0;
}

static int look_for(void *arg, const struct row_change *change)
{
    struct presence *p = arg;
    if (change->table != ROWS_AUDIT || !change->row) {
        return 0;
    }
    if (rows_key_read(change->row, change->row_length, p->row, ROWS_COLUMNS_MOST) !=
        ROWS_COLUMNS_MOST) {
        return 0;
    }
    const struct storage_audit_query query = {
        .after = p->row[AUDIT_NUMBER].number - 1, .until = p->row[AUDIT_NUMBER].number, .limit = 1};
    p->same = false;
    const int result = storage_audit_list(p->s, &query, on_entry, p, p->fault);
    p->lost = p->lost || !p->same;
    return result;
}

int fleet_own_keep(struct fleet *f, const struct fleet_own *own, struct fault *fault)
{
    int result = 0;
    for (size_t i = own ? own->count : 0; i > 0 && result == 0; i--) {
        const struct own_record *r = &own->all[i - 1];
        struct presence p = {.s = f->replica.storage, .fault = fault};
        struct fleet_record_head head;
        result = fleet_record_read(r->bytes, r->length, &head, look_for, &p, fault);
        if (result == 0 && p.lost) {
            result = storage_queue_add(f->replica.storage, STORAGE_SPOOL, SINK, "", r->bytes,
                                       r->length, NULL, fault);
        }
    }
    return result;
}

/* ---- bringing one again --------------------------------------------------------------------- */

struct again {
    struct storage *s;
    struct fault fault;
    struct fleet_record_head head;
    struct rows_key row[ROWS_COLUMNS_MOST];
    bool conflict;
    bool lost; /* only the audit's entries are written */
};

static int on_version(void *arg, const struct storage_definition *d)
{
    *(int64_t *)arg = d->version;
    return 0;
}

static int check_version(struct again *a, const struct rows_key *key)
{
    char *name = rows_text(&key[1]);
    int64_t newest = 0;
    const int result = name ? storage_definition_history(a->s, (enum storage_kind)key[0].number,
                                                         name, 0, 1, on_version, &newest, &a->fault)
                            : -1;
    a->conflict = a->conflict || newest + 1 != key[2].number;
    free(name);
    return result;
}

static int on_override(void *arg, const struct storage_override *o)
{
    *(int64_t *)arg = o->set_ms;
    return 0;
}

static int check_override(struct again *a, const struct rows_key *key)
{
    char *name = rows_text(&key[0]);
    int64_t set_ms = INT64_MIN;
    const int result =
        name ? storage_override_get(a->s, name, on_override, &set_ms, &a->fault) : -1;
    a->conflict = a->conflict || set_ms > a->head.time_ms;
    free(name);
    return result;
}

static int on_schedule(void *arg, const struct storage_schedule *schedule)
{
    *(int *)arg = schedule->state == STORAGE_PENDING ? 1 : 2;
    return 0;
}

enum { SCHEDULE_STATE = 9 };

/* One that is new needs a number that nobody has; one that ends, a schedule that waits. */
static int check_schedule(struct again *a, const struct row_change *change,
                          const struct rows_key *key)
{
    int found = 0;
    const int result = storage_schedule_get(a->s, key[0].number, on_schedule, &found, &a->fault);
    const bool known =
        rows_key_read(change->row, change->row_length, a->row, ROWS_COLUMNS_MOST) > SCHEDULE_STATE;
    const bool ends = known && a->row[SCHEDULE_STATE].number != STORAGE_PENDING;
    a->conflict = a->conflict || (ends ? found != 1 : found != 0);
    return result;
}

enum { TOKEN_REVOKED = 9, TOKEN_SUCCESSOR = 10 };

static int on_token(void *arg, const struct storage_token *token)
{
    struct again *a = arg;
    const bool ended = token->revoked_ms && !a->row[TOKEN_REVOKED].number;
    const bool rotated = token->successor && a->row[TOKEN_SUCCESSOR].none;
    a->conflict = a->conflict || ended || rotated;
    return 0;
}

/* One that was ended since does not come back. */
static int check_token(struct again *a, const struct row_change *change, const struct rows_key *key)
{
    char *id = rows_text(&key[0]);
    const bool read =
        rows_key_read(change->row, change->row_length, a->row, ROWS_COLUMNS_MOST) > TOKEN_SUCCESSOR;
    const int result = id && read ? storage_token_get(a->s, id, on_token, a, &a->fault) : -1;
    free(id);
    return result;
}

static int check_change(void *arg, const struct row_change *change)
{
    struct again *a = arg;
    struct rows_key key[3] = {{.number = 0}};
    if (rows_key_read(change->key, change->key_length, key, 3) < 1) {
        return -1;
    }
    switch (change->table) {
    case ROWS_VERSION: /* older ones that went with it go anyway */
        return change->row ? check_version(a, key) : 0;
    case ROWS_OVERRIDE:
        return check_override(a, key);
    case ROWS_TOKEN:
        return change->row ? check_token(a, change, key) : 0;
    case ROWS_SCHEDULE:
        return change->row ? check_schedule(a, change, key) : 0;
    default:
        return 0;
    }
}

static int append(struct again *a)
{
    char *texts[ROWS_COLUMNS_MOST] = {NULL};
    char *told = NULL;
    for (int i = AUDIT_ACTOR; i <= AUDIT_AFTER; i++) {
        texts[i] = rows_text(&a->row[i]);
    }
    const char *why = texts[AUDIT_REASON] ? texts[AUDIT_REASON] : "";
    const bool made = asprintf(&told,
                               a->lost ? "lost with Redis's newest changes, and overtaken: %s %s"
                                       : "%s%s(again: Redis had lost it)",
                               a->lost ? (texts[AUDIT_ACTION] ? texts[AUDIT_ACTION] : "") : why,
                               a->lost ? why : (*why ? " " : "")) >= 0;
    struct storage_audit entry = {
        .time_ms = a->row[AUDIT_TIME].number,
        .actor = texts[AUDIT_ACTOR] ? texts[AUDIT_ACTOR] : "",
        .authenticated = texts[AUDIT_AUTHENTICATED] ? texts[AUDIT_AUTHENTICATED] : "",
        .action = a->lost               ? "fleet.lost"
                  : texts[AUDIT_ACTION] ? texts[AUDIT_ACTION]
                                        : "",
        .target = texts[AUDIT_TARGET] ? texts[AUDIT_TARGET] : "",
        .before = texts[AUDIT_BEFORE],
        .after = texts[AUDIT_AFTER],
        .reason = made ? told : NULL,
    };
    const int result = made ? audit_append(a->s, &entry, &a->fault) : -1;
    for (int i = 0; i < ROWS_COLUMNS_MOST; i++) {
        free(texts[i]);
    }
    if (made) {
        free(told);
    }
    return result;
}

/* A version names the entry that tells of it: the one that comes next. */
static int put_version(struct again *a, const struct row_change *change)
{
    struct audit_checkpoint newest;
    struct rows_key key[3];
    if (rows_apply(a->s, change, &a->fault) != 0 ||
        audit_checkpoint(a->s, &newest, &a->fault) != 0 ||
        rows_key_read(change->key, change->key_length, key, 3) != 3) {
        return -1;
    }
    char *name = rows_text(&key[1]);
    const int result = name ? storage_definition_audit(a->s, (enum storage_kind)key[0].number, name,
                                                       key[2].number, newest.number + 1, &a->fault)
                            : -1;
    free(name);
    return result;
}

static int put_change(void *arg, const struct row_change *change)
{
    struct again *a = arg;
    if (change->table == ROWS_AUDIT) {
        return change->row && rows_key_read(change->row, change->row_length, a->row,
                                            ROWS_COLUMNS_MOST) == ROWS_COLUMNS_MOST
                   ? append(a)
                   : 0;
    }
    if (a->lost) {
        return 0;
    }
    return change->table == ROWS_VERSION && change->row ? put_version(a, change)
                                                        : rows_apply(a->s, change, &a->fault);
}

/* Within a turn: proposed, or nothing has happened. */
static int bring_again(struct again *a, const void *record, size_t length)
{
    if (fleet_record_read(record, length, &a->head, NULL, NULL, &a->fault) != 0 ||
        fleet_record_read(record, length, &a->head, check_change, a, &a->fault) != 0) {
        return -1;
    }
    a->lost = a->conflict;
    if (storage_begin_durable(a->s, &a->fault) != 0) {
        return -1;
    }
    if (fleet_record_read(record, length, &a->head, put_change, a, &a->fault) != 0 ||
        storage_commit(a->s, &a->fault) != 0) {
        storage_rollback(a->s);
        return -1;
    }
    LOG_EVENT(a->lost ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
              a->lost ? "fleet-change-lost" : "fleet-change-again",
              log_text("text", a->lost ? "others have changed the same since Redis lost it"
                                       : "brought again, for Redis had lost it"));
    return 0;
}

/* ---- turns ---------------------------------------------------------------------------------- */

struct first {
    struct fleet *f;
    struct own_record record;
};

static int on_queued(void *arg, int64_t number, const char *label, const void *bytes, size_t length)
{
    struct first *first = arg;
    (void)label;
    first->record.bytes = malloc(length + 1);
    if (first->record.bytes) {
        memcpy(first->record.bytes, bytes, length);
        first->record.length = length;
        first->f->again_number = number;
    }
    return 1;
}

static bool load_first(struct first *first)
{
    return storage_queue_load(first->f->replica.storage, STORAGE_SPOOL, SINK, on_queued, first,
                              NULL) == 1 &&
           first->record.bytes;
}

static struct fleet *of(struct turn *t)
{
    return (struct fleet *)((char *)t - offsetof(struct fleet, again));
}

static void go(struct turn *t)
{
    struct fleet *f = of(t);
    struct first first = {.f = f};
    struct again a = {.s = f->replica.storage};
    f->again_number = 0;
    if (load_first(&first) && bring_again(&a, first.record.bytes, first.record.length) != 0) {
        log_fault(LOG_LEVEL_ERROR, "fleet-change-lost", &a.fault);
        f->again_number = 0;
    }
    free(first.record.bytes);
    f->turns.end(f->turns.arg, t);
}

static void on_over(struct turn *t, enum turn_outcome outcome, const struct fault *fault)
{
    struct fleet *f = of(t);
    (void)fault;
    f->again_asks = false;
    if (outcome == TURN_DONE && f->again_number > 0) {
        (void)storage_queue_delete(f->replica.storage, STORAGE_SPOOL, SINK, f->again_number, NULL);
        fleet_again(f);
    } else if (outcome == TURN_OVERTAKEN) {
        fleet_again(f);
    } /* else with the next connection */
}

void fleet_again_init(struct fleet *f)
{
    f->again = (struct turn){.go = go, .over = on_over};
}

void fleet_again(struct fleet *f)
{
    struct first first = {.f = f};
    if (!f->again_asks && load_first(&first)) {
        f->again_asks = true;
        f->turns.ask(f->turns.arg, &f->again);
    }
    free(first.record.bytes);
}
