/*
 * telemetry_files.h - the files of processes that are there: found, held open, limited, let go.
 */
#ifndef FFSHM_AGENT_TELEMETRY_FILES_H
#define FFSHM_AGENT_TELEMETRY_FILES_H

#include <dirent.h>
#include <sys/types.h>

#include "telemetry_dir.h"
#include "telemetry_read.h"

#define TELEMETRY_BUCKETS 4096u /* a power of two */

struct telemetry_file {
    struct telemetry_reader reader;
    struct telemetry_file *next; /* in its bucket */
    size_t index;                /* in files */
    uid_t uid;
    ino_t inode;
    int ack; /* its slot in acks, or ACKS_NO_SLOT */
    uint64_t flush_requests;
    uint64_t waiting_at;      /* for the record at this position, */
    int64_t waiting_since_ms; /* since then; 0: for none */
    bool has_marks;           /* storage knows it */
    bool unusable;            /* nothing in it can be read; it is removed with its process */
    bool dead;                /* its process is gone; the lock is ours */
    bool drained;             /* and all of it is read */
    bool closed;              /* somebody has let go of it: worth a look whether it is dead */
};

enum telemetry_refusal {
    TELEMETRY_TOO_MANY_OF_USER,
    TELEMETRY_TOO_MANY,
    TELEMETRY_UNREADABLE, /* its mode keeps the agent out */
    TELEMETRY_NO_ROOM,    /* no descriptors or memory; errno says which */
};

struct telemetry_files_owner {
    /* A file that is read from now on. false: not now (it is let go, and looked at again later). */
    bool (*found)(void *arg, struct telemetry_file *file);
    /* One that is not. Once a user and kind of refusal. */
    void (*refused)(void *arg, enum telemetry_refusal why, uid_t uid);
    void *arg;
};

struct telemetry_user {
    uid_t uid;
    unsigned files;
    unsigned told; /* bits: enum telemetry_refusal */
};

struct telemetry_files {
    int dir; /* borrowed */
    unsigned per_user;
    unsigned most;
    struct telemetry_io *io;
    struct telemetry_files_owner owner;
    struct telemetry_file **files;
    size_t count;
    size_t capacity;
    struct telemetry_file *buckets[TELEMETRY_BUCKETS];
    struct telemetry_user *users;
    size_t user_count;
    DIR *scan;     /* NULL: none is under way */
    bool has_room; /* a file went away since the last scan began */
    uint32_t refused;
    uint32_t refused_in_scan;
};

/* Everything else in *fs is zero before. */
void telemetry_files_free(struct telemetry_files *fs);

/* Looks at a name: takes up the file when it is one that is not known yet; removes what its maker
   left unfinished. Any other name is ignored. */
void telemetry_files_offer(struct telemetry_files *fs, const char *name);
/* Goes on looking at all names, at `most` of them at a time. true: the last one was among them. */
bool telemetry_files_scan(struct telemetry_files *fs, unsigned most);
/* NULL: not known. */
struct telemetry_file *telemetry_files_get(const struct telemetry_files *fs, const uint64_t id[2]);
/* Is its process gone? Then the file stays locked by the agent. */
bool telemetry_file_is_dead(struct telemetry_file *file);
/* Removes the name (when it is still this file's) and forgets the file. */
void telemetry_files_remove(struct telemetry_files *fs, struct telemetry_file *file);

#endif
