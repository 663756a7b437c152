/*
 * bench_agent.h - a real ffagent for the bench, in a directory of its own, with about 1 KB of JSON
 * for each of its flags, and a client of its HTTP API on one connection.
 *
 * What goes wrong is told on stderr, with the end of the agent's log, and ends the program.
 */
#ifndef FFSHM_BENCH_AGENT_H
#define FFSHM_BENCH_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bench_directory.h"

struct bench_agent {
    const char *ffagent;  /* the program */
    char dir[BENCH_PATH]; /* on tmpfs: all of these */
    char store[BENCH_PATH + 16];
    char flags[BENCH_PATH + 16]; /* the file, LaunchDarkly's format */
    char next[BENCH_PATH + 16];  /* that is to take its place */
    char log[BENCH_PATH +
             16]; /* what the agent says, as it does when nobody asks for less: level info */
    pid_t pid;    /* 0: none runs */
};

/* Makes the directory, and a file of `count` flags of bench_flag(): version 1. */
void bench_agent_prepare(struct bench_agent *a, const char *ffagent, unsigned count);
/* state: a file, or "none". */
void bench_agent_start(struct bench_agent *a, const char *state);
/* The same with arguments of one's own, of which NULL ends, beside those about the directory and
   the log. */
void bench_agent_run(struct bench_agent *a, const char *const *arguments);
/* Ends it. false: it had ended before, or badly. */
bool bench_agent_end(struct bench_agent *a);
bool bench_agent_remove(const struct bench_agent *a); /* the directory */
/* Ends it, and removes the directory. */
bool bench_agent_stop(struct bench_agent *a);
/* Ends the program: the agent does not do what is wanted of it. */
_Noreturn void bench_agent_fail(const struct bench_agent *a, const char *why);

/* A file with one flag of another version, beside the file; then it takes its place. */
void bench_agent_write(const struct bench_agent *a, unsigned count, unsigned changed,
                       unsigned version);
void bench_agent_save(const struct bench_agent *a);

/* A connection to its unix socket, once it is there. */
int bench_connect(const struct bench_agent *a);
/* One request with a JSON body; returns the status when the whole answer is there. */
unsigned bench_request(int fd, const char *method, const char *path, const char *body);

#endif
