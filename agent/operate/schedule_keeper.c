#include "schedule_keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../admin/audit.h"
#include "../log.h"
#include "definition_state.h"
#include "schedule.h"

#define RUN_AT_ONCE 16 /* each waits for the disk; then the loop has its turn */
#define FLEET_AGAIN_MS 500
#define AGAIN_MS 5000 /* after a change that could not be stored */
#define LATE_MS 1000  /* less is not worth a word */
#define RESULT_MOST 600

struct schedule_keeper {
    struct operations operations;
    struct definition_keeper *definitions;
    int clock; /* a timer of the wall clock */
    struct event *due;
    bool started;
    int64_t started_ms;
    /* Of a fleet. */
    const struct turns *turns; /* NULL: it is not */
    bool (*leads)(const void *arg);
    const void *leads_arg;
    struct turn turn;
    bool asks;
    bool again; /* what was due could not be done */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void run_due(struct schedule_keeper *k);

/* ---- the clock ------------------------------------------------------------------------------ */

/* Of the wall clock; a time that is over already comes at once. When the clock is set it comes,
 * too.
 */
static void wait_until(struct schedule_keeper *k, int64_t at_ms)
{
    const int64_t at = at_ms > 0 ? at_ms : 1;
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000 * 1000000)}};
    if (timerfd_settime(k->clock, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) != 0 &&
        errno != ECANCELED) {
        LOG_EVENT(LOG_LEVEL_ERROR, "schedule-failed", log_text("cause", strerror(errno)));
    }
}

static void wait_for_next(struct schedule_keeper *k)
{
    struct storage *s = state_file_storage(k->operations.state);
    struct fault fault = {0};
    int64_t at_ms = INT64_MAX;
    if (s && storage_schedule_next(s, &at_ms, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "schedule-failed", &fault);
        at_ms = now_ms() + AGAIN_MS;
    }
    if (at_ms == INT64_MAX) {
        const struct itimerspec never = {0};
        timerfd_settime(k->clock, 0, &never, NULL);
        return;
    }
    wait_until(k, at_ms);
}

/* ---- one that is due ------------------------------------------------------------------------ */

/* A row, copied: it is read before it is run. */
struct due {
    struct storage_schedule row;
    char *texts; /* what the row borrows */
    bool failed; /* to be tried again later */
};

static char *place(char **at, const char *text)
{
    char *const placed = *at;
    if (!text) {
        return NULL;
    }
    const size_t size = strlen(text) + 1;
    memcpy(placed, text, size);
    *at += size;
    return placed;
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static int copy_row(const struct storage_schedule *row, struct due *due)
{
    char *at = malloc(size_of(row->key) + size_of(row->change) + size_of(row->author) +
                      size_of(row->authenticated) + size_of(row->reason) + 1);
    if (!at) {
        return -1;
    }
    *due = (struct due){*row, at, false};
    due->row.key = place(&at, row->key);
    due->row.change = place(&at, row->change);
    due->row.author = place(&at, row->author);
    due->row.authenticated = place(&at, row->authenticated);
    due->row.reason = place(&at, row->reason);
    due->row.result = NULL;
    return 0;
}

/* "scheduled for 2026-12-01T09:00:00Z, 3 h late: no agent ran then: REASON". */
static void tell(const struct schedule_keeper *k, const struct storage_schedule *row, int64_t now,
                 char text[RESULT_MOST])
{
    char at[SCHEDULE_TIME];
    const int64_t late = (now - row->at_ms) / 1000;
    int length = snprintf(text, RESULT_MOST, "scheduled for %s", schedule_time(row->at_ms, at));
    if (now - row->at_ms > LATE_MS) {
        length += snprintf(text + length, RESULT_MOST - (size_t)length,
                           ", done %" PRId64 " s late%s", late,
                           row->created_ms > row->at_ms ? ": it was written then"
                           : row->at_ms < k->started_ms ? ": no agent ran then"
                                                        : "");
    }
    if (row->reason) {
        snprintf(text + length, RESULT_MOST - (size_t)length, ": %.400s", row->reason);
    }
}

struct finishing {
    const struct storage_schedule *row;
    enum storage_schedule_state state;
    int64_t now_ms;
    const char *result;
};

static int finish(void *arg, struct storage *s, struct admin_error *error)
{
    const struct finishing *f = arg;
    struct fault fault = {0};
    const int result =
        storage_schedule_finish(s, f->row->number, f->state, f->now_ms, f->result, &fault);
    if (result == STORAGE_CONFLICT) {
        return admin_error_set(error, 409, "not_pending", NULL, NULL, "it is not pending any more");
    }
    return result == 0 ? 0 : admin_error_not_stored(error, &fault);
}

/* In a transaction of its own: its end, and the entry that tells of it. */
static int finish_alone(struct schedule_keeper *k, const struct finishing *f,
                        const struct admin_change *by, struct admin_error *error)
{
    struct fault fault = {0};
    char before[64];
    struct storage *s = state_file_make(k->operations.state, &fault);
    if (!s || storage_begin_durable(s, &fault) != 0) {
        return admin_error_not_stored(error, &fault);
    }
    snprintf(before, sizeof before, "{\"schedule\":%" PRId64 "}", f->row->number);
    struct storage_audit entry = operation_entry(by, f->row->key, before, NULL, NULL);
    int result = finish((void *)(uintptr_t)f, s, error);
    if (result == 0 && audit_append(s, &entry, &fault) != 0) {
        result = admin_error_not_stored(error, &fault);
    }
    if (result == 0 && storage_commit(s, &fault) != 0) {
        result = admin_error_not_stored(error, &fault);
    }
    if (result != 0) {
        storage_rollback(s);
    }
    return result;
}

/* The flag with the change: 0, or -1 with *error. */
static int change(struct schedule_keeper *k, const struct storage_schedule *row, json_t *body,
                  const struct admin_change *by, const char *told, struct admin_error *error)
{
    struct finishing f = {row, STORAGE_DONE, by->time_ms, told};
    json_t *set = json_loads(row->change, 0, NULL);
    json_t *changed = set ? definition_with(body, set) : NULL;
    const struct definition_edit edit = {
        .kind = row->kind,
        .key = row->key,
        .came = STORAGE_PUT,
        .body = changed,
        .due = row->number,
        .action = by->action,
    };
    const struct definition_change one = {
        .edits = &edit,
        .count = 1,
        .by = by,
        /* while a source has not said yet what it has, nobody knows that a name is nowhere */
        .lenient = !source_states_complete(pipeline_sources(k->operations.pipeline)),
        .also = finish,
        .arg = &f,
    };
    struct definition_outcome outcome = {0};
    int result;
    if (changed) {
        result = definition_keeper_change(k->definitions, &one, false, &outcome, error);
    } else {
        result = admin_error_set(error, 422, "invalid", "set", NULL, "cannot be read");
    }
    json_decref(outcome.affected);
    json_decref(changed);
    json_decref(set);
    return result < 0 ? -1 : 0;
}

static int try_change(struct schedule_keeper *k, const struct storage_schedule *row,
                      const struct admin_change *by, const char *told, struct admin_error *error)
{
    struct definition_state state;
    struct fault fault = {0};
    int result;
    if (definition_state_get(state_file_storage(k->operations.state), row->kind, row->key, 0,
                             &state, &fault) != 0) {
        result = admin_error_not_stored(error, &fault);
    } else if (!state.version || state.came != STORAGE_PUT) {
        result = admin_error_set(error, 404, "not_found", NULL, NULL,
                                 "the flag is not in service any more");
    } else {
        result = change(k, row, state.body, by, told, error);
    }
    definition_state_free(&state);
    return result;
}

/* 0: it is over, well or not; -1: it is to be tried again later. */
static int run(struct schedule_keeper *k, const struct storage_schedule *row)
{
    char told[RESULT_MOST];
    char text[RESULT_MOST];
    const int64_t now = now_ms();
    tell(k, row, now, told);
    struct admin_change by = {
        .action = "schedule.run",
        .actor = row->author,
        .authenticated = row->authenticated,
        .reason = told,
        .time_ms = now,
    };
    struct admin_error error = {0};
    if (try_change(k, row, &by, told, &error) == 0) {
        LOG_EVENT(LOG_LEVEL_INFO, "schedule-run", log_text("flag", row->key),
                  log_number("number", row->number), log_text("author", row->author),
                  log_text("text", told));
        return 0;
    }
    fault_text(&error.fault, text, sizeof text);
    LOG_EVENT(LOG_LEVEL_ERROR, "schedule-failed", log_text("flag", row->key),
              log_number("number", row->number), log_text("author", row->author),
              log_text("cause", text));
    if (error.status >= 500) {
        return -1;
    }
    const struct finishing f = {row, STORAGE_FAILED, now, text};
    by.action = "schedule.fail";
    by.reason = text;
    return finish_alone(k, &f, &by, &error);
}

/* ---- all that are due ----------------------------------------------------------------------- */

struct all_due {
    struct due due[RUN_AT_ONCE];
    size_t count;
};

static int on_due(void *arg, const struct storage_schedule *row)
{
    struct all_due *all = arg;
    if (copy_row(row, &all->due[all->count]) != 0) {
        return -1;
    }
    all->count++;
    return 0;
}

/* Those of a flag are made in their order, or not at all; another flag's do not wait for them. */
static bool waits(const struct all_due *all, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (all->due[i].failed && strcmp(all->due[i].row.key, all->due[at].row.key) == 0) {
            return true;
        }
    }
    return false;
}

static void run_some(struct schedule_keeper *k)
{
    struct storage *s = state_file_storage(k->operations.state);
    struct all_due all = {.count = 0};
    struct fault fault = {0};
    bool again = false;
    if (s && storage_schedule_due(s, now_ms(), RUN_AT_ONCE, on_due, &all, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "schedule-failed", &fault);
        again = true;
    }
    for (size_t i = 0; i < all.count; i++) {
        if (waits(&all, i)) {
            continue;
        }
        if (run(k, &all.due[i].row) != 0) {
            all.due[i].failed = true;
            again = true;
        } else if (k->turns) {
            again = false; /* it is proposed: one in a turn */
            break;
        }
    }
    for (size_t i = 0; i < all.count; i++) {
        free(all.due[i].texts);
    }
    k->again = again;
    if (k->turns) {
        return; /* on_over goes on */
    }
    if (again) {
        wait_until(k, now_ms() + AGAIN_MS);
    } else {
        wait_for_next(k);
    }
}

/* ---- in a fleet: one in a turn, by the host that leads -------------------------------------- */

static struct schedule_keeper *of(struct turn *t)
{
    return (struct schedule_keeper *)((char *)t - offsetof(struct schedule_keeper, turn));
}

static void go(struct turn *t)
{
    struct schedule_keeper *k = of(t);
    k->again = false;
    if (k->leads(k->leads_arg)) {
        run_some(k);
    }
    k->turns->end(k->turns->arg, t);
}

static void on_over(struct turn *t, enum turn_outcome outcome, const struct fault *fault)
{
    struct schedule_keeper *k = of(t);
    (void)fault;
    k->asks = false;
    if (k->again) {
        wait_until(k, now_ms() + AGAIN_MS);
    } else if (outcome == TURN_DONE || outcome == TURN_OVERTAKEN) {
        wait_for_next(k);
    } else {
        wait_until(k, now_ms() + FLEET_AGAIN_MS);
    }
}

static void ask(struct schedule_keeper *k)
{
    struct storage *s = state_file_storage(k->operations.state);
    int64_t at_ms = INT64_MAX;
    if (k->asks) {
        return; /* what comes of it says when to look again */
    }
    if (!s || storage_schedule_next(s, &at_ms, NULL) != 0 || at_ms > now_ms()) {
        wait_for_next(k);
    } else if (k->leads(k->leads_arg)) {
        k->asks = true;
        k->turns->ask(k->turns->arg, &k->turn);
    } else { /* the leader's row comes soon; or another host leads, perhaps this one */
        wait_until(k, now_ms() + FLEET_AGAIN_MS);
    }
}

void schedule_keeper_of_fleet(struct schedule_keeper *k, const struct turns *turns,
                              bool (*leads)(const void *arg), const void *arg)
{
    k->turns = turns;
    k->leads = leads;
    k->leads_arg = arg;
    k->turn = (struct turn){.go = go, .over = on_over};
}

void schedule_keeper_renew(struct schedule_keeper *k)
{
    if (k->started && !k->asks) {
        run_due(k);
    }
}

static void run_due(struct schedule_keeper *k)
{
    if (k->turns) {
        ask(k);
    } else {
        run_some(k);
    }
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    struct schedule_keeper *k = arg;
    uint64_t times;
    (void)what;
    if (read(fd, &times, sizeof times) < 0 && errno == EAGAIN) {
        return;
    }
    run_due(k); /* ECANCELED: the clock was set */
}

static void on_stored(void *arg)
{
    struct schedule_keeper *k = arg;
    if (k->started) {
        wait_for_next(k);
    }
}

/* ---- what is asked for ---------------------------------------------------------------------- */

static int kept_flag(const struct schedule_keeper *k, const char *key,
                     struct definition_state *state, struct admin_error *error)
{
    struct fault fault = {0};
    if (definition_state_get(state_file_storage(k->operations.state), STORAGE_FLAG, key, 0, state,
                             &fault) != 0) {
        *error = (struct admin_error){503, "storage_failed", fault};
        return -1;
    }
    if (!state->version || state->came != STORAGE_PUT) {
        return admin_error_set(error, 409, "not_kept_here", "key", "restore it, or PUT it",
                               "the flag \"%.128s\" is not in service here", key);
    }
    return 0;
}

/* "schedule[3].set.enabled" -> "set.enabled". */
static void make_relative(struct fault *fault)
{
    const char *dot = strchr(fault->member, '.');
    if (strncmp(fault->member, "schedule[", 9) == 0 && dot) {
        memmove(fault->member, dot + 1, strlen(dot + 1) + 1);
    }
}

static int check_new(const struct schedule_keeper *k, const char *key, const char *at, json_t *set,
                     json_t *body, struct admin_error *error)
{
    struct fault fault = {0};
    int64_t at_ms;
    if (!schedule_parse_time(at, &at_ms)) {
        return admin_error_set(error, 422, "invalid", "at",
                               "RFC 3339, with a time zone: 2026-12-01T09:00:00Z",
                               "\"%.40s\" is not a date", at);
    }
    if (at_ms <= now_ms()) {
        return admin_error_set(error, 422, "invalid", "at", "change the flag itself",
                               "is not in the future");
    }
    json_t *all = schedule_pending(state_file_storage(k->operations.state), key, &fault);
    if (!all) {
        *error = (struct admin_error){503, "storage_failed", fault};
        return -1;
    }
    json_array_append_new(all, json_pack("{s:s, s:O}", "at", at, "set", set));
    const int result = definition_check_schedule(key, body, all, &fault);
    json_decref(all);
    if (result != 0) {
        make_relative(&fault);
        *error = (struct admin_error){422, "invalid_definition", fault};
    }
    return result;
}

static int add_row(struct schedule_keeper *k, const struct storage_schedule *row,
                   const struct admin_change *by, int64_t *number, struct admin_error *error)
{
    struct fault fault = {0};
    struct storage *s = state_file_make(k->operations.state, &fault);
    if (!s || storage_begin_durable(s, &fault) != 0) {
        return admin_error_not_stored(error, &fault);
    }
    struct storage_audit entry = operation_entry(by, row->key, NULL, NULL, NULL);
    char *after = NULL;
    int result = storage_schedule_add(s, row, number, &fault);
    if (result == 0) {
        char at[SCHEDULE_TIME];
        if (asprintf(&after, "{\"schedule\":%" PRId64 ",\"at\":\"%s\",\"set\":%s}", *number,
                     schedule_time(row->at_ms, at), row->change) < 0) {
            after = NULL;
        }
        entry.after = after;
        result = after ? audit_append(s, &entry, &fault) : -1;
    }
    free(after);
    if (result != 0 || storage_commit(s, &fault) != 0) {
        storage_rollback(s);
        return admin_error_not_stored(error, &fault);
    }
    on_stored(k);
    return 0;
}

int schedule_keeper_add(struct schedule_keeper *k, const char *key, const char *at, json_t *set,
                        const struct admin_change *by, bool dry_run, int64_t *number,
                        struct admin_error *error)
{
    struct definition_state state;
    int64_t at_ms = 0;
    *number = 0;
    int result = operation_can_keep(&k->operations, error);
    if (result != 0) {
        return result;
    }
    result = kept_flag(k, key, &state, error);
    if (result == 0) {
        result = check_new(k, key, at, set, state.body, error);
    }
    definition_state_free(&state);
    if (result != 0 || dry_run) {
        return result;
    }
    schedule_parse_time(at, &at_ms);
    char *change_text = json_dumps(set, JSON_COMPACT);
    const struct storage_schedule row = {
        .kind = STORAGE_FLAG,
        .key = key,
        .at_ms = at_ms,
        .change = change_text,
        .author = by->actor,
        .authenticated = by->authenticated,
        .reason = by->reason,
        .created_ms = by->time_ms,
    };
    result = change_text
                 ? add_row(k, &row, by, number, error)
                 : admin_error_set(error, 503, "no_memory", NULL, "try again", "out of memory");
    free(change_text);
    return result;
}

static int on_one(void *arg, const struct storage_schedule *row)
{
    return copy_row(row, arg);
}

int schedule_keeper_cancel(struct schedule_keeper *k, const char *key, int64_t number,
                           const struct admin_change *by, bool dry_run, struct admin_error *error)
{
    struct storage *s = state_file_storage(k->operations.state);
    struct due due = {.texts = NULL};
    struct fault fault = {0};
    char result_text[160];
    int result;
    if (s && storage_schedule_get(s, number, on_one, &due, &fault) != 0) {
        *error = (struct admin_error){503, "storage_failed", fault};
        return -1;
    }
    snprintf(result_text, sizeof result_text, "cancelled by %.120s", by->actor);
    if (!due.texts || due.row.kind != STORAGE_FLAG || strcmp(due.row.key, key) != 0) {
        result = admin_error_set(error, 404, "not_found", "number",
                                 "GET " ADMIN_ROOT "/flags/{key}/schedule lists them",
                                 "the flag has no scheduled change %" PRId64, number);
    } else if (due.row.state != STORAGE_PENDING) {
        result = admin_error_set(error, 409, "not_pending", "number", NULL,
                                 "scheduled change %" PRId64 " is over", number);
    } else if (dry_run) {
        result = 0;
    } else {
        const struct finishing f = {&due.row, STORAGE_CANCELLED, by->time_ms, result_text};
        result = finish_alone(k, &f, by, error);
        on_stored(k);
    }
    free(due.texts);
    return result;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct schedule_keeper *schedule_keeper_new(struct event_base *base,
                                            const struct operations *operations,
                                            struct definition_keeper *definitions)
{
    struct schedule_keeper *k = calloc(1, sizeof *k);
    if (!k) {
        return NULL;
    }
    k->operations = *operations;
    k->definitions = definitions;
    k->started_ms = now_ms();
    k->clock = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    k->due = k->clock < 0 ? NULL : event_new(base, k->clock, EV_READ | EV_PERSIST, on_clock, k);
    if (!k->due || event_add(k->due, NULL) != 0) {
        schedule_keeper_free(k);
        return NULL;
    }
    definition_keeper_on_stored(definitions, on_stored, k);
    return k;
}

void schedule_keeper_free(struct schedule_keeper *k)
{
    if (!k) {
        return;
    }
    if (k->asks) {
        k->turns->leave(k->turns->arg, &k->turn);
    }
    if (k->due) {
        event_free(k->due);
    }
    if (k->clock >= 0) {
        close(k->clock);
    }
    free(k);
}

void schedule_keeper_start(struct schedule_keeper *k)
{
    k->started = true;
    run_due(k);
}
