/*
 * audit_export.h - the trail as lines of JSON, for who wants to keep it, or to prove it, elsewhere:
 * all of each entry that is hashed (audit.h), as it was hashed.
 *
 *     {"number":7,"timeMs":1700000000000,"actor":"ann","authenticated":"unix uid 1000 pid 42",
 *      "action":"flag.kill","target":"new-checkout","beforeText":null,
 *      "afterText":"{\"kind\":\"kill\"}","reason":"wrong prices","digest":"0011...",
 *      "previous":"HASH","hash":"HASH"}
 *     ...
 *     {"checkpoint":{"number":9,"hash":"HASH"},"entries":3,"whole":false}
 *
 * beforeText and afterText are texts, byte for byte what was hashed, though they are JSON
 * themselves; null is no value. HASH is 64 hexadecimal digits. An entry that is not of the form
 * that was written is {"number":8,"malformed":true}.
 *
 * The last line has the newest entry of the trail, and how many lines there are before it. whole:
 * they are all entries from 1 to that one; else those that were asked for. Without a last line it
 * was broken off; why is told in {"error":{"code":...,"message":...}} where that was possible.
 */
#ifndef FFSHM_AGENT_AUDIT_EXPORT_H
#define FFSHM_AGENT_AUDIT_EXPORT_H

#include "audit.h"

#define AUDIT_HASH_TEXT (2 * STORAGE_AUDIT_HASH + 1)

void audit_hash_text(const uint8_t hash[STORAGE_AUDIT_HASH], char text[AUDIT_HASH_TEXT]);
/* 0, or -1: not 64 hexadecimal digits. */
int audit_hash_parse(const char *text, uint8_t hash[STORAGE_AUDIT_HASH]);

/* Lines without their line feed, malloc'ed; NULL: no memory. */
char *audit_export_line(const struct storage_audit *entry, size_t *length);
char *audit_export_last_line(const struct audit_checkpoint *head, uint64_t entries, bool whole,
                             size_t *length);

/* Verifies an export, a line at a time. */
struct audit_export {
    const struct audit_checkpoint *known;
    struct audit_result result;   /* what was found; `more` is not used */
    struct audit_checkpoint told; /* by the last line */
    int64_t first;                /* the first entry's number; 0: none */
    int64_t gap;                  /* the first number that is left out between two; 0: none */
    uint64_t lines, told_entries;
    bool ended, whole, known_seen;
};

/* known: what somebody kept (must stay); NULL: nobody did. Its entry must be there, or be the one
   before the first. */
void audit_export_begin(struct audit_export *x, const struct audit_checkpoint *known);
/* 0; or 1: it is not right, and x->result says why (`bad` is the number that it should have had).
 */
int audit_export_take(struct audit_export *x, const char *line, size_t length);
/* After the last line. As audit_export_take. */
int audit_export_finish(struct audit_export *x);

#endif
