/*
 * ctl_snapshot.c - ffctl snapshot list | verify | dump: the generations that the agent retains.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/spelling.h"
#include "ctl.h"
#include "ctl_dump.h"
#include "ctl_files.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_snapshot_all.h"
#include "ffshm.h"

enum { OPTION_KEYS = OPTIONS_OWN, OPTION_ALL };

static const struct ctl_option options[] = {
    OPTIONS_WORDS("list|verify GENERATION|dump GENERATION"),
    {"keys", no_argument, NULL, OPTION_KEYS},
    {"all", no_argument, NULL, OPTION_ALL},
    OPTIONS_COMMON,
};

static int help(void)
{
    output_text(
        "usage: ffctl snapshot list [--all]\n"
        "       ffctl snapshot verify [GENERATION]\n"
        "       ffctl snapshot dump [GENERATION] [--keys]\n"
        "\n"
        "Looks at the snapshots that the agent keeps in the store's directory.\n"
        "\n"
        "  list      every retained generation; * marks the current one\n"
        "  --all     every generation that the agent has recorded, which is what diff and\n"
        "            rollback take: when it was published, and the audit entries that it came of\n"
        "  verify    checks a generation's files as every reader does, and says OK or what\n"
        "            is wrong\n"
        "  dump      every flag and segment, by kind and key (JSON: one object a line)\n"
        "  --keys    the keys of the flags alone, one a line as they are, in a pipe too\n"
        "            (--json: as JSON strings)\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "GENERATION is decimal, hexadecimal (0x300000005) or as list prints it (3.5: the\n"
        "fifth publish of the agent's third start); without it: the current one.\n"
        "\n"
        "Exit codes\n"
        "  0  ok\n"
        "  1  damaged, or no such generation\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl snapshot list\n"
        "  ffctl snapshot list --all\n"
        "  ffctl snapshot verify\n"
        "  ffctl snapshot dump 3.5 --json | jq .key\n"
        "  diff <(ffctl snapshot dump 3.5) <(ffctl snapshot dump 3.6)\n");
    return CTL_OK;
}

static int64_t age_ms(uint64_t then_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const int64_t now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    return now > (int64_t)then_ms ? now - (int64_t)then_ms : 0;
}

/* ---- list ---- */

static void list_json(const struct image_head *head, bool current, size_t size)
{
    char text[OUTPUT_DIGEST];
    char generation[OUTPUT_SHORT];
    printf("{\"generation\":%" PRIu64 ",\"name\":\"%s\",\"current\":%s,\"age_ms\":%" PRId64
           ",\"flags\":%" PRIu32 ",\"segments\":%" PRIu32 ",\"extents\":%" PRIu32
           ",\"bytes\":%zu,\"digest\":\"%s\"}\n",
           head->generation, output_generation(head->generation, generation),
           current ? "true" : "false", age_ms(head->created_ms), head->flag_count,
           head->segment_count, head->extent_count, size, output_digest(head->digest, text));
}

static void list_text(const struct image_head *head, bool current, size_t size)
{
    char text[OUTPUT_DIGEST];
    char generation[OUTPUT_SHORT];
    char age[OUTPUT_SHORT];
    char bytes[OUTPUT_SHORT];
    printf("%c %-12s %10s %8" PRIu32 " flag%-1s %6" PRIu32 " segment%-1s %12s  %s\n",
           current ? '*' : ' ', output_generation(head->generation, generation),
           output_age(age_ms(head->created_ms), age), head->flag_count,
           output_plural(head->flag_count), head->segment_count, output_plural(head->segment_count),
           output_size(size, bytes), output_digest(head->digest, text));
}

/* The head with the extents that it names, as its header and list of extents say. */
static size_t size_with_extents(const struct files_snapshot *s)
{
    const struct image_head *const head = files_head(s);
    const uint64_t end =
        (uint64_t)head->extents_offset + head->extent_count * sizeof(struct image_extent_ref);
    size_t size = s->head.size;
    if (end <= s->head.size && head->extents_offset % _Alignof(struct image_extent_ref) == 0) {
        const struct image_extent_ref *const refs = image_at(head, head->extents_offset);
        for (uint32_t i = 0; i < head->extent_count; i++) {
            size += refs[i].size;
        }
    }
    return size;
}

static int list_one(const struct ctl *ctl, const char *dir, uint64_t generation, bool current)
{
    char why[FILES_WHY];
    struct files_snapshot s;
    const int error = files_open(dir, generation, FILES_HEAD, &s, why);
    if (error == FFSHM_NOT_READY) {
        return CTL_OK; /* retired by the agent since the directory was read */
    }
    if (error) {
        return ctl_fail(ctl, "%s", why);
    }
    (ctl->json ? list_json : list_text)(files_head(&s), current, size_with_extents(&s));
    files_close(&s);
    return CTL_OK;
}

static int list(const struct ctl *ctl, const char *dir)
{
    char why[FILES_WHY];
    uint64_t *generations;
    size_t count;
    if (files_generations(dir, &generations, &count, why) != 0) {
        return ctl_fail(ctl, "%s", why);
    }
    int error;
    const uint64_t current = files_current(dir, &error, why);
    int code = CTL_OK;
    for (size_t i = 0; i < count; i++) {
        if (list_one(ctl, dir, generations[i], generations[i] == current) != CTL_OK) {
            code = CTL_NEGATIVE;
        }
    }
    free(generations);
    return current == 0 ? ctl_fail(ctl, "%s", why) : code;
}

/* ---- verify, dump ---- */

static void verified_json(const struct files_snapshot *s)
{
    char generation[OUTPUT_SHORT];
    const struct image_head *const head = files_head(s);
    printf("{\"generation\":%" PRIu64 ",\"name\":\"%s\",\"ok\":true,\"flags\":%" PRIu32
           ",\"segments\":%" PRIu32 ",\"extents\":%" PRIu32 ",\"bytes\":%" PRIu64 "}\n",
           head->generation, output_generation(head->generation, generation), head->flag_count,
           head->segment_count, s->extent_count, s->bytes);
}

static void verified_text(const struct ctl *ctl, const struct files_snapshot *s)
{
    char generation[OUTPUT_SHORT];
    char size[OUTPUT_SHORT];
    const struct image_head *const head = files_head(s);
    output_colour(ctl, "32");
    output_text("OK");
    output_plainly(ctl);
    printf(" %s: %" PRIu32 " flag%s, %" PRIu32 " segment%s, %" PRIu32 " extent%s, %s\n",
           output_generation(head->generation, generation), head->flag_count,
           output_plural(head->flag_count), head->segment_count, output_plural(head->segment_count),
           s->extent_count, output_plural(s->extent_count), output_size(s->bytes, size));
}

/* generation 0: not even a current one is known. */
static int refused(const struct ctl *ctl, uint64_t generation, int error, const char *why)
{
    char name[OUTPUT_SHORT];
    if (ctl->json) {
        if (generation == 0) {
            output_text("{\"generation\":null,\"name\":null");
        } else {
            printf("{\"generation\":%" PRIu64 ",\"name\":\"%s\"", generation,
                   output_generation(generation, name));
        }
        printf(",\"ok\":false,\"error\":\"%s\",\"why\":", ffshm_error_name(error));
        output_quoted(why);
        output_text("}\n");
        return CTL_NEGATIVE;
    }
    if (generation == 0) {
        return ctl_fail(ctl, "%s", why);
    }
    const char *const text =
        error == FFSHM_NOT_READY ? "no such generation" : ffshm_error_text(error);
    return ctl_fail(ctl, "%s: %s: %s", output_generation(generation, name), text, why);
}

/* word: as a person writes it; NULL: the current one. */
static int open_generation(const char *dir, const char *word, uint64_t *generation,
                           struct files_snapshot *s, char why[FILES_WHY])
{
    return word ? files_open(dir, *generation, FILES_FULL, s, why)
                : files_open_current(dir, generation, s, why);
}

struct request {
    const char *action;
    const char *generation; /* NULL: the current one */
    bool keys;
    bool all;
};

static int look(const struct ctl *ctl, const struct request *r, const char *dir)
{
    const bool verify = strcmp(r->action, "verify") == 0;
    uint64_t generation = 0;
    if (r->generation && (!files_parse_generation(r->generation, &generation) || generation == 0)) {
        return ctl_usage(ctl, "'%s' is not a generation: write 3.5, 12884901893 or 0x300000005",
                         r->generation);
    }
    char why[FILES_WHY] = "";
    struct files_snapshot s;
    int error = trust_directory(dir, why);
    if (error) {
        return verify ? refused(ctl, 0, error, why) : ctl_fail(ctl, "%s", why);
    }
    error = open_generation(dir, r->generation, &generation, &s, why);
    if (!error && verify) {
        error = files_check_store(dir, &s, why);
        if (error) {
            files_close(&s);
        }
    }
    if (error) {
        return verify ? refused(ctl, generation, error, why) : ctl_fail(ctl, "%s", why);
    }
    int code = CTL_OK;
    if (!verify) {
        code = dump_snapshot(ctl, &s, r->keys);
    } else if (ctl->json) {
        verified_json(&s);
    } else {
        verified_text(ctl, &s);
    }
    files_close(&s);
    return code;
}

static int check_action(const struct ctl *ctl, const struct request *r)
{
    static const char *const actions[] = {"list", "verify", "dump"};
    struct spelling spelling = {.word = r->action};
    if (r->action[0] == '\0') {
        return ctl_usage(ctl, "what: list, verify or dump?");
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(r->action, actions[i]) == 0) {
            return CTL_OK;
        }
        spelling_offer(&spelling, actions[i]);
    }
    return spelling.best
               ? ctl_usage(ctl, "unknown '%s'; did you mean '%s'?", r->action, spelling.best)
               : ctl_usage(ctl, "unknown '%s': list, verify or dump", r->action);
}

int ctl_snapshot(struct ctl *ctl, int argc, char **argv)
{
    struct request r = {.action = ""};
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        if (option == OPTION_KEYS) {
            r.keys = true;
        } else if (option == OPTION_ALL) {
            r.all = true;
        } else if (option != OPTIONS_WORD) {
            return CTL_USAGE;
        } else if (r.action[0] == '\0') {
            r.action = optarg;
        } else if (!r.generation) {
            r.generation = optarg;
        } else {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
    }
    const int code = check_action(ctl, &r);
    if (code != CTL_OK) {
        return code;
    }
    if (r.keys && strcmp(r.action, "dump") != 0) {
        return ctl_usage(ctl, "--keys goes with dump");
    }
    if (strcmp(r.action, "list") != 0) {
        return r.all ? ctl_usage(ctl, "--all goes with list") : look(ctl, &r, files_dir(ctl->dir));
    }
    if (r.generation) {
        return ctl_usage(ctl, "list takes no generation");
    }
    return r.all ? snapshot_list_all(ctl) : list(ctl, files_dir(ctl->dir));
}
