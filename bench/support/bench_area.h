/*
 * bench_area.h - memory to measure in: in huge pages, or surely not.
 */
#ifndef FFSHM_BENCH_AREA_H
#define FFSHM_BENCH_AREA_H

#include <stdbool.h>
#include <stddef.h>

struct bench_area {
    void *memory; /* zeros; starts on 2 MiB */
    size_t bytes;
    bool huge; /* it is in huge pages; not all machines give them */
};

/* false: no memory. Every page is there then. */
bool bench_area_open(struct bench_area *a, size_t bytes, bool huge);
void bench_area_close(struct bench_area *a);

#endif
