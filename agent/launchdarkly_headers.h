/*
 * launchdarkly_headers.h - what every request to LaunchDarkly carries.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_HEADERS_H
#define FFSHM_AGENT_LAUNCHDARKLY_HEADERS_H

#include "config.h"

struct launchdarkly_headers {
    struct secret *authorization;
    char tags[160];
    char wrapper[160];
    char instance[80];
    const char *list[5]; /* "Name: value", NULL at the end */
};

/* Settings that are not well-formed are left out, with a warning. -1: no memory. */
int launchdarkly_headers_make(struct launchdarkly_headers *h, const struct config *config);
void launchdarkly_headers_free(struct launchdarkly_headers *h);

#endif
