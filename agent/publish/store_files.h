/*
 * store_files.h - the immutable files of a store: made nameless and complete, named at once,
 * mapped, removed.
 */
#ifndef FFSHM_AGENT_STORE_FILES_H
#define FFSHM_AGENT_STORE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "../catalog/fault.h"

#define STORE_NAME 20 /* "x.0123456789abcdef" and its NUL */

enum store_letter { STORE_HEAD = 's', STORE_EXTENT = 'x' };

struct store_dir {
    int fd;
    const char *path; /* for messages; borrowed */
};

/* A mapped file. fd is -1 unless store_file_write has just made it. */
struct store_file {
    const uint8_t *bytes; /* NULL: none */
    size_t size;
    int fd;
};

/* Fault: "<what>: <text of error>", and what to do about the usual errors. name may be NULL. */
void store_fault(struct fault *fault, const struct store_dir *dir, const char *name,
                 const char *what, int error);

void store_name(char name[STORE_NAME], enum store_letter letter, uint64_t number);
/* -1: not such a name. */
int store_name_parse(const char *name, enum store_letter letter, uint64_t *number);

/* A nameless file of the directory with these bytes, all of its blocks allocated: full or failed.
   The descriptor, or a negative errno with *fault. */
int store_nameless(const struct store_dir *dir, unsigned mode, const void *bytes, size_t size,
                   struct fault *fault);
/* Gives a nameless file its name, which must be free. 0 or -1 with *fault. */
int store_link(const struct store_dir *dir, int fd, const char *name, struct fault *fault);

/* A nameless file, mode 0444, mapped read-only for the verifier; still to be linked. 0, or a
   negative errno with *fault. */
int store_file_write(const struct store_dir *dir, const void *bytes, size_t size,
                     struct store_file *out, struct fault *fault);
/* Maps an existing file that readers would accept: regular, fully allocated, ours or root's, and
   writable by nobody else. 0; 1: it is not there or not such a file; -1 with *fault: it cannot be
   told (no descriptor, no memory, an error of the system). */
int store_file_map(const struct store_dir *dir, const char *name, struct store_file *out,
                   struct fault *fault);
/* Why store_file_map gives 1: "is not there", "belongs to uid 1001". */
void store_file_why(const struct store_dir *dir, const char *name, char *why, size_t capacity);
void store_file_close(struct store_file *f);

/* Removes a name; that it is gone already is as good. */
void store_unlink(const struct store_dir *dir, const char *name);

/* Calls fn for every name in the directory. 0 or -1 with *fault; stops when fn returns not 0, and
   returns that. */
typedef int store_scan_fn(void *arg, const char *name);
int store_scan(const struct store_dir *dir, store_scan_fn *fn, void *arg, struct fault *fault);

#endif
