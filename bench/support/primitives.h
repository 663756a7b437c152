/*
 * primitives.h - what every program is made of, one kind at a time.
 *
 * Each function does it n times, and each time waits for the one before wherever the machine can
 * wait: so a round tells latency.
 */
#ifndef FFSHM_BENCH_PRIMITIVES_H
#define FFSHM_BENCH_PRIMITIVES_H

struct primitive {
    const char *name;
    void (*run)(unsigned n);
    const char *absent; /* why this machine has none; NULL: it has */
};

/* Ends with an empty name. */
const struct primitive *primitives(void);

#endif
