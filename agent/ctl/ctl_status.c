/*
 * ctl_status.c - ffctl status: is a snapshot there, is the agent alive, what is published.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_files.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ffshm.h"

static const struct option options[] = {
    OPTIONS_COMMON,
};

static const char *const source_names[] = {"initializing", "valid", "interrupted", "off"};
static const char *const agent_names[] = {"starting", "ready", "stopped", "moved"};

struct view {
    const char *dir;
    struct ffshm_status status;
    long pid;         /* of the agent; 0: unknown */
    bool has_control; /* the next four are filled in */
    uint32_t agent_state;
    uint64_t published_ms;
    uint64_t publish_count;
    uint64_t publish_failures;
    bool has_head; /* the next three are filled in */
    uint32_t extents;
    uint64_t bytes;
    char digest[OUTPUT_DIGEST];
};

static int help(void)
{
    output_text("usage: ffctl status [--dir DIR] [--json|--text]\n"
                "\n"
                "Tells whether a snapshot can be evaluated, which one, and whether the agent and\n"
                "its source are well.\n"
                "\n"
                "Exit codes\n"
                "  0  ready: there is a snapshot (the agent may be gone: it stays valid)\n"
                "  1  not ready\n"
                "  2  wrong usage\n"
                "\n"
                "Examples\n"
                "  ffctl status\n"
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

/* The pid that the agent left in the file which it holds locked. */
static long agent_pid(const char *dir)
{
    char path[4096];
    char text[32] = "";
    snprintf(path, sizeof path, "%s/agent.lock", dir);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return 0;
    }
    const ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    const long pid = got > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 ? pid : 0;
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

static void print_json(const struct view *v)
{
    const struct ffshm_status *const s = &v->status;
    output_text("{\"dir\":");
    output_quoted(v->dir);
    printf(",\"ready\":%s,\"agent\":{\"alive\":%s,\"pid\":", s->ready ? "true" : "false",
           s->agent_alive ? "true" : "false");
    if (s->agent_alive && v->pid) {
        printf("%ld", v->pid);
    } else {
        output_text("null");
    }
    printf(",\"state\":\"%s\",\"silent_ms\":%" PRId64 "}",
           v->has_control ? agent_name(v->agent_state) : "unknown", s->agent_silent_ms);
    printf(",\"source\":\"%s\",\"generation\":%" PRIu64 ",\"newest_generation\":%" PRIu64
           ",\"age_ms\":%" PRId64 ",\"flags\":%" PRIu32 ",\"segments\":%" PRIu32,
           source_name(s->source_state), s->generation, s->newest_generation, s->snapshot_age_ms,
           s->flags, s->segments);
    if (v->has_head) {
        printf(",\"digest\":\"%s\",\"extents\":%" PRIu32 ",\"bytes\":%" PRIu64, v->digest,
               v->extents, v->bytes);
    } else {
        output_text(",\"digest\":null,\"extents\":null,\"bytes\":null");
    }
    printf(",\"publishes\":%" PRIu64 ",\"publish_failures\":%" PRIu64 ",\"last_error\":\"%s\"}\n",
           v->publish_count, v->publish_failures, ffshm_error_name(s->last_error));
}

static void print_agent(const struct ctl *ctl, const struct view *v)
{
    char age[OUTPUT_SHORT];
    const struct ffshm_status *const s = &v->status;
    output_text("agent        ");
    output_colour(ctl, s->agent_alive ? "32" : "33");
    output_text(s->agent_alive ? "alive" : "not running");
    output_plainly(ctl);
    if (s->agent_alive && v->pid) {
        printf(", pid %ld", v->pid);
    }
    if (v->has_control) {
        printf(", %s", agent_name(v->agent_state));
    }
    if (s->agent_silent_ms >= 0) {
        printf(", heard %s ago", output_age(s->agent_silent_ms, age));
    }
    output_text("\n");
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
    print_agent(ctl, v);
    if (v->has_control) {
        printf("source       %s\n", source_name(s->source_state));
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
    if (v->has_head) {
        printf("digest       %s\nextents      %" PRIu32 "\n", v->digest, v->extents);
        printf("size         %s\n", output_size(v->bytes, text));
    }
    if (v->publish_failures) {
        printf("failures     %" PRIu64 " publishes failed\n", v->publish_failures);
    }
    const int error = s->last_error ? s->last_error : s->ready ? FFSHM_OK : FFSHM_NOT_READY;
    if (error) {
        printf("error        %s; %s\n", ffshm_error_text(error), ffshm_error_hint(error));
    }
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        return option == OPTIONS_WORD ? ctl_usage(ctl, "'%s' is one word too many", optarg)
                                      : CTL_USAGE;
    }
    struct view v = {.dir = files_dir(ctl->dir)};
    const struct ffshm_options how = {.size = sizeof how, .no_telemetry = true};
    struct ffshm *const store = ffshm_open(v.dir, &how);
    if (!store) {
        return ctl_fail(ctl, "%s", ffshm_error_text(FFSHM_NO_MEMORY));
    }
    ffshm_status(store, &v.status);
    v.pid = agent_pid(v.dir);
    look_at_files(&v);
    if (ctl->json) {
        print_json(&v);
    } else {
        print_text(ctl, &v);
    }
    ffshm_close(store);
    return v.status.ready ? CTL_OK : CTL_NEGATIVE;
}
