/*
 * audit.h - the chain of audit entries: who did what to what, and nobody can change it unnoticed.
 *
 * Entries are numbered 1, 2, 3 and so on. Each has the hash of the one before it (`previous`; 32
 * zero bytes in the first) and its own:
 *
 *     hash = SHA-256(encoding)
 *     encoding = "ffshm audit 1" NUL, previous (32 bytes), then one field for each of
 *         number, time_ms, actor, authenticated, action, target, before, after, reason, digest
 *     field = length (8 bytes, most significant first), then that many bytes;
 *         of no value: a length of 2^64 - 1, and no bytes
 *
 * Numbers are written in decimal ("1700000000000", "-5"), texts are the bytes that they are. No two
 * entries have the same encoding. The rows are in the table `audit` of the agent's file, columns
 * named as above; tests/support/verify_audit.py is a verifier of a few lines that knows nothing
 * else.
 *
 * What is found: a byte changed, an entry removed, inserted or moved, by the hashes; the newest
 * ones removed, by the number that the file has of its newest (an accident) and by a checkpoint.
 * Whoever can write the file can compute a whole new chain: only a checkpoint that is kept
 * elsewhere tells.
 */
#ifndef FFSHM_AGENT_AUDIT_H
#define FFSHM_AGENT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/fault.h"
#include "../storage/storage_admin.h"

/* The hash of an entry, of all its other members. */
void audit_hash(const struct storage_audit *entry, uint8_t hash[STORAGE_AUDIT_HASH]);

/* Adds an entry behind the newest; fills in its number, previous and hash. It belongs into the
   transaction of the change that it tells of. 0, or -1 and *fault. */
int audit_append(struct storage *s, struct storage_audit *entry, struct fault *fault);

/* An entry and its hash: enough to prove that all entries up to it are what they were. */
struct audit_checkpoint {
    int64_t number; /* 0: before the first; hash is zeros then */
    uint8_t hash[STORAGE_AUDIT_HASH];
};
/* Of the newest entry, as it is. */
int audit_checkpoint(struct storage *s, struct audit_checkpoint *checkpoint, struct fault *fault);

struct audit_result {
    uint64_t entries;             /* found right */
    struct audit_checkpoint head; /* the last of them, or where it began */
    bool more;                    /* enough were verified for once, and there are others */
    int64_t bad;                  /* number of the first that is not right; 0: none */
    char why[160];                /* what is wrong with it; "" */
};
#define AUDIT_PIECE_BYTES 32768 /* of texts */

/* Verifies all entries, or those behind `from` (which is verified to be what it was, too; NULL:
   from the first). known: what somebody kept, NULL if nobody did: the entry of its number must have
   its hash, and must be there. most: how many entries at once, and no more after those that have
   AUDIT_PIECE_BYTES; 0 for all; to go on, give the head as `from`. 0: *result says what was found;
   -1 and *fault: the file cannot be read. */
int audit_verify(struct storage *s, const struct audit_checkpoint *from,
                 const struct audit_checkpoint *known, size_t most, struct audit_result *result,
                 struct fault *fault);

/* `ffagent --check-storage`: storage_check, and the whole audit. 0: sound; -1 and *fault. What was
   found up to there is in *checked and *audit either way. A file from before there was an audit has
   no entries. */
int audit_check_storage(const char *path, const struct audit_checkpoint *known,
                        struct storage_checked *checked, struct audit_result *audit,
                        struct fault *fault);

#endif
