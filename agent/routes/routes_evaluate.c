#include "routes_evaluate.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/admin_answer.h"
#include "../inspect/inspect_emit.h"
#include "../inspect/inspect_memory.h"
#include "../inspect/inspect_narrate.h"
#include "../inspect/inspect_overridden.h"
#include "../inspect/inspect_result.h"
#include "evaluate_limits.h"
#include "evaluate_question.h"

#define LIMIT 100
#define LIMIT_MOST 1000
#define ANSWER_MOST (16u << 20) /* bytes */
#define STEPS_MOST (4u << 20)   /* bytes of an explanation: 20 ms or so */
#define PAGE_BYTES (2u << 20)   /* after which a page ends */
#define PAGE_MS 50              /* the same in time: the agent does nothing else meanwhile */

/* ---- one evaluation ------------------------------------------------------------------------- */

static void answer_text(struct admin_answer *answer, struct memory *text, FILE *out)
{
    const bool whole = memory_close(text, out);
    if (whole) {
        admin_answer_bytes(answer, 200, "application/json", text->bytes, text->length);
    } else if (text->full) {
        admin_answer_refuse(answer, 422, "too_long",
                            "the answer is longer than %zu MiB; on the host, ffctl has no limit",
                            text->most >> 20);
    } else {
        admin_answer_refuse(answer, 503, "no_memory", "out of memory");
    }
    memory_free(text);
}

static void write_result(FILE *out, const struct ffshm_view *view, const char *flag,
                         const struct question *q)
{
    const struct ffshm_result r = ffshm_evaluate(view, flag, &q->who);
    result_object(out, flag, &r, q->fallback, q->fallback_length, overridden_why(view, flag));
}

static bool shows(void *arg, const struct image_blob *blob)
{
    return limits_show(arg, blob);
}

static void write_explanation(FILE *out, const struct ffshm_view *view, const struct question *q,
                              const struct admin_actor *actor)
{
    const struct narrate_question question = {
        .flag = q->flag,
        .who = &q->who,
        .fallback = q->fallback,
        .fallback_length = q->fallback_length,
        .shows = actor->limits ? shows : NULL,
        .arg = (void *)(uintptr_t)actor,
    };
    narrate_object(out, view, &question);
}

/* ---- several -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Writes the evaluations until there is enough for one answer. The number that was written: one at
   least. */
static size_t write_some(FILE *out, const struct memory *text, const struct ffshm_view *view,
                         const char *const *keys, size_t count, const struct question *q)
{
    const int64_t until_ms = now_ms() + PAGE_MS;
    size_t done = 0;
    while (done < count) {
        emit_text(out, done ? "," : "");
        write_result(out, view, keys[done++], q);
        if (now_ms() > until_ms || memory_length(text, out) > PAGE_BYTES) {
            break;
        }
    }
    return done;
}

static void answer_many(struct admin_answer *answer, const struct ffshm_view *view,
                        const char *const *keys, size_t count, bool more, const struct question *q)
{
    struct memory text;
    FILE *const out = memory_open(&text, ANSWER_MOST);
    if (!out) {
        admin_answer_refuse(answer, 503, "no_memory", "out of memory");
        return;
    }
    emit_text(out, "{\"items\":[");
    const size_t done = write_some(out, &text, view, keys, count, q);
    emit_text(out, "],\"next\":");
    if (more || done < count) {
        emit_quoted(out, keys[done - 1]);
    } else {
        emit_text(out, "null");
    }
    emit_text(out, "}");
    answer_text(answer, &text, out);
}

/* The first keys behind `after`, in the order of their bytes. */
struct page {
    const struct ffshm_view *view;
    const struct admin_actor *actor;
    const char *after; /* NULL: from the first */
    const char **keys; /* a heap, the last one of them first */
    size_t count;
    size_t room;
};

static void swap(const char **a, const char **b)
{
    const char *const was = *a;
    *a = *b;
    *b = was;
}

static void sink(struct page *p)
{
    for (size_t at = 0;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < p->count; child++) {
            last = strcmp(p->keys[child], p->keys[last]) > 0 ? child : last;
        }
        if (last == at) {
            return;
        }
        swap(&p->keys[at], &p->keys[last]);
        at = last;
    }
}

static void rise(struct page *p)
{
    for (size_t at = p->count - 1; at > 0; at = (at - 1) / 2) {
        if (strcmp(p->keys[at], p->keys[(at - 1) / 2]) <= 0) {
            return;
        }
        swap(&p->keys[at], &p->keys[(at - 1) / 2]);
    }
}

static bool on_flag(void *arg, const struct ffshm_flag_info *info)
{
    struct page *const p = arg;
    const bool full = p->count == p->room;
    if ((p->after && strcmp(info->key, p->after) <= 0) ||
        (full && strcmp(info->key, p->keys[0]) >= 0) ||
        (p->actor->limits && !limits_show_key(p->actor, p->view, info->key))) {
        return true;
    }
    if (full) {
        p->keys[0] = info->key;
        sink(p);
    } else {
        p->keys[p->count++] = info->key;
        rise(p);
    }
    return true;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void answer_all(struct admin_request *request, struct admin_answer *answer,
                       const struct ffshm_view *view, const struct question *q)
{
    struct admin_error error = {0};
    int64_t limit = LIMIT;
    if (admin_request_number(request, "limit", 1, LIMIT_MOST, &limit, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    struct page page = {
        .view = view,
        .actor = request->actor,
        .after = admin_request_parameter(request, "after"),
        .room = (size_t)limit + 1, /* is there more? */
    };
    page.keys = calloc(page.room, sizeof *page.keys);
    if (!page.keys) {
        admin_answer_refuse(answer, 503, "no_memory", "out of memory");
        return;
    }
    ffshm_each(view, on_flag, &page);
    qsort(page.keys, page.count, sizeof *page.keys, by_key);
    const bool more = page.count > (size_t)limit;
    answer_many(answer, view, page.keys, more ? (size_t)limit : page.count, more, q);
    free(page.keys);
}

/* ---- routes --------------------------------------------------------------------------------- */

static void answer_one(struct admin_request *request, struct admin_answer *answer,
                       const struct ffshm_view *view, const struct question *q, bool explains)
{
    struct memory text;
    if (!limits_allow(view, q->flag, request, answer)) {
        return;
    }
    FILE *const out = memory_open(&text, explains ? STEPS_MOST : ANSWER_MOST);
    if (!out) {
        admin_answer_refuse(answer, 503, "no_memory", "out of memory");
        return;
    }
    if (explains) {
        write_explanation(out, view, q, request->actor);
    } else {
        write_result(out, view, q->flag, q);
    }
    answer_text(answer, &text, out);
}

static void answer_named(struct admin_request *request, struct admin_answer *answer,
                         const struct ffshm_view *view, const struct question *q)
{
    const char *keys[QUESTION_FLAGS];
    const size_t count = json_array_size(q->flags);
    for (size_t i = 0; i < count; i++) {
        keys[i] = json_string_value(json_array_get(q->flags, i));
        if (!limits_allow(view, keys[i], request, answer)) {
            return;
        }
    }
    answer_many(answer, view, keys, count, false, q);
}

static void answer(struct evaluate_store *store, struct admin_request *request,
                   struct admin_answer *a, bool explains)
{
    struct question q;
    struct ffshm_view view = {NULL, NULL};
    struct admin_error error = {0};
    if (question_read(&q, request, !explains, &error) != 0 ||
        evaluate_store_pin(store, q.has_at ? &q.at : NULL, &view, &error) != 0) {
        admin_answer_error(a, &error);
    } else if (q.flag) {
        answer_one(request, a, &view, &q, explains);
    } else if (q.flags) {
        answer_named(request, a, &view, &q);
    } else {
        answer_all(request, a, &view, &q);
    }
    ffshm_unpin(&view);
    question_free(&q);
}

static void evaluate_flags(void *arg, struct admin_request *request, struct admin_answer *a)
{
    answer(arg, request, a, false);
}

static void explain_flag(void *arg, struct admin_request *request, struct admin_answer *a)
{
    answer(arg, request, a, true);
}

static const struct admin_parameter_info evaluate_parameters[] = {
    {"limit", "Of all flags: how many in one answer, 1 to 1000; 100 when not given"},
    {"after", "Of all flags: the key that `next` has told: the flags behind it"},
    {NULL, NULL},
};

static const struct admin_route routes[] = {
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/evaluate",
     .least = ADMIN_ROLE_VIEWER,
     .handler = evaluate_flags,
     .summary = "What `flag` gives for `context`, and why; or each of `flags`, or all flags; now, "
                "or `at` a generation or time that is retained. Nothing of it is counted",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = QUESTION_BODY,
     .parameters = evaluate_parameters},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/explain",
     .least = ADMIN_ROLE_VIEWER,
     .handler = explain_flag,
     .summary = "The same of one flag, with every step of the evaluation",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = QUESTION_BODY_ONE},
};

int routes_evaluate_add(struct evaluate_store *store, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, store);
}
