#include "audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sha256.h"

_Static_assert(SHA256_DIGEST == STORAGE_AUDIT_HASH, "the hash of an entry");

/* ---- the encoding -------------------------------------------------------------------------- */

static void add_length(struct sha256 *h, uint64_t length)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(length >> (56 - 8 * i));
    }
    sha256_add(h, bytes, sizeof bytes);
}

static void add_text(struct sha256 *h, const char *text)
{
    if (text == NULL) {
        add_length(h, UINT64_MAX);
        return;
    }
    const size_t length = strlen(text);
    add_length(h, length);
    sha256_add(h, text, length);
}

static void add_number(struct sha256 *h, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    add_text(h, digits);
}

void audit_hash(const struct storage_audit *e, uint8_t hash[STORAGE_AUDIT_HASH])
{
    static const char format[] = "ffshm audit 1"; /* with its NUL */
    struct sha256 h;
    sha256_begin(&h);
    sha256_add(&h, format, sizeof format);
    sha256_add(&h, e->previous, sizeof e->previous);
    add_number(&h, e->number);
    add_number(&h, e->time_ms);
    add_text(&h, e->actor);
    add_text(&h, e->authenticated);
    add_text(&h, e->action);
    add_text(&h, e->target);
    add_text(&h, e->before);
    add_text(&h, e->after);
    add_text(&h, e->reason);
    add_text(&h, e->digest);
    sha256_end(&h, hash);
}

/* ---- appending ----------------------------------------------------------------------------- */

static const char verify_it[] = "look at the audit: `ffctl audit verify`";

int audit_checkpoint(struct storage *s, struct audit_checkpoint *checkpoint, struct fault *fault)
{
    return storage_audit_newest(s, &checkpoint->number, checkpoint->hash, fault);
}

int audit_append(struct storage *s, struct storage_audit *entry, struct fault *fault)
{
    struct audit_checkpoint head;
    int64_t given = 0;
    if (audit_checkpoint(s, &head, fault) != 0 || storage_audit_given(s, &given, fault) != 0) {
        return -1;
    }
    /* Where the newest were removed, the gap stays to be seen. */
    const int64_t newest = head.number > given ? head.number : given;
    if (newest < 0 || newest == INT64_MAX) {
        fault_set(fault, "", verify_it, "there is an audit entry %" PRId64 " that nobody wrote",
                  newest);
        return -1;
    }
    entry->number = newest + 1;
    memcpy(entry->previous, head.hash, sizeof entry->previous);
    audit_hash(entry, entry->hash);
    const int result = storage_audit_add(s, entry, fault);
    if (result > 0) {
        fault_set(fault, "", verify_it, "audit entry %" PRId64 " is there already", entry->number);
    }
    return result == 0 ? 0 : -1;
}

/* ---- verifying ----------------------------------------------------------------------------- */

struct verification {
    const struct audit_checkpoint *from;
    const struct audit_checkpoint *known;
    size_t most;
    size_t bytes; /* of texts, so far */
    bool began;   /* `from` was found to be what it was, or there is none */
    struct audit_result *result;
};

__attribute__((format(printf, 3, 4))) static int wrong(struct audit_result *result, int64_t number,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->why, sizeof result->why, format, arguments);
    va_end(arguments);
    result->bad = number;
    return 1;
}

static bool equal(const uint8_t a[STORAGE_AUDIT_HASH], const uint8_t b[STORAGE_AUDIT_HASH])
{
    return memcmp(a, b, STORAGE_AUDIT_HASH) == 0;
}

/* What an entry must be by itself. */
static int look_at(struct audit_result *result, const struct storage_audit *e)
{
    uint8_t hash[STORAGE_AUDIT_HASH];
    if (e->malformed) {
        return wrong(result, e->number, "it is not of the form that was written");
    }
    audit_hash(e, hash);
    return equal(hash, e->hash) ? 0
                                : wrong(result, e->number, "its content or its hash was changed");
}

static int compare(struct audit_result *result, const struct storage_audit *e,
                   const struct audit_checkpoint *checkpoint)
{
    return checkpoint && checkpoint->number == e->number && !equal(checkpoint->hash, e->hash)
               ? wrong(result, e->number, "it is not the one that the checkpoint was made of")
               : 0;
}

/* Numbers begin with 1. */
static int stray(struct audit_result *result, int64_t expected, const struct storage_audit *e)
{
    return wrong(result, expected, "before it stands %" PRId64 ", which nobody wrote", e->number);
}

static int verify_from(struct verification *v, const struct storage_audit *e)
{
    v->began = true;
    if (e->number < v->from->number) {
        return stray(v->result, v->from->number, e);
    }
    if (e->number > v->from->number) {
        return wrong(v->result, v->from->number, "the entry of the checkpoint is missing");
    }
    return look_at(v->result, e) != 0 || compare(v->result, e, v->from) != 0;
}

static size_t length_of(const char *text)
{
    return text ? strlen(text) : 0;
}

static int verify_next(struct verification *v, const struct storage_audit *e)
{
    struct audit_result *result = v->result;
    const int64_t expected = result->head.number + 1;
    if (v->most > 0 && (result->entries == v->most || v->bytes >= AUDIT_PIECE_BYTES)) {
        result->more = true;
        return 1;
    }
    if (e->number != expected) {
        return e->number > expected
                   ? wrong(result, expected, "it is missing; the next one is %" PRId64, e->number)
                   : stray(result, expected, e);
    }
    if (look_at(result, e) != 0) {
        return 1;
    }
    if (!equal(e->previous, result->head.hash)) {
        return wrong(result, e->number, "it does not follow the entry before it");
    }
    if (compare(result, e, v->known) != 0) {
        return 1;
    }
    v->bytes += length_of(e->before) + length_of(e->after);
    result->entries++;
    result->head.number = e->number;
    memcpy(result->head.hash, e->hash, sizeof e->hash);
    return 0;
}

static int verify_one(void *arg, const struct storage_audit *e)
{
    struct verification *v = arg;
    return v->began ? verify_next(v, e) : verify_from(v, e);
}

/* All that is there is right: is all there? */
static int verify_end(struct storage *s, struct verification *v, struct fault *fault)
{
    struct audit_result *result = v->result;
    int64_t given = 0;
    if (storage_audit_given(s, &given, fault) != 0) {
        return -1;
    }
    if (!v->began) {
        wrong(result, v->from->number, "the entry of the checkpoint is missing");
    } else if (v->known && v->known->number > result->head.number) {
        wrong(result, result->head.number + 1,
              "it is missing, and all others up to the checkpoint, %" PRId64, v->known->number);
    } else if (given > result->head.number) {
        wrong(result, result->head.number + 1, "it is missing; the newest was %" PRId64, given);
    }
    return 0;
}

int audit_verify(struct storage *s, const struct audit_checkpoint *from,
                 const struct audit_checkpoint *known, size_t most, struct audit_result *result,
                 struct fault *fault)
{
    const struct audit_checkpoint *start = from && from->number > 0 ? from : NULL;
    struct verification v = {start, known, most, 0, start == NULL, result};
    *result = (struct audit_result){.entries = 0};
    if (start) {
        result->head = *start;
    }
    const struct storage_audit_query query = {.after = start ? start->number - 1 : 0};
    const int stopped = storage_audit_list(s, &query, verify_one, &v, fault);
    if (stopped < 0) {
        return -1;
    }
    return stopped == 0 ? verify_end(s, &v, fault) : 0;
}

/* ---- a file that nobody has open ----------------------------------------------------------- */

struct check {
    const struct audit_checkpoint *known;
    struct audit_result *audit;
};

static int check_audit(void *arg, struct storage *s, struct fault *fault)
{
    const struct check *c = arg;
    if (audit_verify(s, NULL, c->known, 0, c->audit, fault) != 0) {
        return -1;
    }
    if (c->audit->bad == 0) {
        return 0;
    }
    fault_set(fault, "", "compare it with a backup; entries before it are as they were written",
              "audit entry %" PRId64 " is not right: %s", c->audit->bad, c->audit->why);
    return -1;
}

int audit_check_storage(const char *path, const struct audit_checkpoint *known,
                        struct storage_checked *checked, struct audit_result *audit,
                        struct fault *fault)
{
    struct check check = {known, audit};
    *audit = (struct audit_result){.entries = 0};
    const int result = storage_check(path, check_audit, &check, checked, fault);
    if (result != 0 && audit->bad != 0 && fault) {
        snprintf(fault->file, sizeof fault->file, "%s", path);
    }
    return result;
}
