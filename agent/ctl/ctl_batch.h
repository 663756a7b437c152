/*
 * ctl_batch.h - ffctl eval --batch: NDJSON in, NDJSON out, in order, in bounded memory.
 */
#ifndef FFSHM_CTL_BATCH_H
#define FFSHM_CTL_BATCH_H

#include "ctl.h"
#include "ffshm.h"

#define BATCH_MAX_LINE (64u << 20) /* bytes; a longer line is malformed */

/* Reads `input` (NULL: stdin) to its end. Each line is answered by the view, or (NULL) by the
   snapshot that is current then. Every answer is out before the next read that may block,
   so that a program can hold a conversation through two pipes. */
int batch_run(const struct ctl *ctl, struct ffshm *store, const struct ffshm_view *view,
              const char *input);

#endif
