/*
 * ctl_files.h - a store directory's files, without libffshm: any retained generation, not only the
 * current one.
 */
#ifndef FFSHM_CTL_FILES_H
#define FFSHM_CTL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl_trust.h"
#include "image.h"
#include "snapshot.h"

/* dir, or the directory that libffshm would open. */
const char *files_dir(const char *dir);

bool files_no_directory(const char *dir);

/* A copy of the control page, verified. */
struct files_control {
    _Alignas(IMAGE_ALIGN) struct image_control page;
};
/* 0, or an enum ffshm_error (NOT_READY: there is none, or not even the directory) with a sentence
   in why. */
#define FILES_WHY TRUST_WHY
int files_control(const char *dir, struct files_control *out, char why[FILES_WHY]);

/* The generations of all heads in the directory, ascending; malloc'ed. -1 with a sentence in why.
 */
int files_generations(const char *dir, uint64_t **generations, size_t *count, char why[FILES_WHY]);

/* The announced generation; 0: none, with an enum ffshm_error and a sentence in why. */
uint64_t files_current(const char *dir, int *error, char why[FILES_WHY]);

/* A generation as a person writes it: decimal, 0x hexadecimal, or "incarnation.sequence". */
bool files_parse_generation(const char *text, uint64_t *generation);

struct files_map {
    const uint8_t *bytes; /* NULL: not mapped */
    size_t size;
};

struct files_snapshot {
    struct files_map head;
    struct files_map extents[IMAGE_MAX_EXTENTS];
    uint32_t extent_count;
    uint64_t bytes;           /* of all files */
    struct snapshot snapshot; /* for reading, after FILES_FULL; set_seed is 0 */
};

enum files_depth {
    FILES_HEAD, /* the head alone, its header checked */
    FILES_FULL, /* head and extents, checksums and structure: safe to read */
};

/* Opens one generation. 0, or an enum ffshm_error with a sentence (file and cause) in why. */
int files_open(const char *dir, uint64_t generation, enum files_depth depth,
               struct files_snapshot *out, char why[FILES_WHY]);
/* Opens the current one, whole, and says which it is; 0: there is none. As files_open. */
int files_open_current(const char *dir, uint64_t *generation, struct files_snapshot *out,
                       char why[FILES_WHY]);
/* What readers ask for beyond a generation's own files: a control page of the same store. As
   files_open. */
int files_check_store(const char *dir, const struct files_snapshot *s, char why[FILES_WHY]);
void files_close(struct files_snapshot *s);

static inline const struct image_head *files_head(const struct files_snapshot *s)
{
    return (const struct image_head *)(const void *)s->head.bytes;
}

#endif
