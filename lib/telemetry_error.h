/*
 * telemetry_error.h - evaluations that failed, by error and flag.
 */
#ifndef FFSHM_TELEMETRY_ERROR_H
#define FFSHM_TELEMETRY_ERROR_H

#include "telemetry.h"

/* One more. Where all entries are taken by others, it is left out. */
void telemetry_error(struct telemetry *t, int error, const char *key, size_t length,
                     int64_t now_ms);

#endif
