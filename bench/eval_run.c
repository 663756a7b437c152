#include "eval_run.h"

#include <stdlib.h>
#include <string.h>

#include "bench_collector.h"

#define CROWD 4096u
#define READ_EVERY 1024u /* calls; a ring holds more events */

const char *const eval_by_names[] = {"key", "handle", "view"};
const char *const eval_who_names[] = {"prepared", "rebuilt", "crowd"};

static uint64_t sink; /* so that no result is unused */

/* ---- the place ----------------------------------------------------------------------------- */

static bool gives(struct eval_place *p, const struct bench_case *c)
{
    char text[128];
    struct ffshm_detail d;
    const struct ffshm_context *who = &p->contexts[c->context];
    switch (c->type) {
    case BENCH_BOOLEAN:
        snprintf(text, sizeof text, "%s",
                 ffshm_bool_detail(p->ff, c->flag, who, false, &d) ? "true" : "false");
        break;
    case BENCH_STRING:
        text[0] = '"';
        strcat(text + 1 + ffshm_string_detail(p->ff, c->flag, who, "", text + 1, 100, &d), "\"");
        break;
    case BENCH_JSON:
        (void)ffshm_json_detail(p->ff, c->flag, who, "null", text, sizeof text, &d);
        break;
    case BENCH_ALL_FLAGS:
        return ffshm_all_flags_json(&p->view, who, 0, p->text, p->text_size) < p->text_size;
    }
    const bool unknown = strcmp(c->name, "unknown-flag") == 0;
    const bool good = (d.variation >= 0) != unknown && (!c->value || strcmp(text, c->value) == 0);
    if (!good) {
        fprintf(stderr, "ffbench: %s: gives %s instead of %s\n", c->name, text,
                c->value ? c->value : "a variation");
    }
    return good;
}

static void shuffle(struct eval_place *p)
{
    uint64_t random = 1; /* the same each time */
    for (unsigned i = 0; i < p->fillers; i++) {
        bench_filler_key(p->filler_keys[i], i);
    }
    for (unsigned i = p->fillers - 1; i > 0; i--) {
        char key[24];
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const unsigned j = (unsigned)((random >> 33) % (i + 1));
        memcpy(key, p->filler_keys[i], sizeof key);
        memcpy(p->filler_keys[i], p->filler_keys[j], sizeof key);
        memcpy(p->filler_keys[j], key, sizeof key);
    }
    for (unsigned i = 0; i < p->fillers; i++) {
        p->filler_handles[i] = (struct ffshm_flag)FFSHM_FLAG(p->filler_keys[i]);
    }
}

bool eval_place_open(struct eval_place *p, const char *store, const struct bench_set *set)
{
    const unsigned fillers = bench_filler_count(set);
    *p = (struct eval_place){
        .fillers = fillers,
        .filler_keys = calloc(fillers, sizeof *p->filler_keys),
        .filler_handles = calloc(fillers, sizeof *p->filler_handles),
        .handles = calloc(bench_case_count, sizeof *p->handles),
        .crowd = calloc(CROWD, sizeof *p->crowd),
        .crowd_keys = calloc(CROWD, sizeof *p->crowd_keys),
        .text_size = (size_t)set->flags * 256,
        .ff = ffshm_open(store, NULL),
    };
    p->text = malloc(p->text_size);
    if (!p->filler_keys || !p->filler_handles || !p->handles || !p->crowd || !p->crowd_keys ||
        !p->text) {
        fprintf(stderr, "ffbench: out of memory for %u flags\n", set->flags);
        return false;
    }
    if (!p->ff) {
        fprintf(stderr, "ffbench: %s: ffshm_open gives NULL: out of memory, or of threads\n",
                store);
        return false;
    }
    shuffle(p);
    for (unsigned i = 0; i < CROWD; i++) {
        snprintf(p->crowd_keys[i], sizeof *p->crowd_keys, "user-key-%06u", i);
        ffshm_context_init(&p->crowd[i], "user", p->crowd_keys[i]);
    }
    for (unsigned i = 0; i < BENCH_CONTEXTS; i++) {
        bench_context_build(&p->contexts[i], (enum bench_context)i);
    }
    ffshm_pin(p->ff, &p->view);
    bool good = true;
    for (unsigned i = 0; good && i < bench_case_count; i++) {
        p->handles[i] = (struct ffshm_flag)FFSHM_FLAG(bench_cases[i].flag);
        good = gives(p, &bench_cases[i]);
    }
    return good;
}

void eval_place_close(struct eval_place *p)
{
    if (p->ff) {
        ffshm_unpin(&p->view);
        ffshm_close(p->ff);
    }
    free(p->filler_keys);
    free(p->filler_handles);
    free(p->handles);
    free(p->crowd);
    free(p->crowd_keys);
    free(p->text);
}

/* ---- the loops ----------------------------------------------------------------------------- */

/* n times; `who` is the context, `i` the number of the call. */
#define EACH(expression)                                                                           \
    for (unsigned i = 0; i < n; i++) {                                                             \
        sink += (uint64_t)(expression);                                                            \
    }
#define EACH_WHO(expression)                                                                       \
    if (job->who == EVAL_PREPARED) {                                                               \
        const struct ffshm_context *who = &p->contexts[c->context];                                \
        EACH(expression)                                                                           \
    } else if (job->who == EVAL_REBUILT) {                                                         \
        for (unsigned i = 0; i < n; i++) {                                                         \
            struct ffshm_context built;                                                            \
            const struct ffshm_context *who = &built;                                              \
            bench_context_build(&built, c->context);                                               \
            sink += (uint64_t)(expression);                                                        \
        }                                                                                          \
    } else {                                                                                       \
        for (unsigned i = 0; i < n; i++) {                                                         \
            const struct ffshm_context *who = &p->crowd[i % CROWD];                                \
            sink += (uint64_t)(expression);                                                        \
        }                                                                                          \
    }

static void run_boolean(struct eval_place *p, const struct eval_job *job, unsigned n)
{
    const struct bench_case *c = job->of;
    struct ffshm_flag *handle = &p->handles[c - bench_cases];
    switch (job->by) {
    case EVAL_KEY:
        EACH_WHO(ffshm_bool(p->ff, c->flag, who, false))
        break;
    case EVAL_HANDLE:
        EACH_WHO(ffshm_flag_bool(p->ff, handle, who, false))
        break;
    case EVAL_VIEW:
        EACH_WHO(ffshm_evaluate(&p->view, c->flag, who).boolean)
        break;
    }
}

static void run_string(struct eval_place *p, const struct eval_job *job, unsigned n)
{
    char text[32];
    const struct bench_case *c = job->of;
    struct ffshm_flag *handle = &p->handles[c - bench_cases];
    switch (job->by) {
    case EVAL_KEY:
        EACH_WHO(ffshm_string(p->ff, c->flag, who, "", text, sizeof text))
        break;
    case EVAL_HANDLE:
        EACH_WHO(ffshm_flag_string(p->ff, handle, who, "", text, sizeof text))
        break;
    case EVAL_VIEW:
        EACH_WHO(ffshm_evaluate(&p->view, c->flag, who).string_length)
        break;
    }
}

static void run_json(struct eval_place *p, const struct eval_job *job, unsigned n)
{
    char text[128];
    const struct bench_case *c = job->of;
    struct ffshm_flag *handle = &p->handles[c - bench_cases];
    switch (job->by) {
    case EVAL_KEY:
        EACH_WHO(ffshm_json(p->ff, c->flag, who, "null", text, sizeof text))
        break;
    case EVAL_HANDLE:
        EACH_WHO(ffshm_flag_json(p->ff, handle, who, "null", text, sizeof text))
        break;
    case EVAL_VIEW:
        EACH_WHO(ffshm_evaluate(&p->view, c->flag, who).json_length)
        break;
    }
}

static void run_all_flags(struct eval_place *p, const struct eval_job *job, unsigned n)
{
    const struct bench_case *c = job->of;
    EACH_WHO(ffshm_all_flags_json(&p->view, who, 0, p->text, p->text_size))
}

static void run_random(struct eval_place *p, const struct eval_job *job, unsigned n)
{
    static unsigned at; /* goes on where it was, so that a run sees all of them */
    const struct ffshm_context *who = &p->contexts[BENCH_USER];
    for (unsigned i = 0; i < n; i++) {
        at = at + 1 < p->fillers ? at + 1 : 0;
        switch (job->by) {
        case EVAL_KEY:
            sink += ffshm_bool(p->ff, p->filler_keys[at], who, false);
            break;
        case EVAL_HANDLE:
            sink += ffshm_flag_bool(p->ff, &p->filler_handles[at], who, false);
            break;
        case EVAL_VIEW:
            sink += ffshm_evaluate(&p->view, p->filler_keys[at], who).boolean;
            break;
        }
    }
}

static void run(struct eval_place *p, const struct eval_job *job, unsigned n)
{
    static void (*const runs[])(struct eval_place *, const struct eval_job *, unsigned) = {
        [BENCH_BOOLEAN] = run_boolean,
        [BENCH_STRING] = run_string,
        [BENCH_JSON] = run_json,
        [BENCH_ALL_FLAGS] = run_all_flags,
    };
    if (job->of) {
        runs[job->of->type](p, job, n);
    } else {
        run_random(p, job, n);
    }
}

void eval_run(struct eval_place *p, const struct eval_job *job, unsigned n, bool read)
{
    while (read && n > READ_EVERY) {
        run(p, job, READ_EVERY);
        bench_collector_read();
        n -= READ_EVERY;
    }
    run(p, job, n);
    if (read) {
        bench_collector_read();
    }
}
