/*
 * redis_refusal.h - what Redis's error replies mean, and the next step.
 */
#ifndef FFSHM_AGENT_REDIS_REFUSAL_H
#define FFSHM_AGENT_REDIS_REFUSAL_H

#include "catalog/fault.h"

/* Cause and hint of an error's text, "WRONGPASS invalid username-password pair". */
void redis_refusal(const char *text, struct fault *fault);

#endif
