/*
 * A backup is told to the trail before its first page is copied, for it has all that the file has;
 * so the copy has that entry, too. One that fails is told as well. Its end waits for the disk,
 * once.
 */
#include "routes_backup.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../admin/admin_answer.h"
#include "../admin/admin_later.h"
#include "../admin/admin_work.h"
#include "../admin/audit_export.h"
#include "../log.h"

#define PAGES_AT_ONCE 32 /* of 4 KiB: some 200 us */

struct backup {
    struct routes_backup *routes;
    struct admin_later *later;
    struct admin_work work;
    struct storage_backup *copy;
    char *file;
    char actor[ADMIN_ACTOR]; /* who asked for it, for the trail */
    char authenticated[64];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the trail ------------------------------------------------------------------------------ */

static int append(struct storage *s, struct storage_audit *entry, struct fault *fault)
{
    if (storage_begin_durable(s, fault) != 0) {
        return -1;
    }
    if (audit_append(s, entry, fault) == 0 && storage_commit(s, fault) == 0) {
        return 0;
    }
    storage_rollback(s);
    return -1;
}

static int tell_begun(const struct routes_backup *routes, const char *file,
                      const struct admin_request *r, struct fault *fault)
{
    const struct admin_change by = admin_request_change(r, "storage.backup");
    struct storage_audit entry = {
        .time_ms = by.time_ms,
        .actor = by.actor,
        .authenticated = by.authenticated,
        .action = by.action,
        .target = file,
        .reason = by.reason,
    };
    struct storage *own = state_file_make(routes->own, fault);
    LOG_EVENT(LOG_LEVEL_WARNING, "backup-begun", log_text("file", file),
              log_text("actor", by.actor));
    return own ? append(own, &entry, fault) : -1;
}

/* The log is told in any case. */
static void tell_failed(const struct backup *b, const char *why)
{
    struct storage *s = state_file_storage(b->routes->own);
    json_t *body = json_pack("{s:s}", "cause", why);
    char *after = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct storage_audit entry = {
        .time_ms = now_ms(),
        .actor = b->actor,
        .authenticated = b->authenticated,
        .action = "storage.backup-failed",
        .target = b->file,
        .after = after,
    };
    LOG_EVENT(LOG_LEVEL_ERROR, "backup-failed", log_text("file", b->file), log_text("cause", why));
    if (s) {
        (void)append(s, &entry, NULL);
    }
    free(after);
    json_decref(body);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void backup_free(struct backup *b)
{
    b->routes->runs = false;
    storage_backup_end(b->copy);
    free(b->file);
    free(b);
}

static void on_gone(void *arg)
{
    struct backup *b = arg;
    admin_work_stop(&b->work);
    tell_failed(b, "nobody waits for it any more");
    backup_free(b);
}

static void answer_done(const struct backup *b, struct admin_answer *answer)
{
    struct audit_checkpoint head = {.number = 0};
    char hash[AUDIT_HASH_TEXT];
    struct stat st = {.st_size = 0};
    /* Nothing happened since the last page: it is the newest one in the copy, too. */
    (void)audit_checkpoint(state_file_storage(b->routes->state), &head, NULL);
    (void)stat(b->file, &st);
    audit_hash_text(head.hash, hash);
    LOG_EVENT(LOG_LEVEL_INFO, "backup-made", log_text("file", b->file),
              log_number("bytes", (int64_t)st.st_size));
    admin_answer_json(answer, 200,
                      json_pack("{s:s, s:I, s:{s:I, s:s}, s:b}", "file", b->file, "bytes",
                                (json_int_t)st.st_size, "head", "number", (json_int_t)head.number,
                                "hash", hash, "dryRun", 0));
}

static bool backup_step(void *arg)
{
    struct backup *b = arg;
    struct fault fault = {0};
    bool more = true;
    const int result = storage_backup_step(b->copy, PAGES_AT_ONCE, &more, &fault);
    if (result == 0 && more) {
        return true;
    }
    if (result == 0) {
        answer_done(b, admin_later_answer(b->later));
    } else {
        char text[400];
        fault_text(&fault, text, sizeof text);
        tell_failed(b, text);
        admin_answer_refuse(admin_later_answer(b->later), 503, "backup_failed", "%s", text);
    }
    admin_later_end(b->later);
    backup_free(b);
    return false;
}

/* ---- POST /backup --------------------------------------------------------------------------- */

/* false: it is not there (yet). */
static bool find_directory(const char *file, char found[PATH_MAX])
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s/", (int)(strrchr(file, '/') - file), file);
    return realpath(directory, found) != NULL;
}

/* What is made there is the publisher's. */
static bool is_in_store(const struct routes_backup *routes, const char *file)
{
    char directory[PATH_MAX];
    char store[PATH_MAX];
    return find_directory(file, directory) && realpath(routes->dir, store) &&
           strcmp(directory, store) == 0;
}

/* NULL: refused, with *error. */
static const char *take_file(const struct routes_backup *routes, const struct admin_request *r,
                             struct admin_error *error)
{
    static const char *const members[] = {"file", NULL};
    const char *hint = "";
    const char *cause = NULL;
    const char *file = NULL;
    if (admin_request_members(r, members, error) != 0 ||
        !(file = admin_request_string(r, "file", PATH_MAX - 16, true, error))) {
        return NULL;
    }
    for (const char *c = file; *c; c++) {
        cause = (unsigned char)*c < 0x20 || *c == 0x7f ? "has a control character" : cause;
    }
    if (*file != '/') {
        cause = "must be an absolute path";
        hint = "it is the agent that writes the file, on its host";
    } else if (!cause && is_in_store(routes, file)) {
        cause = "is in the store's directory";
        hint = "name another directory, of the agent's user alone";
    }
    if (cause) {
        admin_error_set(error, 422, "invalid", "file", hint, "%s", cause);
        admin_request_locate(r, &error->fault);
        return NULL;
    }
    return file;
}

/* What is wrong with the file is the request's fault. NULL: refused, with *error. */
static struct storage_backup *begin_copy(struct storage *s, const char *file,
                                         const struct admin_request *r, struct admin_error *error)
{
    struct fault fault = {0};
    struct storage_backup *copy = storage_backup_begin(s, file, &fault);
    if (!copy) {
        fault.file[0] = '\0';
        admin_error_set(error, 422, "invalid", "file", fault.hint, "%s", fault.cause);
        admin_request_locate(r, &error->fault);
    }
    return copy;
}

/* Takes the copy over. */
static void begin(struct routes_backup *routes, struct storage_backup *copy, const char *file,
                  const struct admin_request *r, struct admin_answer *answer)
{
    struct admin_error error = {0};
    struct fault fault = {0};
    struct backup *b = calloc(1, sizeof *b);
    char *kept = strdup(file);
    if (!b || !kept || tell_begun(routes, file, r, &fault) != 0) {
        if (fault.cause[0]) {
            admin_error_not_stored(&error, &fault);
        } else {
            admin_error_set(&error, 503, "no_memory", NULL, "try again", "out of memory");
        }
        admin_answer_error(answer, &error);
        storage_backup_end(copy);
        free(kept);
        free(b);
        return;
    }
    routes->runs = true;
    *b = (struct backup){.routes = routes, .copy = copy, .file = kept};
    snprintf(b->actor, sizeof b->actor, "%s", r->actor->name);
    snprintf(b->authenticated, sizeof b->authenticated, "%s", r->actor->authenticated);
    admin_work_init(&b->work, admin_server_works(routes->server), backup_step, b);
    b->later = admin_later_begin(answer, on_gone, b);
    admin_work_go(&b->work);
}

/* Whether it could be made, as far as that can be told without making anything. */
static void answer_dry(struct storage *s, const char *file, const struct admin_request *r,
                       struct admin_answer *answer)
{
    struct admin_error error = {0};
    char directory[PATH_MAX];
    struct storage_backup *copy = NULL;
    if (find_directory(file, directory) && !(copy = begin_copy(s, file, r, &error))) {
        admin_answer_error(answer, &error);
        return;
    }
    storage_backup_end(copy);
    admin_answer_json(answer, 200, json_pack("{s:s, s:b}", "file", file, "dryRun", 1));
}

/* What is to be copied, and *file. NULL: refused, with *error. */
static struct storage *prepare(const struct routes_backup *routes, const struct admin_request *r,
                               const char **file, struct admin_error *error)
{
    struct fault fault = {0};
    *file = take_file(routes, r, error);
    if (!*file || admin_request_check_match(r, NULL, error) != 0) {
        return NULL;
    }
    if (routes->runs) {
        admin_error_set(error, 503, "too_busy", NULL, "try again", "another backup is being made");
        return NULL;
    }
    struct storage *s = state_file_make(routes->state, &fault);
    if (!s) {
        admin_error_not_stored(error, &fault);
    }
    return s;
}

static void back_up(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    struct routes_backup *routes = arg;
    struct admin_error error = {0};
    const char *file;
    if (!admin_answer_unlimited(answer, r)) {
        return;
    }
    struct storage *s = prepare(routes, r, &file, &error);
    if (s && r->dry_run) {
        answer_dry(s, file, r, answer);
        return;
    }
    struct storage_backup *copy = s ? begin_copy(s, file, r, &error) : NULL;
    if (copy) {
        begin(routes, copy, file, r, answer);
    } else {
        admin_answer_error(answer, &error);
    }
}

static const struct admin_route routes[] = {
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/backup",
     .least = ADMIN_ROLE_ADMIN,
     .handler = back_up,
     .summary = "Copy the state file into `file`, a new one on the agent's host (an absolute path, "
                "in a directory of the agent's user alone); answered when it is on the disk",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = 16u << 10,
     .changes = true,
     .urgent = true},
};

int routes_backup_add(struct routes_backup *b)
{
    return admin_server_add(b->server, routes, sizeof routes / sizeof *routes, b);
}
