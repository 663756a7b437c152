/*
 * schema.h - what is in the agent's database, and how an older one becomes a newer one.
 */
#ifndef FFSHM_AGENT_SCHEMA_H
#define FFSHM_AGENT_SCHEMA_H

#include <sqlite3.h>

#include "../catalog/fault.h"

#define SCHEMA_APPLICATION_ID 0x46465348 /* "FFSH", in the file's header */

/* Element i brings a database of version i to version i + 1, in SQL; released ones never change. */
extern const char *const schema_migrations[];
extern const int schema_version; /* their number */

enum schema_result {
    SCHEMA_FAILED = -1, /* SQLite says why */
    SCHEMA_CURRENT = 0,
    SCHEMA_FOREIGN = 1, /* a database of another program */
    SCHEMA_NEWER = 2,   /* of a newer ffagent */
};

/* Whose the database is, and its version (0: new). */
enum schema_result schema_identify(sqlite3 *db, int most, int *version);
/* Brings it from `version` to `count`, all or nothing: 0 or a code of SQLite's. */
int schema_upgrade(sqlite3 *db, int version, const char *const *migrations, int count);

#endif
