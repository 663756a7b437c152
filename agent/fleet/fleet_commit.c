/* A record to the fleet's log: by a script that does it only at the position that the record is
   made for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "../storage/storage_fleet.h"
#include "fleet_state.h"

#define KEYS (2 + ROWS_TABLES)
#define PUSH_AT_ONCE 100 /* then we look what is there */

/* What words point at: numbers as texts. */
struct texts {
    char keys[8];
    char sequence[24];
    char kept[16];
};

static int put_row(void *arg, const struct row_change *change)
{
    static const char *const numbers[ROWS_TABLES] = {"3", "4", "5", "6", "7", "8"};
    struct fleet_words *w = arg;
    fleet_word_text(w, numbers[change->table]);
    fleet_word(w, change->key, change->key_length);
    fleet_word(w, change->row, change->row_length);
    return 0;
}

int fleet_commit_send(struct fleet *f, enum fleet_commit what, const struct fleet_position *base,
                      const char *chain, const void *record, size_t length, redis_reply_fn *fn,
                      void *arg)
{
    struct fleet_words w = {.words = NULL};
    struct texts t;
    struct fleet_record_head head;
    snprintf(t.keys, sizeof t.keys, "%d", KEYS);
    snprintf(t.sequence, sizeof t.sequence, "%" PRId64, base->sequence);
    snprintf(t.kept, sizeof t.kept, "%d", FLEET_LOG_KEPT);
    fleet_word_text(&w, "EVAL");
    fleet_word_text(&w, fleet_script_commit);
    fleet_word_text(&w, t.keys);
    fleet_word_text(&w, f->keys.head);
    fleet_word_text(&w, f->keys.log);
    for (unsigned i = 0; i < ROWS_TABLES; i++) {
        fleet_word_text(&w, f->keys.rows[i]);
    }
    fleet_word_text(&w, base->epoch);
    fleet_word_text(&w, t.sequence);
    fleet_word_text(&w, base->chain);
    fleet_word_text(&w, chain);
    fleet_word_text(&w, t.kept);
    fleet_word(&w, record, length);
    fleet_word_text(&w, what == FLEET_PUSH ? "push" : "change");
    const int read = fleet_record_read(record, length, &head, put_row, &w, NULL);
    w.failed = w.failed || read != 0;
    return fleet_words_send(f, &w, fn, arg);
}

/* ---- pushing -------------------------------------------------------------------------------- */

static int same_chain(void *arg, const char *chain, const void *record, size_t length)
{
    const struct fleet_position *theirs = arg;
    (void)record, (void)length;
    return strcmp(chain, theirs->chain) == 0 ? 1 : 2;
}

static void on_pushed(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (f->stage != FLEET_PUSHING || !reply) {
        return;
    }
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
        return;
    }
    f->restored += reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                   strcmp(reply->element[0]->str, "ok") == 0;
    if (--f->pushing == 0) { /* others may have been quicker: whatever there is now */
        f->stage = FLEET_LOOKING;
        fleet_look(f);
    }
}

struct pushed {
    struct fleet *f;
    struct fleet_position base;
};

static int push_one(void *arg, const char *chain, const void *record, size_t length)
{
    struct pushed *p = arg;
    if (fleet_commit_send(p->f, FLEET_PUSH, &p->base, chain, record, length, on_pushed, p->f) !=
        0) {
        return -1;
    }
    p->f->pushing++;
    p->base.sequence++;
    snprintf(p->base.chain, sizeof p->base.chain, "%s", chain);
    return 1;
}

/* Ours are not those that are there: what both have is there, and the rest is read. */
static void give_way(struct fleet *f, const struct fleet_position *theirs)
{
    f->stage = FLEET_READING;
    fleet_read_begin(f, theirs);
}

void fleet_push(struct fleet *f, const struct fleet_position *theirs)
{
    struct pushed p = {f, *theirs};
    struct fault fault = {0};
    const int same =
        storage_fleet_get(f->replica.storage, theirs->sequence, same_chain, &p.base, &fault);
    f->pushing = 0;
    if (same == 2) {
        give_way(f, theirs);
        return;
    }
    if (same == 0) { /* too long ago to be compared */
        f->stage = FLEET_BRINGING;
        fleet_bring_begin(f, theirs, &f->replica.at);
        return;
    }
    LOG_EVENT(LOG_LEVEL_WARNING, "fleet-lost",
              log_number("records", f->replica.at.sequence - theirs->sequence),
              log_text("cause", "Redis has lost the newest changes"),
              log_text("effect", "this host gives them back"));
    int pushed = same < 0 ? -1 : 1;
    while (pushed == 1 && f->pushing < PUSH_AT_ONCE && p.base.sequence < f->replica.at.sequence) {
        pushed = storage_fleet_get(f->replica.storage, p.base.sequence + 1, push_one, &p, &fault);
    }
    if (pushed != 1 && f->pushing == 0) {
        fleet_failed(f, &fault);
    }
}
