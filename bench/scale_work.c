#include "scale_work.h"

static uint64_t evaluate_one(struct eval_place *p, const struct scale_job *job, unsigned n)
{
    const struct ffshm_context *who = &p->contexts[job->of->context];
    struct ffshm_flag *handle = &p->handles[job->of - bench_cases];
    uint64_t sum = 0;
    if (job->by == EVAL_KEY) {
        for (unsigned i = 0; i < n; i++) {
            sum += ffshm_bool(p->ff, job->of->flag, who, false);
        }
    } else {
        for (unsigned i = 0; i < n; i++) {
            sum += ffshm_flag_bool(p->ff, handle, who, false);
        }
    }
    return sum;
}

static uint64_t evaluate_random(struct eval_place *p, const struct scale_job *job,
                                struct scale_state *s, unsigned n)
{
    const struct ffshm_context *who = &p->contexts[BENCH_USER];
    unsigned at = s->at;
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        at = at + 1 < p->fillers ? at + 1 : 0;
        sum += job->by == EVAL_KEY ? ffshm_bool(p->ff, p->filler_keys[at], who, false)
                                   : ffshm_flag_bool(p->ff, &p->filler_handles[at], who, false);
    }
    s->at = at;
    return sum;
}

/* About as long as an evaluation, and as busy. */
static uint64_t mix(struct scale_state *s, unsigned n)
{
    uint64_t sum = s->sum;
    for (unsigned i = 0; i < n; i++) {
        uint64_t *const own = &s->own[(size_t)i % 4 * 16];
        for (unsigned k = 0; k < 16; k++) {
            own[k] = (own[k] ^ i) * UINT64_C(0x9e3779b97f4a7c15);
            sum += own[k] >> 7;
        }
    }
    return sum;
}

void scale_work(struct eval_place *p, const struct scale_job *job, struct scale_state *s,
                unsigned n)
{
    if (!job->of) {
        s->sum = mix(s, n);
    } else if (job->random) {
        s->sum += evaluate_random(p, job, s, n);
    } else {
        s->sum += evaluate_one(p, job, n);
    }
}
