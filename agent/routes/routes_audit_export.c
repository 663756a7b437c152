/*
 * GET /audit?format=ndjson: as fast as the client takes the lines, some of them at a time. What it
 * costs meanwhile is one batch.
 */
#include <stdlib.h>
#include <string.h>

#include "../admin/admin_stream.h"
#include "../admin/admin_work.h"
#include "../admin/audit_export.h"
#include "../admin/audit_reader.h"
#include "routes_audit_parts.h"

#define BATCH_BYTES (64u << 10) /* that wait for the client; or one line that is longer */

struct export
{
    struct routes_audit *routes;
    struct admin_stream *stream;
    struct admin_work work;
    struct audit_filters filters;
    struct audit_reader reader;
    struct audit_checkpoint head; /* the newest when it began */
    uint64_t entries;
};

static void export_free(struct export *x)
{
    x->routes->exports--;
    audit_filters_free(&x->filters);
    free(x);
}

enum sent { SENT, NO_ROOM, FAILED };

/* NO_ROOM: not before the client has taken what waits. FAILED: it is gone, or there is no memory.
 */
static int send_line(struct export *x, char *line, size_t length)
{
    const size_t waiting = admin_stream_waiting(x->stream);
    int result = FAILED;
    if (line && waiting > 0 && waiting + length > BATCH_BYTES) {
        result = NO_ROOM;
    } else if (line && admin_stream_line(x->stream, line, length) == 0) {
        result = SENT;
    }
    free(line);
    return result;
}

static int on_entry(void *arg, const struct storage_audit *e)
{
    struct export *x = arg;
    size_t length = 0;
    char *line = audit_export_line(e, &length);
    const int result = send_line(x, line, length);
    x->entries += result == SENT;
    return result;
}

static int send_last_line(struct export *x)
{
    const bool whole = !audit_filters_any(&x->filters);
    size_t length = 0;
    char *line = audit_export_last_line(&x->head, x->entries, whole, &length);
    return send_line(x, line, length);
}

/* Instead of the last line. */
static void send_fault(struct export *x, const struct fault *fault)
{
    char text[400];
    fault_text(fault, text, sizeof text);
    json_t *body = json_pack("{s:{s:s, s:s}}", "error", "code", "storage_failed", "message", text);
    char *line = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (line) {
        (void)admin_stream_line(x->stream, line, strlen(line));
    }
    free(line);
}

/* Some more lines. */
static bool export_step(void *arg)
{
    struct export *x = arg;
    struct storage *s = state_file_storage(x->routes->state);
    struct fault fault = {0};
    int result =
        s && !x->reader.done ? audit_reader_step(&x->reader, s, on_entry, x, &fault) : SENT;
    if (result == SENT && s && !x->reader.done) {
        return true;
    }
    if (result == SENT) {
        result = send_last_line(x);
    }
    if (result == NO_ROOM) {
        return false; /* until there is some */
    }
    if (result < 0) {
        send_fault(x, &fault);
    }
    admin_stream_end(x->stream);
    export_free(x);
    return false;
}

static void on_room(void *arg, struct admin_stream *stream)
{
    struct export *x = arg;
    (void)stream;
    admin_work_go(&x->work);
}

static void on_closed(void *arg)
{
    struct export *x = arg;
    admin_work_stop(&x->work);
    export_free(x);
}

/* What of it is left to do when the filters are taken over. */
static void begin(struct routes_audit *a, struct export *x, struct admin_answer *answer)
{
    const struct admin_stream_owner owner = {on_room, on_closed, x};
    audit_reader_begin(&x->reader, &x->filters.query, x->head.number);
    x->reader.done = x->head.number < 1;
    admin_work_init(&x->work, admin_server_works(a->server), export_step, x);
    a->exports++;
    x->stream = admin_stream_begin(answer, ADMIN_NDJSON, &owner);
    if (!x->stream) {
        export_free(x);
    }
}

void audit_export(struct routes_audit *a, struct audit_filters *f, struct admin_answer *answer)
{
    struct fault fault = {0};
    struct export *x = a->exports < AUDIT_EXPORTS_MOST ? calloc(1, sizeof *x) : NULL;
    if (!x) {
        audit_filters_free(f);
        audit_answer_busy(answer);
        return;
    }
    *x = (struct export){.routes = a, .filters = *f};
    if (audit_newest_to_keep(a, &x->head, &fault) != 0) {
        audit_filters_free(f);
        free(x);
        audit_answer_fault(answer, &fault);
        return;
    }
    begin(a, x, answer);
}
