/*
 * telemetry_dir.h - the directory in which processes put their files: anybody may make one there,
 * nobody may remove another's, and only the agent sees what there is.
 */
#ifndef FFSHM_AGENT_TELEMETRY_DIR_H
#define FFSHM_AGENT_TELEMETRY_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "../catalog/fault.h"
#include "telemetry_file.h"

/* "<path>/<name>: <what>: <text of error>" and what to do about it. name may be NULL. */
void telemetry_fault(struct fault *fault, const char *path, const char *name, const char *what,
                     int error);

/* The store's directory. A descriptor, or -1 with *fault. */
int telemetry_open_store(const char *path, struct fault *fault);
/* telemetry/ in it, made where it is missing. A symlink, or another user's, is a fault. */
int telemetry_open_dir(int store, const char *path, struct fault *fault);

/* The id of a file's name; false: it is none. */
bool telemetry_name_parse(const char *name, uint64_t id[2]);
void telemetry_name(char name[TELEMETRY_NAME], const uint64_t id[2]);
/* Of a file that is still being made. */
bool telemetry_name_is_temporary(const char *name);

#endif
