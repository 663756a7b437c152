/*
 * This host's whole state to Redis: beside the place where it belongs, in pieces; then a script
 * puts all of it there at once, if nobody else has.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "fleet_pieces.h"
#include "fleet_state.h"

#define PIECE_ROWS 200
#define PIECE_BYTES (256u << 10)
#define PIECES_MOST 4u /* on their way */

struct fleet_bring {
    struct fleet_position over; /* epoch "": nothing */
    struct fleet_position at;
    struct fleet_pieces rows; /* as they were when it began */
    size_t sent;
    unsigned waiting; /* pieces */
    bool ends;
};

void fleet_bring_stop(struct fleet *f)
{
    struct fleet_bring *b = f->bring;
    if (b) {
        fleet_pieces_drop(&b->rows);
        free(b);
        f->bring = NULL;
    }
}

static void failed(struct fleet *f, const char *cause)
{
    struct fault fault = {0};
    fault_set(&fault, "", "", "%s", cause);
    fleet_failed(f, &fault);
}

/* ---- the rows ------------------------------------------------------------------------------- */

static int copy_row(void *arg, const struct row_change *change)
{
    const struct fleet_piece piece = {
        .first = change->key_length, .second = change->row_length, .table = change->table};
    return fleet_pieces_add(arg, &piece, change->key, change->row);
}

static void send_more(struct fleet *f);

static void on_piece(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (f->stage != FLEET_BRINGING || !f->bring || !reply) {
        return;
    }
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
        return;
    }
    f->bring->waiting--;
    send_more(f);
}

/* Rows of one table. */
static int send_piece(struct fleet *f)
{
    struct fleet_bring *b = f->bring;
    const enum rows_table table = b->rows.all[b->sent].table;
    struct fleet_words w = {.words = NULL};
    size_t bytes = 0;
    fleet_word_text(&w, "HSET");
    fleet_word_text(&w, f->keys.staged[table]);
    for (unsigned i = 0; i < PIECE_ROWS && bytes < PIECE_BYTES && b->sent < b->rows.count &&
                         b->rows.all[b->sent].table == table;
         i++) {
        const struct fleet_piece *row = &b->rows.all[b->sent++];
        fleet_word(&w, row->bytes, row->first);
        fleet_word(&w, row->bytes + row->first, row->second);
        bytes += row->first + row->second;
    }
    b->waiting++;
    return fleet_words_send(f, &w, on_piece, f);
}

/* ---- the end -------------------------------------------------------------------------------- */

static int begun(struct fleet *f, struct fault *fault)
{
    const struct fleet_position at = f->bring->at;
    f->restored++;
    LOG_EVENT(LOG_LEVEL_WARNING, f->replica.at.epoch[0] ? "fleet-restored" : "fleet-begun",
              log_text("epoch", at.epoch), log_number("sequence", at.sequence));
    return f->replica.at.epoch[0] ? 0 : fleet_replica_found(&f->replica, &at, fault);
}

static void on_brought(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (f->stage != FLEET_BRINGING || !f->bring || !reply) {
        return;
    }
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
        return;
    }
    const bool ok = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    if (ok && begun(f, &fault) != 0) {
        fleet_failed(f, &fault);
        return;
    }
    fleet_bring_stop(f);
    f->stage = FLEET_LOOKING; /* what is there now: ours, or what somebody quicker has brought */
    fleet_look(f);
}

static int send_end(struct fleet *f)
{
    const struct fleet_bring *b = f->bring;
    struct fleet_words w = {.words = NULL};
    char keys[8];
    char at[24];
    char over[24] = "";
    char state[FLEET_CHAIN];
    char calm[16];
    snprintf(calm, sizeof calm, "%d", b->at.sequence > 0 ? FLEET_CALM_MS : 0);
    fleet_random(state);
    snprintf(keys, sizeof keys, "%d", 2 + 2 * ROWS_TABLES);
    snprintf(at, sizeof at, "%" PRId64, b->at.sequence);
    if (b->over.epoch[0]) {
        snprintf(over, sizeof over, "%" PRId64, b->over.sequence);
    }
    fleet_word_text(&w, "EVAL");
    fleet_word_text(&w, fleet_script_restore);
    fleet_word_text(&w, keys);
    fleet_word_text(&w, f->keys.head);
    fleet_word_text(&w, f->keys.log);
    for (unsigned t = 0; t < ROWS_TABLES; t++) {
        fleet_word_text(&w, f->keys.rows[t]);
    }
    for (unsigned t = 0; t < ROWS_TABLES; t++) {
        fleet_word_text(&w, f->keys.staged[t]);
    }
    fleet_word_text(&w, b->at.epoch);
    fleet_word_text(&w, at);
    fleet_word_text(&w, b->at.chain);
    fleet_word_text(&w, b->over.epoch);
    fleet_word_text(&w, over);
    fleet_word_text(&w, b->over.chain);
    fleet_word_text(&w, state);
    fleet_word_text(&w, calm);
    return fleet_words_send(f, &w, on_brought, f);
}

static int send_each(struct fleet *f, const char *command, const char *argument)
{
    for (unsigned t = 0; t < ROWS_TABLES; t++) {
        const char *const words[] = {command, f->keys.staged[t], argument};
        if (redis_link_send(f->link, on_piece, f, argument ? 3 : 2, words, NULL) != 0) {
            return -1;
        }
        f->bring->waiting++;
    }
    return 0;
}

static void send_more(struct fleet *f)
{
    struct fleet_bring *b = f->bring;
    char seconds[16];
    int result = 0;
    snprintf(seconds, sizeof seconds, "%d", FLEET_STAGED_S);
    while (result == 0 && b->sent < b->rows.count && b->waiting < PIECES_MOST) {
        result = send_piece(f);
    }
    if (result == 0 && b->sent == b->rows.count && b->waiting == 0 && !b->ends) {
        b->ends = true; /* what is not brought in to the end goes by itself */
        result = send_each(f, "EXPIRE", seconds);
    } else if (result == 0 && b->ends && b->waiting == 0) {
        result = send_end(f);
    }
    if (result != 0) {
        failed(f, "the fleet's state cannot be brought to Redis: it is away, or memory is short");
    }
}

static int copy_rows(struct fleet *f, struct fault *fault)
{
    int result = 0;
    for (unsigned t = 0; t < ROWS_TABLES && result == 0; t++) {
        result =
            rows_each(f->replica.storage, (enum rows_table)t, copy_row, &f->bring->rows, fault);
    }
    if (result != 0 && !fault->cause[0]) {
        fault_set(fault, "", "give the agent more memory", "the fleet's state is too large");
    }
    return result;
}

void fleet_bring_begin(struct fleet *f, const struct fleet_position *over,
                       const struct fleet_position *at)
{
    struct fault fault = {0};
    fleet_bring_stop(f);
    f->bring = calloc(1, sizeof *f->bring);
    if (!f->bring) {
        failed(f, "out of memory");
        return;
    }
    f->bring->at = *at;
    f->bring->over = over ? *over : (struct fleet_position){.sequence = 0};
    if (copy_rows(f, &fault) != 0) {
        fleet_failed(f, &fault);
    } else if (send_each(f, "DEL", NULL) != 0) {
        failed(f, "Redis is away");
    }
}
