/*
 * ctl_trust.h - opening a store's file by the rules of every reader, telling which one it breaks.
 */
#ifndef FFSHM_CTL_TRUST_H
#define FFSHM_CTL_TRUST_H

#include <stddef.h>

#define TRUST_WHY 512

/* Opens PATH, a file of the store DIR with at least `least` bytes, for reading; *size is its size.
   A descriptor, or -1 with an enum ffshm_error (NOT_READY: there is none) and a sentence that names
   file and cause. */
int trust_open(const char *dir, const char *path, size_t least, size_t *size, int *error,
               char why[TRUST_WHY]);

/* "PATH: CAUSE". Returns error. */
int trust_refuse(char why[TRUST_WHY], int error, const char *path, const char *cause);

/* Whether DIR can be opened: 0, or an enum ffshm_error (NOT_READY: there is none). */
int trust_directory(const char *dir, char why[TRUST_WHY]);

#endif
