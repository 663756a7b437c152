/*
 * launchdarkly_settings.h - what the configuration says of LaunchDarkly, as its source takes it.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_SETTINGS_H
#define FFSHM_AGENT_LAUNCHDARKLY_SETTINGS_H

#include "config.h"

/* How LaunchDarkly takes part: "none", "offline", or the mode. */
const char *launchdarkly_part(const struct config *c);
/* "stream", "poll" or "off". */
bool launchdarkly_has_mode(const struct config *c, const char *mode);
/* Says so in the log when only some of its services have another address. */
void launchdarkly_check_uris(const struct config *c);
/* NULL: none, or none that can be used, which is logged. */
const char *launchdarkly_filter_of(const struct config *c);
/* Raised to what LaunchDarkly asks for, which is logged. */
int64_t launchdarkly_poll_interval(const struct config *c);
/* The texts of a list, borrowed, and a NULL behind them; to be freed. NULL: no memory. */
const char **launchdarkly_texts(const struct config_values *v);

#endif
