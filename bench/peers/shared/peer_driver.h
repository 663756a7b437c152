/*
 * peer_driver.h - what every C driver does: reads its options and files, and times what it is
 * asked for. See ../README.md for the protocol.
 *
 * Whatever goes wrong ends the program, with a message on stderr.
 */
#ifndef FFSHM_BENCH_PEER_DRIVER_H
#define FFSHM_BENCH_PEER_DRIVER_H

#include <jansson.h>
#include <stdbool.h>

struct peer_options {
    json_t *flags; /* as in the file, with its segments beside */
    json_t *list;  /* the contexts and cases */
    bool events;
    const char *url; /* NULL: none was given */
};

struct peer_case {
    const char *name;
    const char *absent;  /* why it is not there; NULL: it is */
    const char *differs; /* why it is not quite the same; NULL: it is */
    void (*run)(void *of, unsigned long n);
    void *of;
};

void peer_options_read(struct peer_options *o, int argc, char **argv);

/* Says what went wrong, and ends the program. */
_Noreturn void peer_fail(const char *what, const char *why);

/* The whole peer is not there: says so, and ends the program. */
_Noreturn void peer_absent(const char *reason);

/* Announces the cases, and runs those that are asked for until nothing more is. */
void peer_serve(const char *version, const struct peer_case *cases, size_t count);

#endif
