/*
 * The text of every statement (but the audit's list, which is put together as it is asked for). A
 * row's columns are those of the function that reads it, in its order.
 */
#include "sqlite.h"

#define DEFINITION_COLUMNS                                                                         \
    "kind, key, version, came, changed_ms, changed_by, reason, hash, text, audit"
#define OVERRIDE_COLUMNS "flag, kind, variant, reason, set_by, set_ms, expires_ms"
#define SCHEDULE_COLUMNS                                                                           \
    "number, kind, key, at_ms, change, author, authenticated, reason, created_ms, state, done_ms," \
    " result"
#define TOKEN_COLUMNS                                                                              \
    "id, name, role, secret, limits, created_ms, created_by, expires_ms, last_used_ms, "           \
    "revoked_ms,"                                                                                  \
    " successor"
#define GENERATION_COLUMNS                                                                         \
    "number, store, generation, digest, published_ms, first_audit, last_audit"

const char *const statement_sql[STATEMENTS] = {
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
    [S_FREE_PAGES] = "PRAGMA freelist_count",
    [S_TEXT_SET] = "INSERT INTO text (name, text) VALUES (?1, ?2)"
                   " ON CONFLICT DO UPDATE SET text = ?2",
    [S_TEXT_GET] = "SELECT text FROM text WHERE name = ?1",
    [S_STATE_KNOWN] = "SELECT hash_hi, hash_lo FROM state WHERE source = ?1",
    [S_STATE_TOUCH] = "UPDATE state SET received_ms = ?2 WHERE source = ?1",
    [S_STATE_SET] = "INSERT INTO state (source, received_ms, hash_hi, hash_lo)"
                    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
                    " SET received_ms = ?2, hash_hi = ?3, hash_lo = ?4",
    [S_STATE_SET_BYTES] = "INSERT INTO state_bytes (source, bytes) VALUES (?1, ?2)"
                          " ON CONFLICT DO UPDATE SET bytes = ?2",
    [S_STATE_FORGET_PATCHES] = "DELETE FROM state_patch WHERE source = ?1",
    [S_STATE_PATCH] = "INSERT INTO state_patch (source, path, received_ms, bytes)"
                      " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
                      " SET received_ms = ?3, bytes = ?4",
    [S_STATE_LOAD] = "SELECT received_ms, bytes, hash_hi, hash_lo"
                     " FROM state JOIN state_bytes USING (source) WHERE source = ?1",
    [S_STATE_LOAD_PATCHES] = "SELECT path, received_ms, bytes FROM state_patch WHERE source = ?1",
    [S_MARK_PUT] = "INSERT INTO mark (id, bytes) VALUES (?1, ?2)"
                   " ON CONFLICT DO UPDATE SET bytes = ?2",
    [S_MARK_DELETE] = "DELETE FROM mark WHERE id = ?1",
    [S_MARK_LOAD] = "SELECT id, bytes FROM mark",
    [S_QUEUE_ADD] = "INSERT INTO queue (queue, sink, label, bytes) VALUES (?1, ?2, ?3, ?4)",
    [S_QUEUE_DELETE_TO] = "DELETE FROM queue WHERE queue = ?1 AND sink = ?2 AND number <= ?3",
    [S_QUEUE_DELETE] = "DELETE FROM queue WHERE queue = ?1 AND sink = ?2 AND number = ?3",
    [S_QUEUE_LOAD] = "SELECT number, label, bytes FROM queue WHERE queue = ?1 AND sink = ?2"
                     " ORDER BY number",

    [S_DEFINITION_NEWEST] = "SELECT max(version) FROM definition_version"
                            " WHERE kind = ?1 AND key = ?2",
    [S_DEFINITION_CURRENT] = "SELECT version FROM definition WHERE kind = ?1 AND key = ?2",
    [S_DEFINITION_ADD] = "INSERT INTO definition_version (" DEFINITION_COLUMNS ")"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [S_DEFINITION_SET] = "INSERT INTO definition (kind, key, version) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT DO UPDATE SET version = ?3",
    [S_DEFINITION_DROP] = "DELETE FROM definition WHERE kind = ?1 AND key = ?2",
    [S_DEFINITION_GET] = "SELECT " DEFINITION_COLUMNS " FROM definition"
                         " JOIN definition_version USING (kind, key, version)"
                         " WHERE kind = ?1 AND key = ?2",
    [S_DEFINITION_GET_VERSION] = "SELECT " DEFINITION_COLUMNS " FROM definition_version"
                                 " WHERE kind = ?1 AND key = ?2 AND version = ?3",
    /* CROSS: in this order, that of the keys. */
    [S_DEFINITION_LIST] = "SELECT " DEFINITION_COLUMNS " FROM definition"
                          " CROSS JOIN definition_version USING (kind, key, version)"
                          " WHERE kind = ?1 AND key >= ?2 AND came <= ?3 ORDER BY key",
    [S_DEFINITION_HISTORY] = "SELECT " DEFINITION_COLUMNS " FROM definition_version"
                             " WHERE kind = ?1 AND key = ?2 AND version < ?3"
                             " ORDER BY version DESC LIMIT ?4",
    [S_DEFINITION_PRUNE] = "DELETE FROM definition_version"
                           " WHERE kind = ?1 AND key = ?2 AND version <= ?3",
    [S_DEFINITION_OLDEST] = "SELECT min(version) FROM definition_version"
                            " WHERE kind = ?1 AND key = ?2",
    [S_DEFINITION_AS_OF] = "SELECT " DEFINITION_COLUMNS " FROM definition_version"
                           " WHERE kind = ?1 AND key = ?2 AND audit <= ?3"
                           " ORDER BY version DESC LIMIT 1",
    [S_DEFINITION_CHANGED] = "SELECT DISTINCT kind, key FROM definition_version"
                             " WHERE audit > ?1 AND audit <= ?2 ORDER BY kind, key",
    [S_DEFINITION_ALL] = "SELECT " DEFINITION_COLUMNS " FROM definition_version"
                         " ORDER BY kind, key, version",

    [S_DEFINITION_AUDIT] = "UPDATE definition_version SET audit = ?4"
                           " WHERE kind = ?1 AND key = ?2 AND version = ?3",

    [S_OVERRIDE_PUT] = "INSERT OR REPLACE INTO override (" OVERRIDE_COLUMNS ")"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [S_OVERRIDE_DELETE] = "DELETE FROM override WHERE flag = ?1",
    [S_OVERRIDE_GET] = "SELECT " OVERRIDE_COLUMNS " FROM override WHERE flag = ?1",
    [S_OVERRIDE_LIST] = "SELECT " OVERRIDE_COLUMNS " FROM override"
                        " WHERE flag > ?1 ORDER BY flag LIMIT ?2",
    [S_OVERRIDE_DUE] = "SELECT " OVERRIDE_COLUMNS " FROM override"
                       " WHERE expires_ms BETWEEN 1 AND ?1 ORDER BY expires_ms, flag LIMIT ?2",
    [S_OVERRIDE_NEXT] = "SELECT min(expires_ms) FROM override WHERE expires_ms > 0",

    [S_SCHEDULE_ADD] = "INSERT INTO schedule (kind, key, at_ms, change, author, authenticated,"
                       " reason, created_ms, state, done_ms)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0)",
    [S_SCHEDULE_GET] = "SELECT " SCHEDULE_COLUMNS " FROM schedule WHERE number = ?1",
    [S_SCHEDULE_LIST] = "SELECT " SCHEDULE_COLUMNS " FROM schedule"
                        " WHERE number > ?1 ORDER BY number LIMIT ?2",
    [S_SCHEDULE_LIST_ITEM] = "SELECT " SCHEDULE_COLUMNS " FROM schedule"
                             " WHERE number > ?1 AND kind = ?3 AND key = ?4"
                             " ORDER BY number LIMIT ?2",
    [S_SCHEDULE_DUE] = "SELECT " SCHEDULE_COLUMNS " FROM schedule"
                       " WHERE state = 0 AND at_ms <= ?1 ORDER BY at_ms, number LIMIT ?2",
    [S_SCHEDULE_NEXT] = "SELECT min(at_ms) FROM schedule WHERE state = 0",
    [S_SCHEDULE_FINISH] = "UPDATE schedule SET state = ?2, done_ms = ?3, result = ?4"
                          " WHERE number = ?1 AND state = 0",

    [S_TOKEN_ADD] = "INSERT INTO token (id, name, role, secret, limits, created_ms, created_by,"
                    " expires_ms, last_used_ms, revoked_ms)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0) ON CONFLICT DO NOTHING",
    [S_TOKEN_GET] = "SELECT " TOKEN_COLUMNS " FROM token WHERE id = ?1",
    [S_TOKEN_LIST] = "SELECT " TOKEN_COLUMNS " FROM token WHERE id > ?1 ORDER BY id LIMIT ?2",
    [S_TOKEN_USED] = "UPDATE token SET last_used_ms = ?2 WHERE id = ?1 AND last_used_ms < ?2",
    [S_TOKEN_REVOKE] = "UPDATE token SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms = 0",
    [S_TOKEN_SUCCEED] = "UPDATE token SET successor = ?2, expires_ms ="
                        " CASE WHEN expires_ms BETWEEN 1 AND ?3 THEN expires_ms ELSE ?3 END"
                        " WHERE id = ?1 AND revoked_ms = 0 AND successor IS NULL",

    [S_AUDIT_ADD] = "INSERT INTO audit (" AUDIT_COLUMNS ")"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
                    " ON CONFLICT DO NOTHING",
    [S_AUDIT_NEWEST] = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1",
    [S_AUDIT_GIVEN] = "SELECT number FROM audit_newest",

    [S_GENERATION_ADD] = "INSERT INTO generation (store, generation, digest, published_ms,"
                         " first_audit, last_audit) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [S_GENERATION_GET] = "SELECT " GENERATION_COLUMNS " FROM generation"
                         " WHERE generation = ?1 ORDER BY number DESC LIMIT 1",
    [S_GENERATION_AT] = "SELECT " GENERATION_COLUMNS " FROM generation"
                        " WHERE published_ms <= ?1 ORDER BY published_ms DESC, number DESC LIMIT 1",
    [S_GENERATION_LIST] = "SELECT " GENERATION_COLUMNS " FROM generation"
                          " WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
    [S_GENERATION_KEEP] = "DELETE FROM generation WHERE number <="
                          " (SELECT number FROM generation ORDER BY number DESC LIMIT 1 OFFSET ?1)",

    [S_FLEET_ADD] = "INSERT OR REPLACE INTO fleet_log (sequence, chain, record)"
                    " VALUES (?1, ?2, ?3)",
    [S_FLEET_GET] = "SELECT chain, record FROM fleet_log WHERE sequence = ?1",
    [S_FLEET_KEEP] = "DELETE FROM fleet_log WHERE sequence <= ?1",
    [S_FLEET_CLEAR] = "DELETE FROM fleet_log",
};
