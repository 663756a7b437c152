/*
 * ctl_compile.h - definition files -> a store in memory, with the agent's own compiler and no
 * agent.
 */
#ifndef FFSHM_CTL_COMPILE_H
#define FFSHM_CTL_COMPILE_H

#include <stddef.h>

#include "catalog/fault.h"
#include "compile/assemble.h"
#include "ffshm.h"

struct compiled {
    struct ffshm *store;
    struct assembled head;
    struct assembled extent;
};

/* Compiles the files together. 0, or -1 with *fault. */
int compile_files(const char *const *files, size_t count, struct compiled *out,
                  struct fault *fault);
void compile_free(struct compiled *c);

#endif
