/*
 * This host's whole state to Redis: beside the place where it belongs, in pieces; then a script
 * puts all of it there at once, if nobody else has.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "fleet_state.h"

#define PIECE_WORDS 400
#define PIECE_BYTES (1u << 20)

struct fleet_bring {
    struct fleet_position over; /* epoch "": nothing */
    struct fleet_position at;
    struct fleet_words words; /* of the next HSET */
    size_t bytes;
    /* rows_each borrows: copies until they are sent */
    char **copies;
    size_t copy_count;
    bool failed;
};

static void forget_copies(struct fleet_bring *b)
{
    for (size_t i = 0; i < b->copy_count; i++) {
        free(b->copies[i]);
    }
    b->copy_count = 0;
}

void fleet_bring_stop(struct fleet *f)
{
    struct fleet_bring *b = f->bring;
    if (b) {
        forget_copies(b);
        free(b->copies);
        free(b->words.words);
        free(b->words.lengths);
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

/* ---- pieces --------------------------------------------------------------------------------- */

static void on_piece(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (f->stage == FLEET_BRINGING && f->bring && reply && fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
    }
}

static void send_piece(struct fleet *f)
{
    struct fleet_bring *b = f->bring;
    if (b->copy_count > 0 && fleet_words_send(f, &b->words, on_piece, f) != 0) {
        b->failed = true;
    }
    b->bytes = 0;
    forget_copies(b);
}

static const char *keep(struct fleet_bring *b, const void *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy) {
        memcpy(copy, bytes, length);
        b->copies[b->copy_count++] = copy;
    }
    b->failed = b->failed || !copy;
    b->bytes += length;
    return copy;
}

static int put_row(void *arg, const struct row_change *row)
{
    struct fleet *f = arg;
    struct fleet_bring *b = f->bring;
    if (b->copy_count == 0) {
        fleet_word_text(&b->words, "HSET");
        fleet_word_text(&b->words, f->keys.staged[row->table]);
    }
    fleet_word(&b->words, keep(b, row->key, row->key_length), row->key_length);
    fleet_word(&b->words, keep(b, row->row, row->row_length), row->row_length);
    if (b->copy_count >= PIECE_WORDS || b->bytes >= PIECE_BYTES) {
        send_piece(f);
    }
    return b->failed ? -1 : 0;
}

static int send_rows(struct fleet *f, struct fault *fault)
{
    for (unsigned t = 0; t < ROWS_TABLES; t++) {
        const char *const clear[] = {"DEL", f->keys.staged[t]};
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", FLEET_STAGED_S);
        const char *const expire[] = {"EXPIRE", f->keys.staged[t], seconds};
        if (redis_link_send(f->link, on_piece, f, 2, clear, NULL) != 0 ||
            rows_each(f->replica.storage, (enum rows_table)t, put_row, f, fault) != 0) {
            return -1;
        }
        send_piece(f);
        if (redis_link_send(f->link, on_piece, f, 3, expire, NULL) != 0 || f->bring->failed) {
            return -1;
        }
    }
    return 0;
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
    return fleet_words_send(f, &w, on_brought, f);
}

void fleet_bring_begin(struct fleet *f, const struct fleet_position *over,
                       const struct fleet_position *at)
{
    struct fault fault = {0};
    fleet_bring_stop(f);
    f->bring = calloc(1, sizeof *f->bring);
    if (f->bring) {
        f->bring->copies = calloc(PIECE_WORDS + 2, sizeof *f->bring->copies);
    }
    if (!f->bring || !f->bring->copies) {
        failed(f, "out of memory");
        return;
    }
    f->bring->at = *at;
    f->bring->over = over ? *over : (struct fleet_position){.sequence = 0};
    if (send_rows(f, &fault) != 0 || send_end(f) != 0) {
        if (!fault.cause[0]) {
            fault_set(
                &fault, "", "give the agent more memory",
                "the fleet's state cannot be brought to Redis: out of memory, or Redis is away");
        }
        fleet_failed(f, &fault);
    }
}
