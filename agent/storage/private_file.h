/*
 * private_file.h - a file for this user alone, in a directory for this user alone: what the agent
 * keeps has contexts (personal data) in it, and what it reads there it believes.
 */
#ifndef FFSHM_AGENT_PRIVATE_FILE_H
#define FFSHM_AGENT_PRIVATE_FILE_H

#include <stdlib.h>

#include "../catalog/fault.h"

/* Makes the file (0600) and its directory (0700) where they are missing, and refuses what is
   another user's or writable by others. Gives the absolute path, malloc'ed; NULL and *fault. */
char *private_file(const char *path, struct fault *fault);
/* The same of the directory alone: where a new file may be made. */
char *private_name(const char *path, struct fault *fault);

#endif
