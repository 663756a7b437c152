#include "ctl_big_segments.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "ctl_output.h"

void big_segments_read(struct ffshm *store, struct big_segments_view *out)
{
    ffshm_big_segment_status(store, &out->status);
    out->has_counts = big_segments_counts(store, &out->counts);
}

void big_segments_print_json(const struct big_segments_view *v)
{
    const struct ffshm_big_segment_status *const s = &v->status;
    const struct big_segments_counts *const c = &v->counts;
    output_text(",\"big_segments\":");
    if (!s->configured) {
        output_text("null");
        return;
    }
    printf("{\"available\":%s,\"stale\":%s,\"last_up_to_date_ms\":",
           s->available ? "true" : "false", s->stale ? "true" : "false");
    if (s->last_up_to_date_ms > 0) {
        printf("%" PRIu64, s->last_up_to_date_ms);
    } else {
        output_text("null");
    }
    if (v->has_counts) {
        printf(",\"contexts\":%" PRIu64 ",\"asks\":%" PRIu64 ",\"dropped_asks\":%" PRIu64
               ",\"queries\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"evictions\":%" PRIu64
               ",\"answer_us\":%" PRIu64,
               c->contexts, c->asks, c->dropped_asks, c->queries, c->failures, c->evictions,
               c->answer_us);
    }
    output_text("}");
}

static void print_age(uint64_t last_ms)
{
    struct timespec t;
    char age[OUTPUT_SHORT];
    clock_gettime(CLOCK_REALTIME, &t);
    const uint64_t now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    if (last_ms == 0) {
        output_text("never brought up to date");
    } else {
        printf("up to date %s ago", output_age(now > last_ms ? (int64_t)(now - last_ms) : 0, age));
    }
}

void big_segments_print_text(const struct big_segments_view *v)
{
    const struct ffshm_big_segment_status *const s = &v->status;
    const struct big_segments_counts *const c = &v->counts;
    if (!s->configured) {
        return;
    }
    if (s->available) {
        printf("big segments %s, ", s->stale ? "stale" : "available");
        print_age(s->last_up_to_date_ms);
    } else {
        output_text("big segments the store does not answer: memberships that are not known are "
                    "STORE_ERROR; see the agent's log");
    }
    output_text("\n");
    if (v->has_counts) {
        printf("memberships  of %" PRIu64 " contexts; %" PRIu64 " queries, %" PRIu64 " failures",
               c->contexts, c->queries, c->failures);
        if (c->evictions + c->dropped_asks > 0) {
            printf("; %" PRIu64 " had to go, %" PRIu64 " were not asked for", c->evictions,
                   c->dropped_asks);
        }
        output_text("\n");
    }
}
