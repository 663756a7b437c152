/*
 * follow - evaluates one flag in a loop and prints what it gets, when it changes, and what an
 * evaluation costs.
 *
 *     follow FLAG KEY [ATTRIBUTE=VALUE]...
 *
 * One line for every change, and one a second: seconds since the epoch, the value, why, the
 * snapshot's generation, whether an agent is there, evaluations so far, and the mean time of one
 * since the line before. The store is $FFSHM_DIR or the default one. Stop it with a signal.
 */
#include <ffshm.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 1000 /* evaluations between two looks at the clock */
#define PAUSE_NS 1000000
#define REPORT_NS 1000000000

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What was seen last, and the evaluations since the last line. */
struct seen {
    char value[256];
    uint64_t generation;
    bool agent_alive;
    uint64_t total;
    uint64_t count;
    int64_t spent_ns;
    int64_t reported_ns;
};

static void report(struct seen *seen, const struct ffshm_detail *detail)
{
    const int64_t stamp = now_ns(CLOCK_REALTIME);
    printf("%" PRId64 ".%06" PRId64 " value=%s reason=%s generation=%" PRIu64
           " agent=%s evaluations=%" PRIu64 " each=%.1fns\n",
           stamp / 1000000000, stamp % 1000000000 / 1000, seen->value,
           detail->error != FFSHM_OK ? ffshm_error_name(detail->error)
                                     : ffshm_reason_name(detail->reason),
           seen->generation, seen->agent_alive ? "alive" : "gone", seen->total,
           seen->count > 0 ? (double)seen->spent_ns / (double)seen->count : 0.0);
    fflush(stdout);
    seen->count = 0;
    seen->spent_ns = 0;
    seen->reported_ns = now_ns(CLOCK_MONOTONIC);
}

/* The loop of a program that has nothing else to do: evaluate, as often as it can. */
static void evaluate_batch(struct seen *seen, struct ffshm *ff, const char *flag,
                           const struct ffshm_context *who)
{
    char value[256];
    const int64_t begin = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < BATCH; i++) {
        ffshm_json(ff, flag, who, "null", value, sizeof(value));
    }
    seen->spent_ns += now_ns(CLOCK_MONOTONIC) - begin;
    seen->count += BATCH;
    seen->total += BATCH;
}

static void follow_flag(struct ffshm *ff, const char *flag, const struct ffshm_context *who)
{
    struct seen seen = {.generation = UINT64_MAX};
    struct ffshm_detail detail = {.variation = -1};
    while (!stopped) {
        /* The first evaluation after a publish is the one that maps the new snapshot. */
        char value[sizeof(seen.value)] = "";
        ffshm_json_detail(ff, flag, who, "null", value, sizeof(value), &detail);
        seen.total++;

        struct ffshm_status status;
        ffshm_status(ff, &status);
        const bool changed = strcmp(value, seen.value) != 0 ||
                             detail.generation != seen.generation ||
                             status.agent_alive != seen.agent_alive;
        if (changed) {
            memcpy(seen.value, value, sizeof(value));
            seen.generation = detail.generation;
            seen.agent_alive = status.agent_alive;
        }
        if (changed || now_ns(CLOCK_MONOTONIC) - seen.reported_ns >= REPORT_NS) {
            if (seen.count == 0) {
                evaluate_batch(&seen, ff, flag, who);
            }
            report(&seen, &detail);
        }
        evaluate_batch(&seen, ff, flag, who);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    report(&seen, &detail);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: follow FLAG KEY [ATTRIBUTE=VALUE]...\n");
        return 2;
    }
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, argv[2]);
    for (int i = 3; i < argc; i++) {
        char *const equals = strchr(argv[i], '=');
        if (equals == NULL) {
            fprintf(stderr, "follow: %s: not ATTRIBUTE=VALUE\n", argv[i]);
            return 2;
        }
        *equals = '\0';
        const int error = ffshm_context_string(&who, argv[i], equals + 1);
        if (error != FFSHM_OK) {
            fprintf(stderr, "follow: %s: %s\n", argv[i], ffshm_error_text(error));
            return 2;
        }
    }

    struct ffshm *const ff = ffshm_open(NULL, NULL);
    if (ff == NULL) {
        fprintf(stderr, "follow: out of memory\n");
        return 1;
    }
    const struct sigaction on_signal = {.sa_handler = stop};
    sigaction(SIGINT, &on_signal, NULL);
    sigaction(SIGTERM, &on_signal, NULL);
    follow_flag(ff, argv[1], &who);
    ffshm_close(ff);
    return 0;
}
