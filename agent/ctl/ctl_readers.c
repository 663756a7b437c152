/*
 * ctl_readers.c - ffctl readers: which processes map which generation.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_delivery.h"
#include "ctl_files.h"
#include "ctl_fleet.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"
#include "ctl_when.h"
#include "inspect/inspect_readers.h"

enum { OPTION_FLEET = OPTIONS_OWN };

static const struct ctl_option options[] = {
    {"fleet", no_argument, NULL, OPTION_FLEET},
    OPTIONS_COMMON,
};

static int help(void)
{
    output_text(
        "usage: ffctl readers [--fleet] [--dir DIR] [--json|--text]\n"
        "\n"
        "Lists the processes that map the store's snapshots, with the generation that each would\n"
        "answer by: the newest that it maps. One that is behind has not evaluated since, or keeps\n"
        "an old snapshot pinned.\n"
        "\n"
        "  --fleet  of all hosts of the fleet, in numbers; who is behind, one by one. The hosts "
        "are\n"
        "           asked through Redis, and answer within some seconds\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "As JSON: {\"dir\", \"generation\", \"generationText\", \"processes\": [{\"pid\", "
        "\"uid\",\n"
        "\"user\", \"command\", \"generation\", \"generationText\", \"others\", \"state\",\n"
        "\"behind\", \"ageMs\", \"seenBy\"}], \"unseen\", \"counted\"}.\n"
        "\n"
        "With --fleet: as ffctl hosts, each with \"readers\": {\"processes\", \"current\", "
        "\"behind\",\n"
        "\"unseen\", \"late\": [{\"pid\", \"uid\", \"command\", \"generationText\"}]}, or null: no "
        "answer.\n"
        "\n"
        "Another user's processes show by the locks that they have on their snapshots; root sees\n"
        "all. It needs no agent, but for --fleet.\n"
        "\n"
        "Exit codes\n"
        "  0  listed, also when there is none\n"
        "  1  no such store, or /proc cannot be read; with --fleet: no agent, or no fleet\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl readers\n"
        "  ffctl readers --json | jq '.processes[] | select(.state == \"behind\") | .pid'\n");
    return CTL_OK;
}

struct view {
    const char *dir;
    uint64_t current; /* 0: nothing is published */
    struct readers readers;
    int64_t counted; /* processes whose telemetry the agent reads; -1: none is collected */
};

/* ---- as JSON -------------------------------------------------------------------------------- */

static json_t *user_of(uid_t uid)
{
    const struct passwd *const user = getpwuid(uid);
    return user ? json_string(user->pw_name) : json_null();
}

/* How long ago it was published; null where its head is gone. */
static json_t *age_of(const char *dir, uint64_t generation)
{
    struct files_snapshot snapshot;
    char why[FILES_WHY];
    if (files_open(dir, generation, FILES_HEAD, &snapshot, why) != 0) {
        return json_null();
    }
    const int64_t age_ms = when_now() - (int64_t)files_head(&snapshot)->created_ms;
    files_close(&snapshot);
    return json_integer(age_ms > 0 ? age_ms : 0);
}

static json_t *text_of(uint64_t generation)
{
    char text[OUTPUT_SHORT];
    return generation ? json_string(output_generation(generation, text)) : json_null();
}

static json_t *others_of(const struct reader *r)
{
    json_t *list = json_array();
    for (unsigned i = 0; i + 1 < r->count; i++) {
        json_array_append_new(list, text_of(r->generations[i]));
    }
    return list;
}

/* By how many publishes; null: that cannot be told, for the agent was restarted since. */
static json_t *behind_of(const struct view *v, uint64_t generation)
{
    const bool same_start = generation >> 32 == v->current >> 32;
    return generation && same_start && generation <= v->current
               ? json_integer((json_int_t)(v->current - generation))
               : json_null();
}

static const char *state_of(const struct view *v, const struct reader *r, uint64_t generation)
{
    return r->replaced                ? "replaced"
           : r->writes                ? "agent"
           : generation == 0          ? "no-snapshot"
           : generation == v->current ? "current"
                                      : "behind";
}

static json_t *describe(const struct view *v, const struct reader *r)
{
    const uint64_t newest = r->count > 0 ? r->generations[r->count - 1] : 0;
    json_t *const command = json_string(r->command);
    return json_pack("{s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:s}", "pid", (int)r->pid,
                     "uid", (json_int_t)r->uid, "user", user_of(r->uid), "command",
                     command ? command : json_string("?"), "generation",
                     newest ? json_integer((json_int_t)newest) : json_null(), "generationText",
                     text_of(newest), "others", others_of(r), "state", state_of(v, r, newest),
                     "behind", r->replaced ? json_null() : behind_of(v, newest), "ageMs",
                     newest && !r->replaced ? age_of(v->dir, newest) : json_null(), "seenBy",
                     r->by_lock ? "lock" : "maps");
}

static json_t *describe_all(const struct view *v)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < v->readers.count; i++) {
        json_array_append_new(list, describe(v, &v->readers.of[i]));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:I, s:o}", "dir", v->dir, "generation",
                     v->current ? json_integer((json_int_t)v->current) : json_null(),
                     "generationText", text_of(v->current), "processes", list, "unseen",
                     (json_int_t)v->readers.unseen, "counted",
                     v->counted >= 0 ? json_integer(v->counted) : json_null());
}

/* ---- for people ----------------------------------------------------------------------------- */

static void state_cell(char cell[TABLE_CELL], const json_t *item)
{
    static const struct {
        const char *state;
        const char *text;
    } texts[] = {{"replaced", "of a store that is gone"},
                 {"agent", "the agent"},
                 {"no-snapshot", "no snapshot yet"}};
    const json_t *const behind = json_object_get(item, "behind");
    table_text(cell, item, "state");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(cell, texts[i].state) == 0) {
            snprintf(cell, TABLE_CELL, "%s", texts[i].text);
            return;
        }
    }
    if (json_integer_value(behind) > 0) {
        snprintf(cell, TABLE_CELL, "%lld behind", (long long)json_integer_value(behind));
    }
}

static void row(const json_t *item, table_cells cells)
{
    size_t at;
    const json_t *other;
    char age[OUTPUT_SHORT];
    const json_t *const age_ms = json_object_get(item, "ageMs");
    snprintf(cells[0], TABLE_CELL, "%lld",
             (long long)json_integer_value(json_object_get(item, "pid")));
    table_text(cells[1], item, "user");
    if (cells[1][0] == '\0') {
        snprintf(cells[1], TABLE_CELL, "%lld",
                 (long long)json_integer_value(json_object_get(item, "uid")));
    }
    table_text(cells[2], item, "generationText");
    json_array_foreach(json_object_get(item, "others"), at, other)
    {
        const size_t used = strlen(cells[2]);
        snprintf(cells[2] + used, TABLE_CELL - used, ", %s", json_string_value(other));
    }
    snprintf(cells[3], TABLE_CELL, "%s",
             json_is_integer(age_ms) ? output_age(json_integer_value(age_ms), age) : "");
    state_cell(cells[4], item);
    table_text(cells[5], item, "command");
}

static void print_text(const struct ctl *ctl, const struct view *v, const json_t *body)
{
    static const char *const heads[] = {"PID", "USER", "GENERATION", "AGE", "STATE", "COMMAND"};
    const json_t *const processes = json_object_get(body, "processes");
    char generation[OUTPUT_SHORT];
    table_print(ctl, heads, sizeof heads / sizeof *heads, processes, row);
    if (json_array_size(processes) == 0) {
        output_text("No process that could be looked at maps a snapshot.\n");
    }
    if (v->current) {
        printf("The current generation is %s.\n", output_generation(v->current, generation));
    }
    if (v->readers.unseen > 0) {
        printf("%zu process%s could not be looked at%s.\n", v->readers.unseen,
               v->readers.unseen == 1 ? "" : "es",
               geteuid() == 0 ? "" : ": they are other users', and root sees all");
    }
    if (v->counted >= 0) {
        printf("The agent reads the telemetry of %lld process%s.\n", (long long)v->counted,
               v->counted == 1 ? "" : "es");
    }
}

static int show(const struct ctl *ctl, const struct view *v)
{
    json_t *const body = describe_all(v);
    if (!body) {
        return ctl_fail(ctl, "out of memory");
    }
    if (ctl->json) {
        (void)json_dumpf(body, stdout, JSON_COMPACT); /* errors are noticed at the end */
        output_text("\n");
    } else {
        print_text(ctl, v, body);
    }
    json_decref(body);
    return CTL_OK;
}

static int run(const struct ctl *ctl)
{
    struct view v = {.dir = files_dir(ctl->dir), .counted = -1};
    struct files_control control;
    struct image_delivery_report delivery;
    char why[FILES_WHY];
    if (files_no_directory(v.dir)) {
        return ctl_fail(ctl, "%s: no such directory; start ffagent, or name the store with --dir",
                        v.dir);
    }
    if (files_control(v.dir, &control, why) == 0) {
        v.current = atomic_load_explicit(&control.page.generation, memory_order_relaxed);
    }
    if (delivery_read(v.dir, &delivery)) {
        v.counted = (int64_t)delivery.processes;
    }
    const int code = readers_find("/proc", v.dir, &v.readers) == 0
                         ? show(ctl, &v)
                         : ctl_fail(ctl, "cannot look for the processes that map %s: %s", v.dir,
                                    strerror(errno));
    readers_free(&v.readers);
    return code;
}

int ctl_readers(struct ctl *ctl, int argc, char **argv)
{
    int option;
    bool fleet = false;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        if (option == OPTION_FLEET) {
            fleet = true;
            continue;
        }
        return option == OPTIONS_WORD ? ctl_usage(ctl, "'%s' is one word too many", optarg)
                                      : CTL_USAGE;
    }
    return fleet ? fleet_readers(ctl) : run(ctl);
}
