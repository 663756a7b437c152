/*
 * view.c - several flags of one version, without copies: a pinned snapshot.
 */
#include "hooks.h"
#include "judge.h"

void ffshm_pin(struct ffshm *ff, struct ffshm_view *view)
{
    const struct snapshot *s = enter(ff);
    struct store_snapshot *pinned =
        (struct store_snapshot *)(uintptr_t)s; /* image is its first member */
    if (pinned != &store_no_snapshot) {
        atomic_fetch_add_explicit(&pinned->references, 1, memory_order_relaxed);
    }
    store_leave();
    view->store = ff;
    view->snapshot = s;
}

void ffshm_unpin(struct ffshm_view *view)
{
    if (view && view->snapshot) {
        struct store_snapshot *pinned = (struct store_snapshot *)(uintptr_t)view->snapshot;
        view->snapshot = NULL;
        view->store = NULL;
        store_drop(pinned, STORE_EXPLICIT);
    }
}

/* A view needs no read section for its snapshot, but what is told needs one. */
static __attribute__((noinline)) void judge_and_tell(struct ffshm *ff, uint64_t window,
                                                     const struct snapshot *s, const char *flag,
                                                     const struct ffshm_context *c,
                                                     struct evaluation *e)
{
    const struct snapshot_blob where = by_key(s, flag);
    rcu_enter();
    judge(ff, window, s, where, c, true, e);
    if (!counted(ff, where, c, e, true)) {
        const struct telemetry_evaluation what = {.snapshot = s,
                                                  .where = where,
                                                  .key = flag,
                                                  .c = c,
                                                  .result = e,
                                                  .with_reason = true}; /* it is in the result */
        telemetry_tell(ff, window, &what);
    }
    rcu_leave();
}

/* An empty view is one of the empty snapshot. */
static inline const struct snapshot *snapshot_of(const struct ffshm_view *view)
{
    return view->snapshot ? view->snapshot : &store_no_snapshot.image;
}

static inline void evaluate_view(const struct ffshm_view *view, const struct snapshot *s,
                                 const char *flag, const struct ffshm_context *c,
                                 struct evaluation *e)
{
    const uint64_t window = view->store ? telemetry_window(view->store) : 0;
    if (window != 0) {
        judge_and_tell(view->store, window, s, flag, c, e);
    } else {
        judge(NULL, 0, s, by_key(s, flag), c, false, e);
    }
}

/* Hooks are told of no fallback: there is none. */
static __attribute__((noinline, cold)) void
hooked_evaluate(const struct ffshm_view *view, const struct snapshot *s, const char *flag,
                const struct ffshm_context *c, struct ffshm_result *out)
{
    struct hooked h = {.told = {.fallback_type = FFSHM_TYPE_NULL}};
    struct evaluation e;
    hooked_before(&h, view->store, flag, c, "ffshm_evaluate");
    evaluate_view(view, s, flag, c, &e);
    *out = result_of(s, &e);
    hooked_after(&h, out);
}

struct ffshm_result ffshm_evaluate(const struct ffshm_view *view, const char *flag,
                                   const struct ffshm_context *c)
{
    const struct snapshot *s = snapshot_of(view);
    if (view->store && __builtin_expect(store_hooked(view->store), 0)) {
        struct ffshm_result result;
        hooked_evaluate(view, s, flag, c, &result);
        return result;
    }
    struct evaluation e;
    evaluate_view(view, s, flag, c, &e);
    return result_of(s, &e);
}

size_t ffshm_evaluate_many(const struct ffshm_view *view, const char *const *flags, size_t count,
                           const struct ffshm_context *c, struct ffshm_result *results)
{
    size_t with_value = 0;
    for (size_t i = 0; i < count; i++) {
        results[i] = ffshm_evaluate(view, flags[i], c);
        with_value += results[i].variation >= 0;
    }
    return with_value;
}

int ffshm_each(const struct ffshm_view *view, ffshm_each_fn *fn, void *arg)
{
    const struct snapshot *s = snapshot_of(view);
    int calls = 0;
    for (uint64_t i = 0; i <= s->index_mask; i++) {
        struct snapshot_blob where = snapshot_slot(s, s->index[i].slot, IMAGE_FLAG);
        if (!where.blob) {
            continue;
        }
        const struct image_flag *flag = (const struct image_flag *)where.blob;
        const struct ffshm_flag_info info = {
            .key = image_text(flag, flag->blob.key),
            .version = flag->blob.version,
            .on = !(flag->steps & IMAGE_STEP_OFF),
            .client_side_id = flag->flags & IMAGE_FLAG_CLIENT_SIDE_ID,
            .mobile_key = flag->flags & IMAGE_FLAG_MOBILE_KEY,
            .overridden = flag->flags & IMAGE_FLAG_OVERRIDDEN,
            .provenance = text_or_empty(flag, flag->provenance),
            .variation_count = flag->variation_count,
            .tag_count = flag->tag_count,
            .tags = flag,
        };
        calls++;
        if (!fn(arg, &info)) {
            break;
        }
    }
    return calls;
}

const char *ffshm_flag_tag(const struct ffshm_flag_info *info, size_t n)
{
    const struct image_flag *flag = info->tags;
    if (n >= info->tag_count) {
        return NULL;
    }
    const struct image_string *tags = image_at(flag, flag->tags_offset);
    return image_text(flag, tags[n]);
}
