/*
 * ctl_delivery.c - ffctl status: what becomes of events.
 */
#include "ctl_delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl_files.h"
#include "ctl_output.h"

#define TRIES 5

static const char *const names[] = {"none", "working", "failing", "stopped"};
static const char *const advice[] = {"", "", ": tried again; what programs told is kept meanwhile",
                                     ": refused; check the SDK key, and restart ffagent"};

static unsigned state_of(const struct image_delivery_report *report)
{
    return report->state < sizeof names / sizeof *names ? report->state : IMAGE_DELIVERY_NONE;
}

/* Of two copies of the page with the same even sequence the first is whole. */
bool delivery_read(const char *dir, struct image_delivery_report *out)
{
    char why[FILES_WHY];
    struct files_control first;
    struct files_control second;
    for (int i = 0; i < TRIES; i++) {
        if (files_control(dir, &first, why) != 0 || files_control(dir, &second, why) != 0) {
            return false;
        }
        const uint32_t a =
            atomic_load_explicit(&first.page.delivery.sequence, memory_order_relaxed);
        const uint32_t b =
            atomic_load_explicit(&second.page.delivery.sequence, memory_order_relaxed);
        if (a == b && a % 2 == 0) {
            *out = first.page.delivery;
            out->error_text[sizeof out->error_text - 1] = '\0';
            return out->state != IMAGE_DELIVERY_NONE;
        }
    }
    return false;
}

void delivery_print_json(const struct image_delivery_report *r)
{
    output_text(",\"events\":");
    if (state_of(r) == IMAGE_DELIVERY_NONE) {
        output_text("null");
        return;
    }
    printf("{\"delivery\":\"%s\",\"last_status\":", names[state_of(r)]);
    if (r->last_status > 0) {
        printf("%" PRId32, r->last_status);
    } else {
        output_text("null");
    }
    printf(",\"processes\":%" PRIu32 ",\"delivered\":%" PRIu64 ",\"failures\":%" PRIu64
           ",\"waiting_bytes\":%" PRIu64 ",\"dropped_payloads\":%" PRIu64
           ",\"dropped_events\":%" PRIu64 ",\"text\":",
           r->processes, r->delivered, r->failures, r->waiting_bytes, r->dropped_payloads,
           r->dropped_events);
    output_quoted(r->error_text);
    output_text("}");
}

void delivery_print_text(const struct image_delivery_report *r)
{
    char size[OUTPUT_SHORT];
    const unsigned state = state_of(r);
    if (state == IMAGE_DELIVERY_NONE) {
        return;
    }
    printf("delivery     %s%s\n", names[state], advice[state]);
    if (r->last_status > 0 && state != IMAGE_DELIVERY_WORKING) {
        printf("last answer  HTTP status %" PRId32 "\n", r->last_status);
    } else if (r->error_text[0]) {
        printf("last answer  none: ");
        output_plain(r->error_text, strlen(r->error_text));
        output_text("\n");
    }
    printf("events       of %" PRIu32 " processes; %" PRIu64 " payloads delivered, %s waiting",
           r->processes, r->delivered, output_size(r->waiting_bytes, size));
    if (r->dropped_payloads + r->dropped_events > 0) {
        printf("; dropped: %" PRIu64 " payloads, %" PRIu64 " events", r->dropped_payloads,
               r->dropped_events);
    }
    output_text("\n");
}
