/*
 * migration.c - a migration's stage, and operations on the two origins, which are POSTs: what a
 * program with a migration does by itself.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "service.h"

/* One operation: what to do, whom to ask and what of it to tell. */
struct operation {
    struct ffshm_migration tracker;
    const char *urls[3]; /* by enum ffshm_origin */
    const char *payload;
    bool latency, errors, consistency;
};

/* One origin being asked. */
struct asking {
    struct operation *operation;
    int origin;
    bool failed;
    char *answer; /* never NULL once asked, but without memory */
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void ask(struct asking *a)
{
    struct operation *o = a->operation;
    const double begin = now_ms();
    ffshm_migration_invoked(&o->tracker, a->origin);
    const long status =
        post(o->urls[a->origin], "Content-Type: text/plain", o->payload, &a->answer);
    a->failed = status < 200 || status > 299;
    if (a->failed && o->errors) {
        ffshm_migration_error(&o->tracker, a->origin);
    }
    if (o->latency) {
        ffshm_migration_latency(&o->tracker, a->origin, now_ms() - begin);
    }
}

static void *ask_in_thread(void *arg)
{
    ask(arg);
    return NULL;
}

static void ask_both_at_once(struct asking *first, struct asking *second)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, ask_in_thread, second) == 0) {
        ask(first);
        pthread_join(thread, NULL);
    } else {
        ask(first);
        ask(second);
    }
}

static bool toss_coin(void)
{
    unsigned char byte = 0;
    return getrandom(&byte, sizeof byte, 0) == 1 && byte % 2;
}

static void read_both(struct asking *first, struct asking *second, const char *order)
{
    struct operation *o = first->operation;
    if (strcmp(order, "concurrent") == 0) {
        ask_both_at_once(first, second);
    } else if (strcmp(order, "random") == 0 && toss_coin()) {
        ask(second);
        ask(first);
    } else {
        ask(first);
        ask(second);
    }
    if (o->consistency && !first->failed && !second->failed &&
        ffshm_migration_wants_check(&o->tracker)) {
        ffshm_migration_consistent(&o->tracker, strcmp(first->answer, second->answer) == 0);
    }
}

/* Whom the stage asks: the authoritative origin, and the other one or 0. */
static void origins_of(int stage, bool read, int *first, int *second)
{
    const bool old_first = stage <= FFSHM_STAGE_SHADOW;
    const int other = old_first ? FFSHM_ORIGIN_NEW : FFSHM_ORIGIN_OLD;
    const bool both = read ? stage == FFSHM_STAGE_SHADOW || stage == FFSHM_STAGE_LIVE
                           : stage != FFSHM_STAGE_OFF && stage != FFSHM_STAGE_COMPLETE;
    *first = old_first ? FFSHM_ORIGIN_OLD : FFSHM_ORIGIN_NEW;
    *second = both ? other : 0;
}

/* The answer of the authoritative origin; a new reference. */
static json_t *perform(struct operation *o, int stage, bool read, const char *order)
{
    struct asking first = {.operation = o}, second = {.operation = o};
    origins_of(stage, read, &first.origin, &second.origin);
    ffshm_migration_operation(&o->tracker, read ? FFSHM_OPERATION_READ : FFSHM_OPERATION_WRITE);
    if (second.origin && read) {
        read_both(&first, &second, order);
    } else {
        ask(&first);
        if (second.origin && !first.failed) {
            ask(&second);
        }
    }
    json_t *result = json_string(first.failed ? "the origin failed" : first.answer);
    free(first.answer);
    free(second.answer);
    return result;
}

static int fallback_of(const json_t *params)
{
    const char *name = member_text(params, "defaultStage");
    const int stage = name ? ffshm_stage_parse(name) : -1;
    return stage < 0 ? FFSHM_STAGE_OFF : stage;
}

void command_migration_variation(struct client *c, const json_t *params, struct outcome *outcome)
{
    const char *key = member_text(params, "key");
    struct subject subject;
    if (subject_read(&subject, params, outcome) == 0) {
        const int stage =
            ffshm_migration_stage(c->ff, key, &subject.context, fallback_of(params), NULL);
        outcome->answer = json_pack("{s:s}", "result", ffshm_stage_name(stage));
    }
    subject_free(&subject);
}

static void operate(struct client *c, const struct ffshm_context *context, const json_t *params,
                    struct outcome *outcome)
{
    const char *payload = member_text(params, "payload");
    const char *order = member_text(params, "readExecutionOrder");
    const char *operation = member_text(params, "operation");
    struct operation o = {
        .urls = {NULL, member_text(params, "oldEndpoint"), member_text(params, "newEndpoint")},
        .payload = payload ? payload : "",
        .latency = member_true(params, "trackLatency"),
        .errors = member_true(params, "trackErrors"),
        .consistency = member_true(params, "trackConsistency"),
    };
    if (!operation || !o.urls[FFSHM_ORIGIN_OLD] || !o.urls[FFSHM_ORIGIN_NEW]) {
        outcome_fail(outcome, 400, "no operation, oldEndpoint or newEndpoint");
        return;
    }
    const int stage = ffshm_migration_stage(c->ff, member_text(params, "key"), context,
                                            fallback_of(params), &o.tracker);
    json_t *result =
        perform(&o, stage, strcmp(operation, "read") == 0, order ? order : "concurrent");
    const int error = ffshm_migration_track(&o.tracker);
    if (error) {
        json_decref(result);
        outcome_fail(outcome, 500, "migration: %s", ffshm_error_text(error));
    } else {
        outcome->answer = json_pack("{s:o}", "result", result);
    }
}

void command_migration_operation(struct client *c, const json_t *params, struct outcome *outcome)
{
    struct subject subject;
    if (subject_read(&subject, params, outcome) == 0) {
        operate(c, &subject.context, params, outcome);
    }
    subject_free(&subject);
}
