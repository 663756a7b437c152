#include "audit_export.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../catalog/document.h"

void audit_hash_text(const uint8_t hash[STORAGE_AUDIT_HASH], char text[AUDIT_HASH_TEXT])
{
    for (size_t i = 0; i < STORAGE_AUDIT_HASH; i++) {
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int audit_hash_parse(const char *text, uint8_t hash[STORAGE_AUDIT_HASH])
{
    for (size_t i = 0; i < STORAGE_AUDIT_HASH; i++) {
        const int high = digit(text[2 * i]);
        const int low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0) {
            return -1;
        }
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return text[AUDIT_HASH_TEXT - 1] == '\0' ? 0 : -1;
}

/* ---- writing -------------------------------------------------------------------------------- */

static char *dump(json_t *body, size_t *length)
{
    char *text = body ? document_dump(body, length) : NULL;
    json_decref(body);
    return text;
}

char *audit_export_line(const struct storage_audit *e, size_t *length)
{
    char previous[AUDIT_HASH_TEXT];
    char hash[AUDIT_HASH_TEXT];
    json_t *body = NULL;
    audit_hash_text(e->previous, previous);
    audit_hash_text(e->hash, hash);
    if (!e->malformed) { /* NULL: a text that is not UTF-8 */
        body = json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s, s:s}",
                         "number", (json_int_t)e->number, "timeMs", (json_int_t)e->time_ms, "actor",
                         e->actor, "authenticated", e->authenticated, "action", e->action, "target",
                         e->target, "beforeText", e->before, "afterText", e->after, "reason",
                         e->reason, "digest", e->digest, "previous", previous, "hash", hash);
    }
    if (!body) {
        body = json_pack("{s:I, s:b}", "number", (json_int_t)e->number, "malformed", 1);
    }
    return dump(body, length);
}

char *audit_export_last_line(const struct audit_checkpoint *head, uint64_t entries, bool whole,
                             size_t *length)
{
    char hash[AUDIT_HASH_TEXT];
    audit_hash_text(head->hash, hash);
    return dump(json_pack("{s:{s:I, s:s}, s:I, s:b}", "checkpoint", "number",
                          (json_int_t)head->number, "hash", hash, "entries", (json_int_t)entries,
                          "whole", whole),
                length);
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool take_number(const json_t *object, const char *name, int64_t *number)
{
    const json_t *value = json_object_get(object, name);
    *number = json_integer_value(value);
    return json_is_integer(value);
}

static bool take_text(const json_t *object, const char *name, const char **text)
{
    *text = json_string_value(json_object_get(object, name));
    return *text != NULL;
}

static bool take_optional(const json_t *object, const char *name, const char **text)
{
    return take_text(object, name, text) || json_is_null(json_object_get(object, name));
}

static bool take_hash(const json_t *object, const char *name, uint8_t hash[STORAGE_AUDIT_HASH])
{
    const char *text;
    return take_text(object, name, &text) && audit_hash_parse(text, hash) == 0;
}

/* A member more would be one that nothing proves. Texts are borrowed from the object. */
static bool take_entry(const json_t *o, struct storage_audit *e)
{
    *e = (struct storage_audit){.number = 0};
    return json_object_size(o) == 12 && take_number(o, "number", &e->number) &&
           take_number(o, "timeMs", &e->time_ms) && take_text(o, "actor", &e->actor) &&
           take_text(o, "authenticated", &e->authenticated) && take_text(o, "action", &e->action) &&
           take_text(o, "target", &e->target) && take_optional(o, "beforeText", &e->before) &&
           take_optional(o, "afterText", &e->after) && take_optional(o, "reason", &e->reason) &&
           take_optional(o, "digest", &e->digest) && take_hash(o, "previous", e->previous) &&
           take_hash(o, "hash", e->hash);
}

/* ---- verifying ------------------------------------------------------------------------------ */

void audit_export_begin(struct audit_export *x, const struct audit_checkpoint *known)
{
    *x = (struct audit_export){.known = known};
}

__attribute__((format(printf, 3, 4))) static int wrong(struct audit_export *x, int64_t number,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(x->result.why, sizeof x->result.why, format, arguments);
    va_end(arguments);
    x->result.bad = number;
    return 1;
}

static bool equal(const uint8_t a[STORAGE_AUDIT_HASH], const uint8_t b[STORAGE_AUDIT_HASH])
{
    return memcmp(a, b, STORAGE_AUDIT_HASH) == 0;
}

/* Where the entry stands: behind which one? */
static int check_place(struct audit_export *x, const struct storage_audit *e)
{
    static const uint8_t zeros[STORAGE_AUDIT_HASH];
    const struct audit_checkpoint *known = x->known;
    const int64_t before = x->result.head.number;
    if (e->number <= before) {
        return wrong(x, before + 1, "before it stands %" PRId64 ", which does not belong there",
                     e->number);
    }
    if (e->number - 1 != before) {
        x->gap = x->gap ? x->gap : before + 1;
    } else if (!equal(e->previous, before ? x->result.head.hash : zeros)) {
        return wrong(x, e->number, "it does not follow the entry before it");
    }
    if (known && known->number == e->number - 1) {
        x->known_seen = true;
        if (!equal(known->hash, e->previous)) {
            return wrong(x, e->number, "it does not follow the entry of the checkpoint");
        }
    }
    return 0;
}

static int check_entry(struct audit_export *x, const struct storage_audit *e)
{
    uint8_t hash[STORAGE_AUDIT_HASH];
    if (check_place(x, e) != 0) {
        return 1;
    }
    audit_hash(e, hash);
    if (!equal(hash, e->hash)) {
        return wrong(x, e->number, "its content or its hash was changed");
    }
    if (x->known && x->known->number == e->number) {
        x->known_seen = true;
        if (!equal(x->known->hash, hash)) {
            return wrong(x, e->number, "it is not the one that the checkpoint was made of");
        }
    }
    x->first = x->first ? x->first : e->number;
    x->result.entries++;
    x->result.head.number = e->number;
    memcpy(x->result.head.hash, hash, sizeof hash);
    return 0;
}

static int take_last_line(struct audit_export *x, const json_t *o)
{
    const json_t *told = json_object_get(o, "checkpoint");
    const json_t *whole = json_object_get(o, "whole");
    int64_t entries;
    if (!take_number(told, "number", &x->told.number) || !take_hash(told, "hash", x->told.hash) ||
        !take_number(o, "entries", &entries) || !json_is_boolean(whole)) {
        return wrong(x, x->result.head.number + 1, "line %" PRIu64 " is no checkpoint", x->lines);
    }
    x->told_entries = (uint64_t)entries;
    x->whole = json_is_true(whole);
    x->ended = true;
    return 0;
}

static int take(struct audit_export *x, const json_t *o)
{
    const int64_t expected = x->result.head.number + 1;
    const char *message;
    struct storage_audit e;
    if (x->ended) {
        return wrong(x, expected, "line %" PRIu64 " is behind the last one", x->lines);
    }
    if (json_object_get(o, "checkpoint")) {
        return take_last_line(x, o);
    }
    if (take_text(json_object_get(o, "error"), "message", &message)) {
        return wrong(x, expected, "the export was broken off: %.100s", message);
    }
    if (json_object_get(o, "malformed")) {
        return wrong(x, expected, "it is not of the form that was written");
    }
    if (!take_entry(o, &e)) {
        return wrong(x, expected, "line %" PRIu64 " is no entry as it is exported", x->lines);
    }
    return check_entry(x, &e);
}

int audit_export_take(struct audit_export *x, const char *line, size_t length)
{
    x->lines++;
    json_t *o = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    const int result = json_is_object(o) ? take(x, o)
                                         : wrong(x, x->result.head.number + 1,
                                                 "line %" PRIu64 " is no JSON object", x->lines);
    json_decref(o);
    return result;
}

/* All lines are right: are they all? */
static int finish_whole(struct audit_export *x)
{
    const struct audit_checkpoint *head = &x->result.head;
    if (x->gap) {
        return wrong(x, x->gap, "it is missing");
    }
    if (head->number < x->told.number) {
        return wrong(x, head->number + 1, "it is missing; the newest was %" PRId64, x->told.number);
    }
    return 0;
}

int audit_export_finish(struct audit_export *x)
{
    const struct audit_checkpoint *head = &x->result.head;
    if (!x->ended) {
        return wrong(x, head->number + 1, "the last line is missing: the export was broken off");
    }
    if (x->whole && finish_whole(x) != 0) {
        return 1;
    }
    if (head->number > x->told.number ||
        (head->number == x->told.number && !equal(head->hash, x->told.hash))) {
        return wrong(x, head->number, "it is not the one that the last line tells of");
    }
    if (x->told_entries != x->result.entries) {
        return wrong(x, head->number + 1,
                     "%" PRIu64 " entries are there, and the last line tells of %" PRIu64,
                     x->result.entries, x->told_entries);
    }
    if (x->known && !x->known_seen) {
        return wrong(x, x->known->number, "the entry of the checkpoint is missing");
    }
    return 0;
}
