#include "routes_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../admin/admin_later.h"
#include "../admin/admin_time.h"
#include "../admin/admin_work.h"
#include "../admin/audit_export.h"
#include "../admin/audit_reader.h"
#include "routes_audit_parts.h"

#define LIMIT 100
#define LIMIT_MOST 1000
#define PAGE_BYTES (512u << 10) /* of documents; a page that has more is shorter than `limit` */

/* ---- what the routes share ------------------------------------------------------------------ */

int audit_filters_take(struct audit_filters *f, const struct admin_request *r,
                       struct admin_error *error)
{
    static const char *const names[] = {"actor", "action", "target"};
    *f = (struct audit_filters){.query = {.limit = 0}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = admin_request_parameter(r, names[i]);
        f->texts[i] = text ? strdup(text) : NULL;
        if (text && !f->texts[i]) {
            return admin_error_set(error, 503, "no_memory", NULL, "try again", "out of memory");
        }
    }
    f->query.actor = f->texts[0];
    f->query.action = f->texts[1];
    f->query.target = f->texts[2];
    return admin_request_time(r, "from", &f->query.from_ms, error) == 0 &&
                   admin_request_time(r, "to", &f->query.to_ms, error) == 0 &&
                   admin_request_number(r, "after", 1, INT64_MAX, &f->query.after, error) == 0
               ? 0
               : -1;
}

void audit_filters_free(struct audit_filters *f)
{
    for (size_t i = 0; i < sizeof f->texts / sizeof *f->texts; i++) {
        free(f->texts[i]);
    }
    *f = (struct audit_filters){.query = {.limit = 0}};
}

bool audit_filters_any(const struct audit_filters *f)
{
    const struct storage_audit_query *q = &f->query;
    return q->actor || q->action || q->target || q->from_ms || q->to_ms || q->after;
}

int audit_newest_to_keep(struct routes_audit *a, struct audit_checkpoint *head, struct fault *fault)
{
    struct storage *s = state_file_storage(a->state);
    *head = (struct audit_checkpoint){.number = 0};
    if (!s) {
        return 0;
    }
    if (audit_checkpoint(s, head, fault) != 0 ||
        (head->number > a->synced && storage_sync(s, fault) != 0)) {
        return -1;
    }
    a->synced = head->number;
    return 0;
}

void audit_answer_fault(struct admin_answer *answer, const struct fault *fault)
{
    char text[400];
    fault_text(fault, text, sizeof text);
    admin_answer_refuse(answer, 503, "storage_failed", "the trail cannot be read: %s", text);
}

void audit_answer_busy(struct admin_answer *answer)
{
    admin_answer_refuse(answer, 503, "too_busy", "too many are reading the trail; try again");
}

/* ---- a page --------------------------------------------------------------------------------- */

struct page {
    struct routes_audit *routes;
    struct admin_later *later;
    struct admin_work work;
    struct audit_filters filters;
    struct audit_reader reader;
    json_t *items;
    size_t limit;
    size_t bytes;
    int64_t next; /* 0: there are no more */
};

/* What is not JSON (somebody has written the file) is told as a string; none as null. */
static json_t *json_of(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : json_null();
    return value ? value : json_string(text);
}

static json_t *describe(const struct storage_audit *e)
{
    char hash[AUDIT_HASH_TEXT];
    char previous[AUDIT_HASH_TEXT];
    audit_hash_text(e->hash, hash);
    audit_hash_text(e->previous, previous);
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:s?, s:s?, s:s, s:s}", "number",
                     (json_int_t)e->number, "timeMs", (json_int_t)e->time_ms, "actor", e->actor,
                     "authenticated", e->authenticated, "action", e->action, "target", e->target,
                     "before", json_of(e->before), "after", json_of(e->after), "reason", e->reason,
                     "digest", e->digest, "previous", previous, "hash", hash);
}

static int on_entry(void *arg, const struct storage_audit *e)
{
    struct page *p = arg;
    if (json_array_size(p->items) == p->limit || p->bytes > PAGE_BYTES) {
        p->next = p->reader.query.after;
        return 1;
    }
    json_t *item = e->malformed ? NULL : describe(e);
    if (!item) { /* a row that nobody can have written: no text of it can be relied on */
        item = json_pack("{s:I, s:b}", "number", (json_int_t)e->number, "malformed", 1);
    }
    p->bytes += (e->before ? strlen(e->before) : 0) + (e->after ? strlen(e->after) : 0);
    return json_array_append_new(p->items, item);
}

static void page_free(struct page *p)
{
    p->routes->lists--;
    json_decref(p->items);
    audit_filters_free(&p->filters);
    free(p);
}

static void page_gone(void *arg)
{
    struct page *p = arg;
    admin_work_stop(&p->work);
    page_free(p);
}

/* The page is whole when there are enough entries, or no more. */
static bool page_step(void *arg)
{
    struct page *p = arg;
    struct storage *s = state_file_storage(p->routes->state);
    struct fault fault = {0};
    const int result = s ? audit_reader_step(&p->reader, s, on_entry, p, &fault) : 1;
    if (result == 0 && !p->reader.done) {
        return true;
    }
    struct admin_answer *answer = admin_later_answer(p->later);
    if (result < 0) {
        audit_answer_fault(answer, &fault);
    } else {
        admin_answer_json(answer, 200,
                          json_pack("{s:O, s:o}", "items", p->items, "next",
                                    p->next ? json_integer(p->next) : json_null()));
    }
    admin_later_end(p->later);
    page_free(p);
    return false;
}

/* Takes the filters over. */
static void begin_page(struct routes_audit *a, struct audit_filters *f, size_t limit,
                       struct admin_answer *answer)
{
    struct page *p = a->lists < AUDIT_LISTS_MOST ? calloc(1, sizeof *p) : NULL;
    json_t *items = p ? json_array() : NULL;
    if (!items) {
        free(p);
        audit_filters_free(f);
        audit_answer_busy(answer);
        return;
    }
    a->lists++;
    *p = (struct page){.routes = a, .filters = *f, .items = items, .limit = limit};
    p->filters.query.backward = true;
    audit_reader_begin(&p->reader, &p->filters.query, 0);
    admin_work_init(&p->work, admin_server_works(a->server), page_step, p);
    p->later = admin_later_begin(answer, page_gone, p);
    if (page_step(p)) {
        admin_work_go(&p->work);
    }
}

/* ---- GET /audit ----------------------------------------------------------------------------- */

/* The parameter wins over the header, of which only the first type counts. */
static int wants_lines(const struct admin_request *r, bool *lines, struct admin_error *error)
{
    const char *media = admin_media_name(ADMIN_NDJSON);
    const char *format = admin_request_parameter(r, "format");
    const char *accept = admin_head_value(r->head, "Accept");
    *lines = format ? strcmp(format, "ndjson") == 0
                    : accept && strncasecmp(accept, media, strlen(media)) == 0;
    if (format && !*lines && strcmp(format, "json") != 0) {
        return admin_error_set(error, 400, "invalid_parameter", "format", NULL,
                               "must be json or ndjson, not \"%.32s\"", format);
    }
    if (*lines && admin_request_parameter(r, "limit")) {
        return admin_error_set(error, 400, "invalid_parameter", "limit", "leave it out",
                               "an export has all entries");
    }
    return 0;
}

static void list(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct routes_audit *a = arg;
    struct admin_error error = {0};
    struct audit_filters filters;
    int64_t limit = LIMIT;
    bool lines = false;
    if (!admin_answer_unlimited(answer, request)) {
        return; /* entries have whole definitions, of whatever flag */
    }
    if (audit_filters_take(&filters, request, &error) != 0 ||
        wants_lines(request, &lines, &error) != 0 ||
        admin_request_number(request, "limit", 1, LIMIT_MOST, &limit, &error) != 0) {
        audit_filters_free(&filters);
        admin_answer_error(answer, &error);
    } else if (lines) {
        audit_export(a, &filters, answer);
    } else {
        begin_page(a, &filters, (size_t)limit, answer);
    }
}

static const struct admin_parameter_info list_parameters[] = {
    {"limit", "Entries in one answer: 1 to 1000; 100 when not given. Fewer come where they are "
              "large: `next` tells"},
    {"after", "The number that `next` has told: the entries older than that; of ndjson: newer"},
    {"actor", "Only of this one"},
    {"action", "Only such: flag.kill, token.create"},
    {"target", "Only of this flag, or token"},
    {"from", "Only of this time or later: RFC 3339, or milliseconds since 1970"},
    {"to", "Only of before this time"},
    {"format", "json; or ndjson, an export: all entries, oldest first, one a line, each with all "
               "that its hash covers, and a last line with the newest entry's hash. Accept: "
               "application/x-ndjson does the same"},
    {NULL, NULL},
};

static const struct admin_parameter_info verify_parameters[] = {
    {"number", "Of an entry whose hash was kept: it must be there, and have that hash"},
    {"hash", "The hash that was kept, 64 hexadecimal digits"},
    {NULL, NULL},
};

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/audit",
     .least = ADMIN_ROLE_VIEWER,
     .handler = list,
     .summary = "Who did what to what, and why; newest first",
     .offers = ADMIN_NDJSON,
     .parameters = list_parameters},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/audit/verify",
     .least = ADMIN_ROLE_VIEWER,
     .handler = audit_verify_all,
     .summary = "Is every entry what it was? `bad`: the first that is not",
     .parameters = verify_parameters},
};

int routes_audit_add(struct routes_audit *a)
{
    return admin_server_add(a->server, routes, sizeof routes / sizeof *routes, a);
}
