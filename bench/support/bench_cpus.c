#include "bench_cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_fail.h"

int bench_first_allowed(const char *list, const cpu_set_t *allowed)
{
    while (*list >= '0' && *list <= '9') {
        char *end;
        const unsigned long from = strtoul(list, &end, 10);
        const unsigned long to = *end == '-' ? strtoul(end + 1, &end, 10) : from;
        for (unsigned long cpu = from; cpu <= to && cpu < CPU_SETSIZE; cpu++) {
            if (CPU_ISSET(cpu, allowed)) {
                return (int)cpu;
            }
        }
        list = *end == ',' ? end + 1 : end;
    }
    return -1;
}

/* Of its core's hardware threads that are allowed. Where nothing is told, every CPU is a core. */
static bool is_first_of_core(int cpu, const cpu_set_t *allowed)
{
    char path[96];
    char line[256] = "";
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "re");
    if (f && !fgets(line, sizeof line, f)) {
        line[0] = '\0';
    }
    if (f) {
        fclose(f);
    }
    const int first = bench_first_allowed(line, allowed);
    return first < 0 || first == cpu;
}

unsigned bench_cpus(int cpus[BENCH_CPUS_MOST])
{
    static int found[BENCH_CPUS_MOST];
    static unsigned count;
    cpu_set_t allowed;
    if (count == 0) {
        CPU_ZERO(&allowed);
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
            bench_fail_errno("sched_getaffinity");
        }
        for (unsigned cpu = 0; cpu < CPU_SETSIZE && count < BENCH_CPUS_MOST; cpu++) {
            if (CPU_ISSET(cpu, &allowed) && is_first_of_core((int)cpu, &allowed)) {
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
        bench_fail_errno("sched_setaffinity");
    }
}
