/* The fleet's log: XREAD waits for what comes behind the replica's position. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "fleet_state.h"

#define BLOCK_MS "1000"
#define AT_ONCE 100 /* records */
#define AT_ONCE_TEXT "100"

/* [id, [name, value, ...]] */
int fleet_log_entry(const redisReply *entry, struct fleet_entry *out)
{
    *out = (struct fleet_entry){.sequence = 0};
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[0]->type != REDIS_REPLY_STRING ||
        entry->element[1]->type != REDIS_REPLY_ARRAY) {
        return -1;
    }
    const redisReply *id = entry->element[0];
    const char *dash = memchr(id->str, '-', id->len);
    if (!dash || fleet_sequence(id->str, (size_t)(dash - id->str), &out->sequence) != 0) {
        return -1;
    }
    const redisReply *fields = entry->element[1];
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *value = fields->element[i + 1];
        const char *name = fields->element[i]->str;
        if (strcmp(name, "r") == 0) {
            out->record = value->str;
            out->length = value->len;
        } else if (strcmp(name, "c") == 0 && value->len == FLEET_CHAIN - 1) {
            out->chain = value->str;
        }
    }
    return out->record && out->chain ? 0 : -1;
}

static void applied(struct fleet *f, const struct fleet_entry *entries, size_t count)
{
    f->applied += count;
    fleet_came(f);
    for (size_t i = 0; i < count; i++) {
        struct fleet_record_head head;
        if (fleet_record_read(entries[i].record, entries[i].length, &head, NULL, NULL, NULL) == 0) {
            fleet_turns_came(f, &head);
        }
    }
    fleet_turns_look(f);
}

/* Those that are new; some may have come in as our own. */
static void take(struct fleet *f, const redisReply *list)
{
    struct fleet_entry entries[AT_ONCE];
    struct fault fault = {0};
    size_t count = 0;
    for (size_t i = 0; i < list->elements && count < AT_ONCE; i++) {
        struct fleet_entry entry;
        if (fleet_log_entry(list->element[i], &entry) != 0) {
            fault_set(&fault, "", "give the fleet another prefix",
                      "%s has an entry that no ffagent wrote", f->keys.log);
            fleet_failed(f, &fault);
            return;
        }
        if (entry.sequence > f->replica.at.sequence) {
            entries[count++] = entry;
        }
    }
    if (count == 0) {
        return;
    }
    switch (fleet_replica_apply(&f->replica, entries, count, f->proposal.sent, f->owner.changed,
                                f->owner.arg, &fault)) {
    case FLEET_APPLIED:
        applied(f, entries, count);
        break;
    case FLEET_DIVERGED: /* the log was cut, or Redis went on without what we have */
        LOG_EVENT(LOG_LEVEL_WARNING, "fleet-diverged", log_text("cause", fault.cause));
        f->stage = FLEET_READING;
        fleet_read_begin(f, NULL);
        break;
    default:
        fleet_failed(f, &fault);
    }
}

static void on_read(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    f->reading_log = false;
    if (f->stage != FLEET_FOLLOWING || !reply) {
        return; /* the link's owner is told, too */
    }
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2) {
        take(f, reply->element[0]->element[1]);
    } else if (f->replica.at.sequence < f->read_known) {
        /* there is more, and the log does not have it: a state was put in its place */
        fleet_read_begin(f, NULL);
        return;
    }
    if (f->stage == FLEET_FOLLOWING) {
        fleet_log_follow(f);
    }
}

void fleet_log_follow(struct fleet *f)
{
    char from[32];
    snprintf(from, sizeof from, "%" PRId64 "-0", f->replica.at.sequence);
    const char *const words[] = {"XREAD",  "COUNT",   AT_ONCE_TEXT, "BLOCK",
                                 BLOCK_MS, "STREAMS", f->keys.log,  from};
    if (!f->reading_log && redis_link_send(f->reader, on_read, f, 8, words, NULL) == 0) {
        f->reading_log = true;
        f->read_known = f->known == FLEET_UNKNOWN ? 0 : f->known;
    }
}
