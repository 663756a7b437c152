/*
 * rows_state.h - what rows.c keeps of a connection. For sqlite.c.
 */
#ifndef FFSHM_AGENT_ROWS_STATE_H
#define FFSHM_AGENT_ROWS_STATE_H

#include "sqlite.h"

/* Its statements; NULL is harmless. Before the connection is closed. */
void rows_free(struct rows *rows);
/* Nothing is noted as changed. */
int rows_forget(struct storage *s, struct fault *fault);

#endif
