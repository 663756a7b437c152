/*
 * hooks - code that runs around every evaluation: here, one that writes down and one that measures.
 *
 *     cc hooks.c $(pkg-config --cflags --libs ffshm) -o hooks
 */
#include <ffshm.h>
#include <stdio.h>
#include <time.h>

static void write_down(void *arg, const struct ffshm_hook_evaluation *e,
                       const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    (void)data;
    char value[128];
    ffshm_hook_value(e, result, value, sizeof(value)); /* what the program gets, as JSON */
    fprintf(arg, "audit: %s %s = %s", e->method, e->flag, value);
    if (result->error != FFSHM_OK) {
        fprintf(arg, " (%s)", ffshm_error_kind(result->error));
    }
    fprintf(arg, "\n");
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What is put into `data` before the evaluation is there after it, without any allocation. */
static void start_clock(void *arg, const struct ffshm_hook_evaluation *e,
                        struct ffshm_hook_data *data)
{
    (void)arg;
    (void)e;
    data->as.number = now_ns();
}

struct times {
    unsigned count; /* in a program with threads: atomic */
    uint64_t total_ns;
};

static void stop_clock(void *arg, const struct ffshm_hook_evaluation *e,
                       const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    (void)e;
    (void)result;
    struct times *times = arg;
    times->total_ns += now_ns() - data->as.number;
    times->count++;
}

int main(void)
{
    struct ffshm *ff = ffshm_open(NULL, NULL);
    if (ff == NULL) {
        return 1;
    }
    struct times times = {0, 0};
    const struct ffshm_hook audit = {
        .size = sizeof(audit), .name = "audit", .after_evaluation = write_down, .arg = stdout};
    const struct ffshm_hook clock = {.size = sizeof(clock),
                                     .name = "clock",
                                     .before_evaluation = start_clock,
                                     .after_evaluation = stop_clock,
                                     .arg = &times};
    if (ffshm_add_hook(ff, &audit) != FFSHM_OK || ffshm_add_hook(ff, &clock) != FFSHM_OK) {
        return 1;
    }

    struct ffshm_context who;
    ffshm_context_init(&who, "user", "user-123");
    ffshm_context_string(&who, "subscription_tier", "premium");
    char plan[64];
    ffshm_bool(ff, "new_feature", &who, false);
    ffshm_string(ff, "enhanced_meal_planning", &who, "basic", plan, sizeof(plan));
    ffshm_int(ff, "no_such_flag", &who, 3);
    printf("%u evaluations were measured\n", times.count);

    ffshm_close(ff);
    return 0;
}
