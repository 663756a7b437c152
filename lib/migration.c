/*
 * migration.c - stages of migrations, and what is told of an operation.
 *
 * Two threads may tell of one origin each: the masks are changed atomically, the rest of what they
 * write is theirs alone. Who reads it has joined them.
 */
#include "migration.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "context.h"
#include "store.h"
#include "telemetry.h"
#include "telemetry_tell.h"

#define BOTH (FFSHM_ORIGIN_OLD | FFSHM_ORIGIN_NEW)

enum check { CHECK_UNDECIDED, CHECK_WANTED, CHECK_NOT_WANTED };

static const char *const stages[] = {"off", "dualwrite", "shadow", "live", "rampdown", "complete"};

#define STAGE_COUNT (sizeof stages / sizeof *stages)

const char *ffshm_stage_name(int stage)
{
    return stage >= 0 && (size_t)stage < STAGE_COUNT ? stages[stage] : "";
}

int ffshm_stage_parse(const char *name)
{
    for (size_t i = 0; name && i < STAGE_COUNT; i++) {
        if (strcmp(name, stages[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- at the evaluation --------------------------------------------------------------------- */

/* Whole or not at all: half a key names something else. */
static void copy_whole(char *buffer, size_t capacity, const char *text)
{
    const size_t length = strlen(text);
    const size_t n = length < capacity ? length : 0;
    memcpy(buffer, text, n);
    buffer[n] = '\0';
}

void migration_begin(struct ffshm_migration *m, struct ffshm *ff, const char *key,
                     const struct ffshm_context *c, int fallback, int stage,
                     const struct image_flag *found, const struct ffshm_result *result)
{
    m->store = ff;
    m->context = c;
    m->flag_version = found ? found->blob.version : -1;
    m->invoked = 0;
    m->errors = 0;
    m->latencies = 0;
    m->refused = 0;
    m->operation = 0;
    m->stage = stage;
    m->fallback = fallback;
    m->variation = result->variation;
    m->reason = result->reason;
    m->error = result->error;
    m->big_segments = result->big_segments;
    m->rule_index = result->rule_index;
    m->sampling_ratio = found ? found->sampling_ratio : 1;
    m->check_ratio = found ? found->migration_check_ratio : 1;
    m->check = CHECK_UNDECIDED;
    m->consistent = -1;
    m->in_experiment = result->in_experiment;
    m->tracked = false;
    copy_whole(m->flag, sizeof m->flag, key ? key : "");
    copy_whole(m->cause, sizeof m->cause,
               result->reason == FFSHM_REASON_RULE_MATCH ? result->rule_id
                                                         : result->prerequisite_key);
}

/* ---- what the program tells ---------------------------------------------------------------- */

static void refuse(struct ffshm_migration *m)
{
    __atomic_store_n(&m->refused, 1, __ATOMIC_RELAXED);
}

/* Adds an origin to a mask; false: it is none. */
static bool mark(struct ffshm_migration *m, uint32_t *mask, int origin)
{
    if (origin != FFSHM_ORIGIN_OLD && origin != FFSHM_ORIGIN_NEW) {
        refuse(m);
        return false;
    }
    __atomic_fetch_or(mask, (uint32_t)origin, __ATOMIC_RELAXED);
    return true;
}

void ffshm_migration_operation(struct ffshm_migration *m, int operation)
{
    if (operation != FFSHM_OPERATION_READ && operation != FFSHM_OPERATION_WRITE) {
        refuse(m);
        return;
    }
    m->operation = operation;
}

void ffshm_migration_invoked(struct ffshm_migration *m, int origin)
{
    (void)mark(m, &m->invoked, origin);
}

void ffshm_migration_error(struct ffshm_migration *m, int origin)
{
    (void)mark(m, &m->errors, origin);
}

void ffshm_migration_latency(struct ffshm_migration *m, int origin, double milliseconds)
{
    if (!isfinite(milliseconds) || milliseconds < 0) {
        refuse(m);
        return;
    }
    if (mark(m, &m->latencies, origin)) {
        m->latency_ms[origin - 1] = milliseconds;
    }
}

bool ffshm_migration_wants_check(struct ffshm_migration *m)
{
    if (m->check == CHECK_UNDECIDED) {
        m->check = telemetry_drawn(m->check_ratio) ? CHECK_WANTED : CHECK_NOT_WANTED;
    }
    return m->check == CHECK_WANTED;
}

void ffshm_migration_consistent(struct ffshm_migration *m, bool consistent)
{
    m->consistent = consistent;
}

/* ---- the event ----------------------------------------------------------------------------- */

/* Why it cannot be an event; NULL: it can. */
static const char *fault_of(const struct ffshm_migration *m)
{
    const uint32_t invoked = __atomic_load_n(&m->invoked, __ATOMIC_RELAXED);
    return m->tracked                ? "it was tracked already"
           : m->flag[0] == '\0'      ? "the flag's key is empty or too long"
           : m->refused              ? "an operation, an origin or a latency was out of range"
           : m->operation == 0       ? "no operation was told"
           : invoked == 0            ? "no origin was told"
           : m->errors & ~invoked    ? "an error was told of an origin that was not asked"
           : m->latencies & ~invoked ? "a latency was told of an origin that was not asked"
           : m->consistent >= 0 && invoked != BOTH
               ? "consistency was told, but not that both origins were asked"
               : NULL;
}

static double latency_of(const struct ffshm_migration *m, int origin)
{
    return m->latencies & (uint32_t)origin ? m->latency_ms[origin - 1] : -1;
}

static bool record(const struct ffshm_migration *m)
{
    char value[16];
    char fallback[16];
    (void)snprintf(value, sizeof value, "\"%s\"", ffshm_stage_name(m->stage));
    (void)snprintf(fallback, sizeof fallback, "\"%s\"", ffshm_stage_name(m->fallback));
    const struct telemetry_migration told = {
        .c = m->context,
        .flag = m->flag,
        .version = m->flag_version,
        .variation = m->variation,
        .value = value,
        .fallback = fallback,
        .sampling_ratio = m->sampling_ratio,
        .reason = m->reason,
        .error = m->error,
        .big_segments = m->big_segments,
        .rule_index = m->rule_index,
        .rule_id = m->reason == FFSHM_REASON_RULE_MATCH ? m->cause : NULL,
        .prerequisite_key = m->reason == FFSHM_REASON_PREREQUISITE_FAILED ? m->cause : NULL,
        .in_experiment = m->in_experiment,
        .write = m->operation == FFSHM_OPERATION_WRITE,
        .invoked = m->invoked,
        .errors = m->errors,
        .latency_old_ms = latency_of(m, FFSHM_ORIGIN_OLD),
        .latency_new_ms = latency_of(m, FFSHM_ORIGIN_NEW),
        .consistent = m->consistent,
        .check_ratio = m->check_ratio,
    };
    return telemetry_migration(m->store, &told);
}

int ffshm_migration_track(struct ffshm_migration *m)
{
    if (!m || !m->store) {
        return FFSHM_INVALID_ARGUMENT;
    }
    const char *const fault = fault_of(m);
    if (fault) {
        store_log_misuse(m->store, "a migration operation cannot be told of", fault);
        return FFSHM_INVALID_ARGUMENT;
    }
    if (!context_valid(m->context)) {
        store_log_misuse(m->store, "a migration operation cannot be told of",
                         "its context is invalid");
        return FFSHM_INVALID_CONTEXT;
    }
    m->tracked = true;
    (void)record(m); /* what is dropped is counted there */
    return FFSHM_OK;
}
