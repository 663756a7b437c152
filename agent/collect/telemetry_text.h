/* telemetry_text.h - what texts in telemetry have to be. Apart, because lib/json.h and jansson.h
   share names. */
#ifndef FFSHM_AGENT_TELEMETRY_TEXT_H
#define FFSHM_AGENT_TELEMETRY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* UTF-8 without NUL. */
bool telemetry_is_text(const char *text, size_t length);
/* The name of a kind of context. */
bool telemetry_is_kind(const char *text, size_t length);
/* How much of a text that may have been cut in a character is whole. */
size_t telemetry_whole_text(const char *text, size_t length);

#endif
