/*
 * ctl_status.c - ffctl status: is a snapshot there, is the agent alive, what is published.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "ctl_big_segments.h"
#include "ctl_delivery.h"
#include "ctl_files.h"
#include "ctl_levels.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_status_fleet.h"
#include "ctl_trouble.h"
#include "ffshm.h"
#include "inspect/inspect_overridden.h"

enum { OPTION_MAX_SILENCE = OPTIONS_OWN };

static const struct ctl_option options[] = {
    {"max-silence", required_argument, "SECONDS", OPTION_MAX_SILENCE},
    OPTIONS_COMMON,
};

#define HEARD_OF_LATE 3000 /* ms: the agent is heard about once a second */

static const char interrupted[] =
    "the last load failed; the last good definitions stay in force; see the agent's log, or run "
    "ffctl lint";

static const char unreachable[] =
    "the last good definitions stay in force; the source's error and the agent's log tell more";

static const char unanswered[] =
    "LaunchDarkly has not answered yet; what it said last stays in force";

static const char offline[] = "no network is used; what LaunchDarkly said last stays in force";

static const char refused[] =
    "LaunchDarkly does not accept the SDK key or the URI, and is not asked again; correct it and "
    "restart ffagent";

static const char *const source_names[] = {"initializing", "valid", "interrupted", "off"};
static const char *const agent_names[] = {"starting", "ready", "stopped", "moved"};

struct view {
    const char *dir;
    struct ffshm_status status;
    struct trouble trouble;
    struct overridden overridden;
    json_t *fleet;    /* NULL: none */
    long pid;         /* of the agent, as trouble_agent_pid */
    bool has_control; /* the next six are filled in */
    uint32_t agent_state;
    uint64_t published_ms;
    uint64_t publish_count;
    uint64_t publish_failures;
    struct image_delivery_report delivery;
    struct image_levels_report levels;
    struct big_segments_view big_segments;
    bool has_head; /* the next three are filled in */
    uint32_t extents;
    uint64_t bytes;
    char digest[OUTPUT_DIGEST];
};

static int help(void)
{
    output_text("usage: ffctl status [--max-silence SECONDS] [--dir DIR] [--json|--text]\n"
                "\n"
                "Tells whether a snapshot can be evaluated, which one, and whether the agent and\n"
                "its source are well.\n"
                "\n"
                "  --max-silence SECONDS\n"
                "              for monitoring: exit code 1 also when the agent is not running, or\n"
                "              was not heard for longer (it is heard about once a second)\n"
                "  --dir DIR, --json, --text, -h, --help\n"
                "\n"
                "Exit codes\n"
                "  0  ready: there is a snapshot (the agent may be gone: it stays valid)\n"
                "  1  not ready; with --max-silence also: no agent, or a silent one\n"
                "  2  wrong usage\n"
                "\n"
                "Examples\n"
                "  ffctl status\n"
                "  ffctl status --max-silence 10 >/dev/null || echo 'look at ffagent'\n"
                "  ffctl status --dir /run/ffshm/default --json\n"
                "  until ffctl status >/dev/null; do sleep 1; done\n");
    return CTL_OK;
}

static const char *source_name(int state)
{
    return state >= 0 && (size_t)state < sizeof source_names / sizeof *source_names
               ? source_names[state]
               : "unknown";
}

static const char *agent_name(uint32_t state)
{
    return state < sizeof agent_names / sizeof *agent_names ? agent_names[state] : "unknown";
}

static void look_at_files(struct view *v)
{
    char why[FILES_WHY];
    struct files_control control;
    if (files_control(v->dir, &control, why) == 0) {
        const struct image_control *const c = &control.page;
        v->has_control = true;
        v->agent_state = atomic_load_explicit(&c->agent_state, memory_order_relaxed);
        v->published_ms = atomic_load_explicit(&c->published_ms, memory_order_relaxed);
        v->publish_count = atomic_load_explicit(&c->publish_count, memory_order_relaxed);
        v->publish_failures = atomic_load_explicit(&c->publish_failures, memory_order_relaxed);
        if (!delivery_read(v->dir, &v->delivery)) {
            v->delivery.state = IMAGE_DELIVERY_NONE;
        }
        levels_read(v->dir, &v->levels);
    }
    struct files_snapshot s;
    if (v->status.ready && files_open(v->dir, v->status.generation, FILES_HEAD, &s, why) == 0) {
        const struct image_head *const head = files_head(&s);
        const struct image_extent_ref *const refs = image_at(head, head->extents_offset);
        v->has_head = true;
        v->extents = head->extent_count;
        v->bytes = s.bytes;
        for (uint32_t i = 0; i < head->extent_count; i++) { /* libffshm has verified this head */
            v->bytes += refs[i].size;
        }
        output_digest(head->digest, v->digest);
        files_close(&s);
    }
}

/* NULL: the source is well, or nothing of it is in force. A source that has told of an error is not
   a file that ffctl lint could read, unless it is the data that is bad. */
static const char *source_advice(const struct ffshm_status *s)
{
    if (s->source_state == FFSHM_SOURCE_OFF) {
        return s->source_error == FFSHM_SOURCE_NO_ERROR ? offline : refused;
    }
    if (!s->ready || s->source_state != FFSHM_SOURCE_INTERRUPTED) {
        return NULL;
    }
    switch (s->source_error) {
    case FFSHM_SOURCE_NO_ERROR:
        return s->data_as_of_ms > 0 ? unanswered : interrupted;
    case FFSHM_SOURCE_INVALID_DATA:
        return interrupted;
    default:
        return unreachable;
    }
}

static void print_json_time(const char *name, uint64_t ms)
{
    printf(",\"%s\":", name);
    if (ms > 0) {
        printf("%" PRIu64, ms);
    } else {
        output_text("null");
    }
}

/* Times are null where they are not known. */
static void print_json_source(const struct view *v)
{
    const struct ffshm_status *const s = &v->status;
    printf(",\"source\":\"%s\"", source_name(s->source_state));
    print_json_time("source_since_ms", s->source_since_ms);
    output_text(",\"source_error\":");
    if (s->source_error == FFSHM_SOURCE_NO_ERROR) {
        output_text("null");
    } else {
        printf("{\"kind\":\"%s\",\"status\":", ffshm_source_error_name(s->source_error));
        if (s->source_error == FFSHM_SOURCE_ERROR_RESPONSE) {
            printf("%d", s->source_error_status);
        } else {
            output_text("null");
        }
        print_json_time("at_ms", s->source_error_ms);
        output_text(",\"text\":");
        output_quoted(s->source_error_text);
        output_text("}");
    }
    print_json_time("data_as_of_ms", s->data_as_of_ms);
    printf(",\"telemetry\":%s", s->telemetry ? "true" : "false");
    delivery_print_json(&v->delivery);
    levels_print_json(&v->levels);
    big_segments_print_json(&v->big_segments);
}

/* What is wrong, and what to do: null where all is well. */
static void print_json_advice(const struct view *v)
{
    const char *const hint = v->trouble.error ? v->trouble.hint : source_advice(&v->status);
    output_text(",\"cause\":");
    if (v->trouble.error) {
        output_quoted(v->trouble.cause);
    } else {
        output_text("null");
    }
    output_text(",\"hint\":");
    if (hint) {
        output_quoted(hint);
    } else {
        output_text("null");
    }
}

/* {"count": 7, "first": [at most OVERRIDDEN_NAMED keys]} */
static void print_json_overridden(const struct overridden *o)
{
    printf(",\"overridden\":{\"count\":%zu,\"first\":[", o->count);
    for (size_t i = 0; i < o->count && i < OVERRIDDEN_NAMED; i++) {
        output_text(i > 0 ? "," : "");
        output_quoted(o->keys[i]);
    }
    output_text("]}");
}

static void print_json(const struct view *v)
{
    const struct ffshm_status *const s = &v->status;
    output_text("{\"dir\":");
    output_quoted(v->dir);
    printf(",\"ready\":%s,\"agent\":{\"alive\":%s,\"pid\":", s->ready ? "true" : "false",
           s->agent_alive ? "true" : "false");
    if (s->agent_alive && v->pid > 0) {
        printf("%ld", v->pid);
    } else {
        output_text("null");
    }
    printf(",\"state\":\"%s\",\"silent_ms\":%" PRId64 "}",
           v->has_control ? agent_name(v->agent_state) : "unknown", s->agent_silent_ms);
    print_json_source(v);
    printf(",\"generation\":%" PRIu64 ",\"newest_generation\":%" PRIu64 ",\"age_ms\":%" PRId64
           ",\"flags\":%" PRIu32 ",\"segments\":%" PRIu32,
           s->generation, s->newest_generation, s->snapshot_age_ms, s->flags, s->segments);
    status_fleet_print_json(v->fleet);
    print_json_overridden(&v->overridden);
    if (v->has_head) {
        printf(",\"digest\":\"%s\",\"extents\":%" PRIu32 ",\"bytes\":%" PRIu64, v->digest,
               v->extents, v->bytes);
    } else {
        output_text(",\"digest\":null,\"extents\":null,\"bytes\":null");
    }
    printf(",\"publishes\":%" PRIu64 ",\"publish_failures\":%" PRIu64 ",\"last_error\":\"%s\"",
           v->publish_count, v->publish_failures, ffshm_error_name(v->trouble.error));
    print_json_advice(v);
    output_text("}\n");
}

static bool silent(const struct ffshm_status *s)
{
    return s->agent_silent_ms > HEARD_OF_LATE;
}

static void print_running(const struct ctl *ctl, const struct view *v)
{
    char age[OUTPUT_SHORT];
    const struct ffshm_status *const s = &v->status;
    output_colour(ctl, silent(s) ? "33" : "32");
    output_text("alive");
    if (silent(s)) {
        printf(" but silent for %s", output_age(s->agent_silent_ms, age));
    }
    output_plainly(ctl);
    if (v->pid > 0) {
        printf(", pid %ld", v->pid);
    }
    if (v->has_control) {
        printf(", %s", agent_name(v->agent_state));
    }
    if (s->agent_silent_ms >= 0 && !silent(s)) {
        printf(", heard %s ago", output_age(s->agent_silent_ms, age));
    }
}

static void print_gone(const struct ctl *ctl, const struct view *v)
{
    char age[OUTPUT_SHORT];
    output_colour(ctl, "33");
    if (!v->has_control) {
        output_text("not running");
    } else if (v->agent_state == IMAGE_AGENT_STOPPED) {
        output_text("stopped");
    } else if (v->pid < 0) {
        output_text("silent (ended or hanging: its own user can tell)");
    } else {
        output_text("not running (ended without stopping)");
    }
    output_plainly(ctl);
    if (v->status.agent_silent_ms >= 0) {
        printf(", last heard %s ago", output_age(v->status.agent_silent_ms, age));
    }
}

/* Of a time of the agent's until now. */
static const char *age_of(uint64_t ms, char text[OUTPUT_SHORT])
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const uint64_t now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    return output_age(now > ms ? (int64_t)(now - ms) : 0, text);
}

static void print_source_error(const struct ffshm_status *s)
{
    char age[OUTPUT_SHORT];
    printf("source error %s", ffshm_source_error_name(s->source_error));
    if (s->source_error == FFSHM_SOURCE_ERROR_RESPONSE) {
        printf(" %d", s->source_error_status);
    }
    if (s->source_error_ms > 0) {
        printf(", %s ago", age_of(s->source_error_ms, age));
    }
    if (*s->source_error_text) {
        output_text(": ");
        output_plain(s->source_error_text, strlen(s->source_error_text));
    }
    output_text("\n");
}

static void print_source(const struct view *v)
{
    char age[OUTPUT_SHORT];
    const struct ffshm_status *const s = &v->status;
    const char *const advice = source_advice(s);
    printf("source       %s", source_name(s->source_state));
    printf("%s%s\n", advice ? ": " : "", advice ? advice : "");
    if (s->source_since_ms > 0) {
        printf("since        %s\n", age_of(s->source_since_ms, age));
    }
    if (s->source_error != FFSHM_SOURCE_NO_ERROR) {
        print_source_error(s);
    }
    if (s->data_as_of_ms > 0) {
        printf("data         last known good, received %s ago\n", age_of(s->data_as_of_ms, age));
    }
    printf("telemetry    %s\n", s->telemetry ? "collected" : "not collected");
    delivery_print_text(&v->delivery);
    levels_print_text(&v->levels);
    big_segments_print_text(&v->big_segments);
}

static void print_overridden(const struct ctl *ctl, const struct overridden *o)
{
    output_text("overridden   ");
    output_colour(ctl, "33");
    printf("%zu flag%s", o->count, output_plural(o->count));
    output_plainly(ctl);
    for (size_t i = 0; i < o->count && i < OVERRIDDEN_NAMED; i++) {
        output_text(i > 0 ? ", " : ": ");
        output_plain(o->keys[i], strlen(o->keys[i]));
    }
    output_text(o->count > OVERRIDDEN_NAMED ? ", ...\n" : "\n");
}

static void print_text(const struct ctl *ctl, const struct view *v)
{
    char text[OUTPUT_SHORT];
    const struct ffshm_status *const s = &v->status;
    printf("store        %s\nready        ", v->dir);
    output_colour(ctl, s->ready ? "32" : "31");
    output_text(s->ready ? "yes" : "no");
    output_plainly(ctl);
    output_text("\n");
    output_text("agent        ");
    (s->agent_alive ? print_running : print_gone)(ctl, v);
    output_text("\n");
    if (v->has_control) {
        print_source(v);
    }
    if (s->ready) {
        printf("generation   %s (%" PRIu64 ")\n", output_generation(s->generation, text),
               s->generation);
        if (s->newest_generation != s->generation) {
            printf("newest       %s, refused\n", output_generation(s->newest_generation, text));
        }
        printf("age          %s\n", output_age(s->snapshot_age_ms, text));
        printf("flags        %" PRIu32 "\nsegments     %" PRIu32 "\n", s->flags, s->segments);
    }
    if (v->overridden.count > 0) {
        print_overridden(ctl, &v->overridden);
    }
    status_fleet_print(ctl, v->fleet);
    if (v->has_head) {
        printf("digest       %s\nextents      %" PRIu32 "\n", v->digest, v->extents);
        printf("size         %s\n", output_size(v->bytes, text));
    }
    if (v->publish_failures) {
        printf("failures     %" PRIu64 " publishes failed\n", v->publish_failures);
    }
    if (v->trouble.error) {
        printf("error        %s; %s\n", v->trouble.cause, v->trouble.hint);
    }
}

/* "SECONDS" -> milliseconds; -1: not a number of seconds. */
static int64_t parse_seconds(const char *text)
{
    char *end;
    const double seconds = strtod(text, &end);
    const bool good = strspn(text, "0123456789.") == strlen(text) && end != text && *end == '\0';
    return good && seconds <= 1e9 ? (int64_t)(seconds * 1000) : -1;
}

static int read_options(struct ctl *ctl, int argc, char **argv, int64_t *max_silence_ms,
                        bool *asked_help)
{
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        switch (option) {
        case OPTIONS_HELP:
            *asked_help = true;
            return CTL_OK;
        case OPTION_MAX_SILENCE:
            *max_silence_ms = parse_seconds(optarg);
            if (*max_silence_ms < 0) {
                return ctl_usage(ctl, "--max-silence '%s': write seconds, as 10 or 2.5", optarg);
            }
            break;
        case OPTIONS_WORD:
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        default:
            return CTL_USAGE;
        }
    }
    return CTL_OK;
}

/* max_silence_ms -1: the agent does not matter. */
static int verdict(const struct view *v, int64_t max_silence_ms)
{
    const struct ffshm_status *const s = &v->status;
    const bool heard = s->agent_alive && s->agent_silent_ms >= 0;
    return s->ready && (max_silence_ms < 0 || (heard && s->agent_silent_ms <= max_silence_ms))
               ? CTL_OK
               : CTL_NEGATIVE;
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
    int64_t max_silence_ms = -1;
    bool asked_help = false;
    const int code = read_options(ctl, argc, argv, &max_silence_ms, &asked_help);
    if (code != CTL_OK || asked_help) {
        return asked_help ? help() : code;
    }
    struct view v = {.dir = files_dir(ctl->dir)};
    const struct ffshm_options how = {.size = sizeof how, .no_telemetry = true};
    struct ffshm *const store = ffshm_open(v.dir, &how);
    if (!store) {
        return ctl_fail(ctl, "%s", ffshm_error_text(FFSHM_NO_MEMORY));
    }
    ffshm_status(store, &v.status);
    big_segments_read(store, &v.big_segments);
    v.pid = trouble_agent_pid(v.dir);
    look_at_files(&v);
    trouble_find(v.dir, &v.status, &v.trouble);
    struct ffshm_view snapshot; /* what v.overridden borrows from */
    ffshm_pin(store, &snapshot);
    overridden_find(&snapshot, &v.overridden);
    v.fleet = v.status.agent_alive ? status_fleet(ctl, v.dir) : NULL;
    if (ctl->json) {
        print_json(&v);
    } else {
        print_text(ctl, &v);
    }
    json_decref(v.fleet);
    ffshm_unpin(&snapshot);
    ffshm_close(store);
    return verdict(&v, max_silence_ms);
}
