/*
 * storage_admin.h - what operators change, kept over restarts: definitions, overrides, schedules,
 * tokens; the audit rows that tell of it, and the generations that came of it. Backup and check.
 *
 * As in storage.h: 0, or -1 with *fault (which may be NULL); nothing is tried again. Besides,
 * STORAGE_CONFLICT: somebody was first, or there is no such thing; nothing was changed. Times are
 * milliseconds of the wall clock.
 *
 * Rows are told to a callback: texts are borrowed, until it returns. It returns 0 to go on;
 * anything else stops, and is returned. A `get` calls it once, or never when there is none. It may
 * change the storage, but not call the function that is calling it. limit 0: all.
 *
 * Texts should be UTF-8; what they mean, and how long they may be, is the caller's to judge.
 */
#ifndef FFSHM_AGENT_STORAGE_ADMIN_H
#define FFSHM_AGENT_STORAGE_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage.h"

#define STORAGE_CONFLICT 1

/* ---- definitions --------------------------------------------------------------------------- */

enum storage_kind { STORAGE_FLAG = 0, STORAGE_SEGMENT = 1 };
/* What a version came with. */
enum storage_came { STORAGE_PUT = 0, STORAGE_ARCHIVED = 1, STORAGE_DELETED = 2 };

struct storage_definition {
    enum storage_kind kind;
    enum storage_came came;
    const char *key;
    int64_t version;  /* from 1; of a key, deleted or not, none is used twice */
    const char *text; /* the native document of this one item, JSON; "" when deleted */
    int64_t changed_ms;
    const char *changed_by;
    const char *reason; /* NULL: none */
    int64_t audit;      /* the number of the audit entry that tells of it */
};
typedef int storage_definition_fn(void *arg, const struct storage_definition *definition);

#define STORAGE_ANY_VERSION (-1)
#define STORAGE_VERSIONS_KEPT 1000 /* of a key; older ones go when new ones come */

/* A new version (of any kind: a deletion is one), which is *version then. d->version and, of a
   deletion, d->text are not looked at. expected: what must be in force, 0 for nothing; else
   STORAGE_CONFLICT, and *version is what is. To delete nothing is a conflict, too. Only within a
   transaction. version may be NULL. */
int storage_definition_put(struct storage *s, const struct storage_definition *d, int64_t expected,
                           int64_t *version, struct fault *fault);
/* version 0: what is in force (put or archived). A text that is not as it was written is a fault,
   here and below. */
int storage_definition_get(struct storage *s, enum storage_kind kind, const char *key,
                           int64_t version, storage_definition_fn *fn, void *arg,
                           struct fault *fault);

struct storage_definition_query {
    enum storage_kind kind;
    const char *prefix; /* of the key; NULL: any */
    const char *after;  /* a key: only those behind it; NULL: from the first */
    size_t limit;
    bool archived_too;
    /* Of a row that is damaged, with the list's arg: the list goes on without it. NULL: the list
       ends with a fault. */
    void (*damaged)(void *arg, const char *key);
};
/* What is in force, by key, in the order of bytes. */
int storage_definition_list(struct storage *s, const struct storage_definition_query *query,
                            storage_definition_fn *fn, void *arg, struct fault *fault);
/* Every version, newest first; before: only older ones than that, 0 for all. */
int storage_definition_history(struct storage *s, enum storage_kind kind, const char *key,
                               int64_t before, size_t limit, storage_definition_fn *fn, void *arg,
                               struct fault *fault);

/* Another audit entry tells of a version. */
int storage_definition_audit(struct storage *s, enum storage_kind kind, const char *key,
                             int64_t version, int64_t audit, struct fault *fault);

/* The version that was in force, or the deletion, when that audit entry was the newest.
   STORAGE_CONFLICT: it is not kept any more. */
int storage_definition_as_of(struct storage *s, enum storage_kind kind, const char *key,
                             int64_t audit, storage_definition_fn *fn, void *arg,
                             struct fault *fault);
/* What has versions of the audit entries behind `after`, up to `to`; once each. */
typedef int storage_key_fn(void *arg, enum storage_kind kind, const char *key);
int storage_definition_changed(struct storage *s, int64_t after, int64_t to, storage_key_fn *fn,
                               void *arg, struct fault *fault);

/* ---- overrides ----------------------------------------------------------------------------- */

enum storage_override_kind { STORAGE_KILL = 0, STORAGE_PIN = 1 };

struct storage_override {
    const char *flag; /* at most one override each */
    enum storage_override_kind kind;
    const char *variant; /* NULL: the flag's fallback */
    const char *reason;
    const char *set_by;
    int64_t set_ms;
    int64_t expires_ms; /* 0: never */
};
typedef int storage_override_fn(void *arg, const struct storage_override *override);

/* Replaces the one there is. */
int storage_override_put(struct storage *s, const struct storage_override *override,
                         struct fault *fault);
/* STORAGE_CONFLICT: there is none. */
int storage_override_delete(struct storage *s, const char *flag, struct fault *fault);
int storage_override_get(struct storage *s, const char *flag, storage_override_fn *fn, void *arg,
                         struct fault *fault);
/* By flag; after: a flag, NULL from the first. */
int storage_override_list(struct storage *s, const char *after, size_t limit,
                          storage_override_fn *fn, void *arg, struct fault *fault);
/* Those that have expired, the earliest first. */
int storage_override_due(struct storage *s, int64_t now_ms, size_t limit, storage_override_fn *fn,
                         void *arg, struct fault *fault);
/* When the next one expires; INT64_MAX: none does. */
int storage_override_next(struct storage *s, int64_t *expires_ms, struct fault *fault);

/* ---- schedules ----------------------------------------------------------------------------- */

enum storage_schedule_state {
    STORAGE_PENDING = 0,
    STORAGE_DONE = 1,
    STORAGE_FAILED = 2,
    STORAGE_CANCELLED = 3
};

struct storage_schedule {
    int64_t number; /* grows, never used again */
    enum storage_kind kind;
    const char *key;
    int64_t at_ms;
    const char *change; /* JSON */
    const char *author;
    const char *authenticated; /* how the author was */
    const char *reason;        /* NULL: none */
    int64_t created_ms;
    enum storage_schedule_state state;
    int64_t done_ms;    /* 0 while pending */
    const char *result; /* what came of it; NULL while pending */
};
typedef int storage_schedule_fn(void *arg, const struct storage_schedule *schedule);

/* A pending one: number, state, done_ms and result are not looked at. number may be NULL. */
int storage_schedule_add(struct storage *s, const struct storage_schedule *schedule,
                         int64_t *number, struct fault *fault);
int storage_schedule_get(struct storage *s, int64_t number, storage_schedule_fn *fn, void *arg,
                         struct fault *fault);
/* By number, of any state; key NULL: of all items (then kind does not count). */
int storage_schedule_list(struct storage *s, enum storage_kind kind, const char *key, int64_t after,
                          size_t limit, storage_schedule_fn *fn, void *arg, struct fault *fault);
/* Pending ones of now or earlier, in the order of their times, then of their numbers. */
int storage_schedule_due(struct storage *s, int64_t now_ms, size_t limit, storage_schedule_fn *fn,
                         void *arg, struct fault *fault);
/* When the next pending one is due; INT64_MAX: none is. */
int storage_schedule_next(struct storage *s, int64_t *at_ms, struct fault *fault);
/* It is done, failed or cancelled from now on; STORAGE_CONFLICT: it was not pending. In the
   transaction of the change itself this makes the change happen once. */
int storage_schedule_finish(struct storage *s, int64_t number, enum storage_schedule_state state,
                            int64_t done_ms, const char *result, struct fault *fault);

/* ---- tokens -------------------------------------------------------------------------------- */

#define STORAGE_SECRET_HASH 32

struct storage_token {
    const char *id;
    const char *name;
    int role;                            /* the caller's: viewer, editor, admin */
    uint8_t secret[STORAGE_SECRET_HASH]; /* SHA-256 of it */
    const char *limits;                  /* JSON; NULL: none */
    int64_t created_ms;
    const char *created_by;
    int64_t expires_ms;    /* 0: never */
    int64_t last_used_ms;  /* 0: not yet */
    int64_t revoked_ms;    /* 0: not */
    const char *successor; /* id of what it was rotated to; NULL: none */
};
typedef int storage_token_fn(void *arg, const struct storage_token *token);

/* last_used_ms, revoked_ms and successor are not looked at. STORAGE_CONFLICT: there is one of that
   id or secret. */
int storage_token_add(struct storage *s, const struct storage_token *token, struct fault *fault);
int storage_token_get(struct storage *s, const char *id, storage_token_fn *fn, void *arg,
                      struct fault *fault);
/* By id; after: an id, NULL from the first. */
int storage_token_list(struct storage *s, const char *after, size_t limit, storage_token_fn *fn,
                       void *arg, struct fault *fault);
/* Never back. A write each: not for every request. */
int storage_token_used(struct storage *s, const char *id, int64_t used_ms, struct fault *fault);
/* STORAGE_CONFLICT: there is none, or it is revoked already. */
int storage_token_revoke(struct storage *s, const char *id, int64_t revoked_ms,
                         struct fault *fault);
/* Rotation: `next` is added, and the old one ends at until_ms, or earlier where it did already.
   STORAGE_CONFLICT: there is no such old one, it is revoked or has a successor, or next's id or
   secret is in use. Only within a transaction. */
int storage_token_rotate(struct storage *s, const char *id, const struct storage_token *next,
                         int64_t until_ms, struct fault *fault);

/* ---- audit --------------------------------------------------------------------------------- */

#define STORAGE_AUDIT_HASH 32

/* What they are hashed to, and how: admin/audit.h, which adds them. */
struct storage_audit {
    int64_t number; /* 1, 2, 3 ... */
    int64_t time_ms;
    const char *actor;
    const char *authenticated; /* how the actor was */
    const char *action;
    const char *target;
    const char *before; /* JSON, as what follows; NULL: none */
    const char *after;
    const char *reason; /* NULL: none */
    const char *digest; /* of the snapshot that comes of it, 32 hexadecimal digits; NULL: none */
    uint8_t previous[STORAGE_AUDIT_HASH];
    uint8_t hash[STORAGE_AUDIT_HASH];
    bool malformed; /* told only: not what can have been written */
};
typedef int storage_audit_fn(void *arg, const struct storage_audit *entry);

/* All members as they are. STORAGE_CONFLICT: the number is in use. */
int storage_audit_add(struct storage *s, const struct storage_audit *entry, struct fault *fault);

struct storage_audit_query {
    bool backward; /* newest first */
    int64_t after; /* a number: those behind it, in that direction; 0: from the end */
    int64_t until; /* a number: not beyond it, in that direction; 0: to the end */
    size_t limit;
    const char *actor; /* exactly; NULL: any; as what follows */
    const char *action;
    const char *target;
    int64_t from_ms; /* and later; 0: any */
    int64_t to_ms;   /* earlier than that; 0: any */
};
/* A time is compared in each row, for the clock may have been set back: where there are many rows,
   ask for some at a time (admin/audit_reader.h does). */
int storage_audit_list(struct storage *s, const struct storage_audit_query *query,
                       storage_audit_fn *fn, void *arg, struct fault *fault);
/* The newest one's; 0 and zeros: there is none. */
int storage_audit_newest(struct storage *s, int64_t *number, uint8_t hash[STORAGE_AUDIT_HASH],
                         struct fault *fault);
/* The highest number that was ever given, also when its row is gone; 0: none. */
int storage_audit_given(struct storage *s, int64_t *number, struct fault *fault);

/* ---- generations --------------------------------------------------------------------------- */

struct storage_generation {
    int64_t number;      /* grows, never used again: generations start anew with a store */
    uint64_t store;      /* its epoch */
    uint64_t generation; /* in that store */
    const char *digest;  /* 32 hexadecimal digits */
    int64_t published_ms;
    int64_t first_audit; /* of the entries that it came of; 0: of none */
    int64_t last_audit;  /* the newest entry then */
};
typedef int storage_generation_fn(void *arg, const struct storage_generation *generation);

/* g->number is not looked at. */
int storage_generation_add(struct storage *s, const struct storage_generation *g,
                           struct fault *fault);
/* The newest of that name. */
int storage_generation_get(struct storage *s, uint64_t generation, storage_generation_fn *fn,
                           void *arg, struct fault *fault);
/* What was published last at that time. */
int storage_generation_at(struct storage *s, int64_t time_ms, storage_generation_fn *fn, void *arg,
                          struct fault *fault);
/* Newest first; before: a number, 0 from the newest. */
int storage_generation_list(struct storage *s, int64_t before, size_t limit,
                            storage_generation_fn *fn, void *arg, struct fault *fault);
/* Forgets all but the newest `most`. */
int storage_generation_keep(struct storage *s, size_t most, struct fault *fault);

/* ---- backup and check ---------------------------------------------------------------------- */

/* A copy of everything committed, in a new file for this user alone. It appears under its name
   when it is whole and on the disk; an existing file is never replaced, and the directory must be
   nobody else's to write in. Not within a transaction. */
int storage_backup(struct storage *s, const char *path, struct fault *fault);

/* The same in steps, for a loop that has other things to do: what is written between two steps is
   in the copy. */
struct storage_backup;
struct storage_backup *storage_backup_begin(struct storage *s, const char *path,
                                            struct fault *fault);
/* `pages` more, of 4 KiB: *more says whether to call again. -1: only storage_backup_end is left to
   do. Within a transaction it does nothing. */
int storage_backup_step(struct storage_backup *b, int pages, bool *more, struct fault *fault);
/* Frees it; what is not complete is removed. Before storage_close. */
void storage_backup_end(struct storage_backup *b);

/* Whether a file that no agent has open (a backup, say) is sound: SQLite's structures, the schema's
   version, every definition. It changes nothing, nor brings an older schema up to date. */
struct storage_checked {
    int version;         /* of the schema */
    int64_t definitions; /* versions of them */
};
/* Looks at the rest of the file (admin/audit.h does), which is of the newest schema then: 0 goes
   on, anything else is returned. */
typedef int storage_check_fn(void *arg, struct storage *s, struct fault *fault);
int storage_check(const char *path, storage_check_fn *fn, void *arg,
                  struct storage_checked *checked, struct fault *fault);

#endif
