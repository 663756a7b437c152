/*
 * ctl_levels.c - ffctl status: where LaunchDarkly's definitions came from.
 */
#include "ctl_levels.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl_files.h"
#include "ctl_output.h"

#define TRIES 5

static const char *const names[IMAGE_LEVELS] = {"none", "memory", "disk", "redis", "launchdarkly"};
static const char *const sinks[] = {"none", "waiting", "writing", "valid", "interrupted"};
static const char *const advice[] = {"", ": LaunchDarkly has not sent its flags yet", "", "", ""};

#define SINKS (sizeof sinks / sizeof *sinks)

/* Of two copies of the page with the same even sequence the first is whole. */
void levels_read(const char *dir, struct image_levels_report *out)
{
    char why[FILES_WHY];
    struct files_control first;
    struct files_control second;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < TRIES; i++) {
        if (files_control(dir, &first, why) != 0 || files_control(dir, &second, why) != 0) {
            return;
        }
        const uint32_t a = atomic_load_explicit(&first.page.levels.sequence, memory_order_relaxed);
        const uint32_t b = atomic_load_explicit(&second.page.levels.sequence, memory_order_relaxed);
        if (a == b && a % 2 == 0) {
            *out = first.page.levels;
            out->sink_text[sizeof out->sink_text - 1] = '\0';
            return;
        }
    }
}

static unsigned first_of(const struct image_levels_report *r)
{
    return r->first < IMAGE_LEVELS ? r->first : IMAGE_LEVEL_NONE;
}

static unsigned sink_of(const struct image_levels_report *r)
{
    return r->sink < SINKS ? r->sink : IMAGE_SINK_NONE;
}

static bool is_told(const struct image_levels_report *r)
{
    return atomic_load_explicit(&r->sequence, memory_order_relaxed) != 0;
}

static void print_json_store(const struct image_levels_report *r)
{
    output_text(",\"store\":");
    if (sink_of(r) == IMAGE_SINK_NONE) {
        output_text("null");
        return;
    }
    printf("{\"state\":\"%s\",\"written_ms\":", sinks[sink_of(r)]);
    if (r->sink_ms > 0) {
        printf("%" PRIu64, r->sink_ms);
    } else {
        output_text("null");
    }
    printf(",\"wholes\":%" PRIu64 ",\"items\":%" PRIu64 ",\"text\":", r->sink_wholes,
           r->sink_items);
    output_quoted(r->sink_text);
    output_text("}");
}

void levels_print_json(const struct image_levels_report *r)
{
    if (!is_told(r)) {
        output_text(",\"levels\":null,\"store\":null");
        return;
    }
    printf(",\"levels\":{\"started_from\":\"%s\"", names[first_of(r)]);
    for (unsigned i = IMAGE_LEVEL_MEMORY; i < IMAGE_LEVELS; i++) {
        printf(",\"%s\":{\"hits\":%" PRIu64 ",\"items\":%" PRIu64 ",\"older\":%" PRIu64 "}",
               names[i], r->hits[i], r->items[i], r->older[i]);
    }
    output_text("}");
    print_json_store(r);
}

static const char *age_of(uint64_t ms, char text[OUTPUT_SHORT])
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const uint64_t now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    return output_age(now > ms ? (int64_t)(now - ms) : 0, text);
}

static void print_text_store(const struct image_levels_report *r)
{
    char age[OUTPUT_SHORT];
    const unsigned sink = sink_of(r);
    if (sink == IMAGE_SINK_NONE) {
        return;
    }
    printf("store        %s%s", sinks[sink], advice[sink]);
    if (r->sink_ms > 0) {
        printf(", as of %s ago", age_of(r->sink_ms, age));
    }
    if (r->sink_text[0]) {
        output_text(": ");
        output_plain(r->sink_text, strlen(r->sink_text));
    }
    output_text("\n");
}

void levels_print_text(const struct image_levels_report *r)
{
    uint64_t older = 0;
    if (!is_told(r)) {
        return;
    }
    printf("started      from %s; hits:", names[first_of(r)]);
    for (unsigned i = IMAGE_LEVEL_MEMORY; i < IMAGE_LEVELS; i++) {
        printf("%s %s %" PRIu64, i == IMAGE_LEVEL_MEMORY ? "" : ",", names[i], r->hits[i]);
        older += r->older[i];
    }
    if (older > 0) {
        printf("; passed over as older: %" PRIu64 " items", older);
    }
    output_text("\n");
    print_text_store(r);
}
