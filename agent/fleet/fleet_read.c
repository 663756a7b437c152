/*
 * The fleet's whole state: its position, then every row in pieces, then the records since. Rows may
 * be newer than the position; a record that is applied twice makes the same rows. All of it is kept
 * in memory until it is whole, and comes in by one transaction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "fleet_pieces.h"
#include "fleet_state.h"

#define PIECE "500" /* rows that Redis is asked for at once */

struct fleet_read {
    struct fleet_position from;
    struct fleet_pieces rows;
    struct fleet_pieces records;
    unsigned table; /* that is being read */
    char cursor[24];
    char state[FLEET_CHAIN]; /* which whole state it is: the same at the end */
    bool ends;
};

static void failed(struct fleet *f, const char *cause)
{
    struct fault fault = {0};
    fault_set(&fault, "", "give the fleet another prefix, or a newer ffagent", "%s", cause);
    fleet_failed(f, &fault);
}

void fleet_read_stop(struct fleet *f)
{
    if (f->read) {
        fleet_pieces_drop(&f->read->rows);
        fleet_pieces_drop(&f->read->records);
        free(f->read);
        f->read = NULL;
    }
}

/* ---- coming in ------------------------------------------------------------------------------ */

static int bring_in_rows(struct fleet *f, const struct fleet_read *r, struct fault *fault)
{
    int result = 0;
    for (size_t i = 0; i < r->rows.count && result == 0; i++) {
        const struct fleet_piece *p = &r->rows.all[i];
        const struct row_change row = {p->table, p->bytes, p->first, p->bytes + p->first,
                                       p->second};
        result = fleet_replica_row(&f->replica, &row, fault);
    }
    return result;
}

static int bring_in_records(struct fleet *f, const struct fleet_read *r, struct fault *fault)
{
    for (size_t i = 0; i < r->records.count; i++) {
        const struct fleet_piece *p = &r->records.all[i];
        const struct fleet_entry entry = {p->sequence, p->bytes, p->first, p->bytes + p->first};
        if (fleet_replica_record(&f->replica, &entry, fault) != FLEET_APPLIED) {
            return -1;
        }
    }
    return 0;
}

static void bring_in(struct fleet *f)
{
    struct fleet_read *r = f->read;
    struct fault fault = {0};
    struct fleet_own *own = fleet_own_collect(f);
    int result = fleet_replica_replace(&f->replica, &r->from, &fault);
    if (result == 0 && (bring_in_rows(f, r, &fault) != 0 || bring_in_records(f, r, &fault) != 0 ||
                        fleet_own_keep(f, own, &fault) != 0)) {
        fleet_replica_undo(&f->replica);
        result = -1;
    }
    fleet_own_free(own);
    if (result != 0 || fleet_replica_replaced(&f->replica, &fault) != 0) {
        fleet_failed(f, &fault);
        return;
    }
    f->replaced++;
    LOG_EVENT(LOG_LEVEL_INFO, "fleet-read", log_number("sequence", f->replica.at.sequence),
              log_number("rows", (int64_t)r->rows.count),
              log_number("bytes", (int64_t)(r->rows.bytes + r->records.bytes)));
    fleet_read_stop(f);
    if (f->owner.replaced) {
        f->owner.replaced(f->owner.arg);
    }
    f->stage = FLEET_LOOKING;
    fleet_look(f);
}

/* ---- the records since ---------------------------------------------------------------------- */

static void ask_records(struct fleet *f);
static void ask_rows(struct fleet *f);

/* ---- is it still the same state? ------------------------------------------------------------ */

static bool is_current(const struct fleet *f, const redisReply *reply)
{
    return f->stage == FLEET_READING && f->read && reply;
}

static bool is_text(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

/* seq, chain, state, epoch. */
static void look_at_head(struct fleet *f, const redisReply *reply)
{
    struct fleet_read *r = f->read;
    const struct fleet_pieces *records = &r->records;
    const struct fleet_piece *last = records->count > 0 ? &records->all[records->count - 1] : NULL;
    const char *chain = last ? last->bytes + last->first : r->from.chain;
    const int64_t sequence = r->from.sequence + (int64_t)records->count;
    int64_t theirs = 0;
    const bool same = is_text(reply->element[3], r->from.epoch) &&
                      reply->element[2]->type == REDIS_REPLY_STRING &&
                      reply->element[0]->type == REDIS_REPLY_STRING &&
                      fleet_sequence(reply->element[0]->str, reply->element[0]->len, &theirs) == 0;
    if (same && !r->ends) {
        snprintf(r->state, sizeof r->state, "%s", reply->element[2]->str);
        ask_rows(f);
    } else if (same && is_text(reply->element[2], r->state) && theirs > sequence) {
        ask_records(f);
    } else if (same && is_text(reply->element[2], r->state) && theirs == sequence &&
               is_text(reply->element[1], chain)) {
        bring_in(f);
    } else {
        failed(f, "the fleet's state was replaced while it was read");
    }
}

static void on_head(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (!is_current(f, reply)) {
        return;
    }
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
    } else if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4) {
        failed(f, "the head of the fleet cannot be read");
    } else {
        look_at_head(f, reply);
    }
}

static void ask_head(struct fleet *f)
{
    const char *const words[] = {"HMGET", f->keys.head, "seq", "chain", "state", "epoch"};
    if (redis_link_send(f->link, on_head, f, 6, words, NULL) != 0) {
        failed(f, "Redis is away");
    }
}

/* ---- records -------------------------------------------------------------------------------- */

static int take_record(struct fleet_read *r, const redisReply *of)
{
    struct fleet_entry entry;
    if (fleet_log_entry(of, &entry) != 0) {
        return -1;
    }
    const int64_t known = r->from.sequence + (int64_t)r->records.count;
    if (entry.sequence <= known) {
        return 0;
    }
    const struct fleet_piece piece = {
        .first = entry.length, .second = FLEET_CHAIN, .sequence = entry.sequence};
    char chain[FLEET_CHAIN];
    memcpy(chain, entry.chain, FLEET_CHAIN - 1);
    chain[FLEET_CHAIN - 1] = '\0';
    return fleet_pieces_add(&r->records, &piece, entry.record, chain);
}

static void on_records(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (!is_current(f, reply)) {
        return;
    }
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        if (take_record(f->read, reply->element[i]) != 0) {
            failed(f, "the fleet's log cannot be read");
            return;
        }
    }
    if (reply->elements > 0) {
        ask_records(f);
    } else {
        f->read->ends = true;
        ask_head(f);
    }
}

static void ask_records(struct fleet *f)
{
    char from[32];
    snprintf(from, sizeof from, "(%" PRId64 "-0",
             f->read->from.sequence + (int64_t)f->read->records.count);
    const char *const words[] = {"XRANGE", f->keys.log, from, "+", "COUNT", PIECE};
    if (redis_link_send(f->link, on_records, f, 6, words, NULL) != 0) {
        failed(f, "Redis is away");
    }
}

/* ---- the rows ------------------------------------------------------------------------------- */

static int take_rows(struct fleet_read *r, const redisReply *pairs)
{
    for (size_t i = 0; i + 1 < pairs->elements; i += 2) {
        const redisReply *key = pairs->element[i];
        const redisReply *row = pairs->element[i + 1];
        const struct fleet_piece piece = {
            .first = key->len, .second = row->len, .table = (enum rows_table)r->table};
        if (fleet_pieces_add(&r->rows, &piece, key->str, row->str) != 0) {
            return -1;
        }
    }
    return 0;
}

static void on_rows(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (!is_current(f, reply)) {
        return;
    }
    struct fleet_read *r = f->read;
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        take_rows(r, reply->element[1]) != 0) {
        failed(f, "the fleet's state cannot be read, or is too large for this host");
        return;
    }
    snprintf(r->cursor, sizeof r->cursor, "%s", reply->element[0]->str);
    if (strcmp(r->cursor, "0") == 0) {
        r->table++;
    }
    if (r->table < ROWS_TABLES) {
        ask_rows(f);
    } else {
        ask_records(f);
    }
}

static void ask_rows(struct fleet *f)
{
    const struct fleet_read *r = f->read;
    const char *const words[] = {"HSCAN", f->keys.rows[r->table], r->cursor, "COUNT", PIECE};
    if (redis_link_send(f->link, on_rows, f, 5, words, NULL) != 0) {
        failed(f, "Redis is away");
    }
}

/* theirs NULL: it is looked for first. */
void fleet_read_begin(struct fleet *f, const struct fleet_position *theirs)
{
    fleet_read_stop(f);
    if (!theirs) {
        f->stage = FLEET_LOOKING;
        f->rereads = true;
        fleet_look(f);
        return;
    }
    f->read = calloc(1, sizeof *f->read);
    if (!f->read) {
        failed(f, "out of memory");
        return;
    }
    f->rereads = false;
    f->read->from = *theirs;
    snprintf(f->read->cursor, sizeof f->read->cursor, "0");
    ask_head(f);
}
