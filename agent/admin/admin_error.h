/*
 * admin_error.h - why a request is not done: the status, a code for programs, and a fault for
 * people.
 */
#ifndef FFSHM_AGENT_ADMIN_ERROR_H
#define FFSHM_AGENT_ADMIN_ERROR_H

#include "../catalog/fault.h"

struct admin_error {
    unsigned status;    /* of HTTP; 0: there is no error */
    const char *code;   /* "invalid_json"; static */
    struct fault fault; /* of what the client sent: no file */
};

/* Fills in the error and returns -1. member and hint may be NULL. */
int admin_error_set(struct admin_error *error, unsigned status, const char *code,
                    const char *member, const char *hint, const char *cause_format, ...)
    __attribute__((format(printf, 6, 7)));

/* 503, "storage_failed": the change was not kept, so it was not made. Returns -1. */
int admin_error_not_stored(struct admin_error *error, const struct fault *fault);

/* "Bad Request"; "Unknown" for what is not in use here. */
const char *admin_status_text(unsigned status);

#endif
