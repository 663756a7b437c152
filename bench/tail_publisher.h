/*
 * tail_publisher.h - somebody who changes a flag many times a second, in a real ffagent, over its
 * HTTP API. Both are processes of their own.
 *
 * The flag is TAIL_CASE's; each change is a new version of it with the other value. The
 * agent's state file is in memory: a disk takes some hundred changes a second, and what is measured
 * here is what programs notice of them.
 *
 * What goes wrong is told on stderr and ends the program.
 */
#ifndef FFSHM_BENCH_TAIL_PUBLISHER_H
#define FFSHM_BENCH_TAIL_PUBLISHER_H

#include <stdbool.h>
#include <sys/types.h>

#include "bench_agent.h"
#include "bench_cases.h"

#define TAIL_CASE "bool-fallthrough"

struct tail_orders;

struct tail_publisher {
    struct bench_agent agent;
    struct tail_orders *orders; /* shared with the process that asks */
    pid_t asker;
};

/* Both stay on the CPUs of the caller. */
void tail_publisher_start(struct tail_publisher *p, const char *ffagent,
                          const struct bench_set *set);
/* From now on so many changes a second; 0: none. */
void tail_publisher_rate(struct tail_publisher *p, unsigned per_s);
/* false: something went wrong. */
bool tail_publisher_stop(struct tail_publisher *p);

#endif
