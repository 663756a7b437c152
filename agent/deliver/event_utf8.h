/*
 * event_utf8.h - text of other processes may be anything; JSON is UTF-8.
 *
 * A file of its own because lib/json.h and jansson.h do not go together.
 */
#ifndef FFSHM_AGENT_EVENT_UTF8_H
#define FFSHM_AGENT_EVENT_UTF8_H

#include <stdbool.h>

bool event_utf8(const char *text);

#endif
