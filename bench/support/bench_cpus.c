#include "bench_cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is it the first hardware thread of its core? Where nothing is told, every CPU is a core. */
static bool is_first_of_core(int cpu)
{
    char path[96];
    char line[64];
    long first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "re");
    if (f && fgets(line, sizeof line, f)) {
        first = strtol(line, NULL, 10);
    }
    if (f) {
        fclose(f);
    }
    return first == cpu;
}

unsigned bench_cpus(int cpus[BENCH_CPUS_MOST])
{
    static int found[BENCH_CPUS_MOST];
    static unsigned count;
    cpu_set_t allowed;
    if (count == 0) {
        CPU_ZERO(&allowed);
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
            fprintf(stderr, "sched_getaffinity: %s\n", strerror(errno));
            exit(1);
        }
        for (unsigned cpu = 0; cpu < CPU_SETSIZE && count < BENCH_CPUS_MOST; cpu++) {
            if (CPU_ISSET(cpu, &allowed) && is_first_of_core((int)cpu)) {
                found[count++] = (int)cpu;
            }
        }
    }
    memcpy(cpus, found, count * sizeof found[0]);
    return count;
}

void bench_pin(const int *cpus, unsigned count)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = 0; i < count; i++) {
        CPU_SET((unsigned)cpus[i], &set);
    }
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        fprintf(stderr, "CPU %d: %s\n", cpus[0], strerror(errno));
        exit(1);
    }
}
