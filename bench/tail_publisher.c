#include "tail_publisher.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_clock.h"
#include "bench_fail.h"

#define LOOK_NS 1e6  /* how often orders are looked at */
#define LATE_NS 50e6 /* who is that late does not catch up */

struct tail_orders {
    _Atomic unsigned per_s;
    _Atomic bool stop;
};

/* ---- the asker ----------------------------------------------------------------------------- */

static void change(int connection, unsigned number)
{
    char path[64];
    char body[128];
    snprintf(path, sizeof path, "/api/v1/flags/%s", bench_case_find(TAIL_CASE)->flag);
    snprintf(body, sizeof body,
             "{\"variants\":[{\"key\":\"on\",\"value\":true},{\"key\":\"off\",\"value\":false}],"
             "\"default_variant\":\"%s\"}",
             number & 1 ? "off" : "on");
    const unsigned status = bench_request(connection, "PUT", path, body) / 100;
    if (status != 2) {
        fprintf(stderr, "ffbench: a change was answered with %u..\n", status);
        _exit(1);
    }
}

static void sleep_until(double ns)
{
    const struct timespec at = {(time_t)(ns / 1e9), (long)(ns - 1e9 * (double)(time_t)(ns / 1e9))};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void ask(const struct tail_publisher *p, int connection)
{
    unsigned number = 0;
    unsigned rate = 0;
    double next_ns = 0;
    while (!atomic_load(&p->orders->stop)) {
        const unsigned per_s = atomic_load(&p->orders->per_s);
        const double now_ns = bench_now_ns();
        if (per_s != rate || next_ns < now_ns - LATE_NS) {
            rate = per_s;
            next_ns = now_ns;
        }
        if (per_s != 0 && now_ns >= next_ns) {
            change(connection, ++number);
            next_ns += 1e9 / per_s;
        } else {
            const double look_ns = now_ns + LOOK_NS;
            sleep_until(per_s != 0 && next_ns < look_ns ? next_ns : look_ns);
        }
    }
}

/* ---- start and end ------------------------------------------------------------------------- */

static void write_flags(const struct bench_agent *a, const struct bench_set *set)
{
    FILE *f = fopen(a->flags, "we");
    if (!f) {
        bench_fail_errno(a->flags);
    }
    bench_cases_flags(f, set);
    if (fclose(f) != 0) {
        bench_fail_errno(a->flags);
    }
}

void tail_publisher_start(struct tail_publisher *p, const char *ffagent,
                          const struct bench_set *set)
{
    char state[BENCH_PATH + 16];
    bench_agent_prepare(&p->agent, ffagent, 1);
    write_flags(&p->agent, set);
    snprintf(state, sizeof state, "%s/agent.db", p->agent.dir);
    bench_agent_start(&p->agent, state);
    p->orders =
        mmap(NULL, sizeof *p->orders, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p->orders == MAP_FAILED) {
        bench_fail_errno("mmap");
    }
    const int connection = bench_connect(&p->agent);
    p->asker = bench_child();
    if (p->asker == 0) {
        ask(p, connection);
        _exit(0);
    }
    close(connection);
}

void tail_publisher_rate(struct tail_publisher *p, unsigned per_s)
{
    atomic_store(&p->orders->per_s, per_s);
}

bool tail_publisher_stop(struct tail_publisher *p)
{
    int status = 1;
    atomic_store(&p->orders->stop, true);
    const bool ended = waitpid(p->asker, &status, 0) == p->asker && status == 0;
    munmap(p->orders, sizeof *p->orders);
    return bench_agent_stop(&p->agent) && ended;
}
