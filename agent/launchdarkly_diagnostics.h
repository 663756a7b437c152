/*
 * launchdarkly_diagnostics.h - what the agent tells LaunchDarkly of how it is set up.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_DIAGNOSTICS_H
#define FFSHM_AGENT_LAUNCHDARKLY_DIAGNOSTICS_H

#include <jansson.h>

#include "config.h"

/* The members "sdk", "configuration" and "platform" of a diagnostic-init event; NULL: no memory. */
json_t *launchdarkly_diagnostics(const struct config *config);

#endif
