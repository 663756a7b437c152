/*
 * ctl_lint.c - ffctl lint: what is wrong with definition files, before an agent reads them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compile/blob.h"
#include "compile/slots.h"
#include "ctl.h"
#include "ctl_doubts.h"
#include "ctl_findings.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_references.h"
#include "source/definitions.h"

enum { OPTION_STRICT = OPTIONS_OWN };

static const struct ctl_option options[] = {
    OPTIONS_WORDS("FILE..."),
    {"strict", no_argument, NULL, OPTION_STRICT},
    OPTIONS_COMMON,
};

struct lint {
    const struct ctl *ctl;
    const char **files; /* owned array */
    size_t file_count;
    bool strict;
    size_t flags;
    size_t segments;
    struct findings findings;
};

static int help(void)
{
    output_text(
        "usage: ffctl lint [--strict] FILE...\n"
        "\n"
        "Checks definition files (native or LaunchDarkly's, YAML or JSON) as the agent\n"
        "reads them, all together, and tells the first fault of each file, and every doubt\n"
        "about those without one: a fault is what makes the agent refuse a file, or a\n"
        "cycle; a warning is what it accepts but nobody can mean. Each is told with file,\n"
        "line, column and member.\n"
        "\n"
        "  --strict    warnings count as faults\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  no fault (perhaps warnings)\n"
        "  1  a fault; with --strict also a warning\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl lint flags.yaml\n"
        "  ffctl lint --strict flags/*.yaml segments.json\n"
        "  ffctl lint --json flags.yaml | jq '.faults[].line'\n");
    return CTL_OK;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct warning_target {
    struct lint *lint;
    const struct model_item *item;
};

static void take_warning(void *arg, const char *member, const char *text)
{
    const struct warning_target *const target = arg;
    findings_add_item(&target->lint->findings, SEVERITY_WARNING, target->item, member, "", text);
}

static void compile(struct lint *l, const struct definitions *d)
{
    struct slots *const slots = slots_new();
    if (!slots) {
        l->findings.no_memory = true;
        return;
    }
    for (size_t i = 0; i < d->count; i++) {
        const struct model_item *const item = d->items[i];
        if (item->deleted) {
            continue;
        }
        *(item->kind == IMAGE_FLAG ? &l->flags : &l->segments) += 1;
        doubts_check(item, &l->findings);
        struct warning_target target = {l, item};
        struct blob blob = {0};
        struct fault fault = {0};
        if (blob_compile(item, slots, 0, 0, take_warning, &target, &blob, &fault) == 0) {
            blob_free(&blob);
        } else {
            findings_add_item(&l->findings, SEVERITY_FAULT, item, fault.member, fault.hint,
                              fault.cause);
        }
    }
    slots_free(slots);
}

/* Each file on its own tells its own fault; the good ones together tell the rest. */
static void check(struct lint *l)
{
    const char **const good = calloc(l->file_count + 1, sizeof(char *));
    size_t good_count = 0;
    struct definitions d = {0};
    struct fault fault;
    if (!good) {
        l->findings.no_memory = true;
        return;
    }
    for (size_t i = 0; i < l->file_count; i++) {
        fault = (struct fault){0};
        if (definitions_load(&l->files[i], 1, now_ms(), NULL, &d, &fault) != 0) {
            findings_add(&l->findings, SEVERITY_FAULT, &fault);
            continue;
        }
        good[good_count++] = l->files[i];
        if (l->file_count > 1) {
            definitions_free(&d);
        }
    }
    fault = (struct fault){0};
    if (l->file_count > 1 && good_count > 0 &&
        definitions_load(good, good_count, now_ms(), NULL, &d, &fault) != 0) {
        findings_add(&l->findings, SEVERITY_FAULT, &fault);
        good_count = 0;
    }
    if (good_count > 0) {
        compile(l, &d);
        references_check(&d, good_count == l->file_count, &l->findings);
        definitions_free(&d);
    }
    free(good);
}

static int by_place(const void *a, const void *b)
{
    const struct fault *const x = a;
    const struct fault *const y = b;
    const int order = strcmp(x->file, y->file);
    if (order != 0) {
        return order;
    }
    return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
                              : (x->column > y->column) - (x->column < y->column);
}

static void json_list(const struct lint *l, enum severity severity)
{
    for (size_t i = 0; i < l->findings.kept_count[severity]; i++) {
        const struct fault *const f = &l->findings.kept[severity][i];
        output_text(i ? ",{\"file\":" : "{\"file\":");
        output_quoted(f->file);
        printf(",\"line\":%u,\"column\":%u,\"member\":", f->line, f->column);
        output_quoted(f->member);
        output_text(",\"cause\":");
        output_quoted(f->cause);
        output_text(",\"hint\":");
        output_quoted(f->hint);
        output_text("}");
    }
}

static void print_json(const struct lint *l)
{
    const struct findings *const f = &l->findings;
    printf("{\"files\":%zu,\"flags\":%zu,\"segments\":%zu,\"fault_count\":%zu,"
           "\"warning_count\":%zu,\"faults\":[",
           l->file_count, l->flags, l->segments, f->count[SEVERITY_FAULT],
           f->count[SEVERITY_WARNING]);
    json_list(l, SEVERITY_FAULT);
    output_text("],\"warnings\":[");
    json_list(l, SEVERITY_WARNING);
    output_text("]}\n");
}

static void text_list(const struct lint *l, enum severity severity)
{
    static const char *const labels[] = {"fault", "warning"};
    static const char *const colours[] = {"31", "33"};
    const struct findings *const f = &l->findings;
    for (size_t i = 0; i < f->kept_count[severity]; i++) {
        char text[2048];
        fault_text(&f->kept[severity][i], text, sizeof text);
        output_colour(l->ctl, colours[severity]);
        output_text(labels[severity]);
        output_plainly(l->ctl);
        printf(": %s\n", text);
    }
    if (f->count[severity] > f->kept_count[severity]) {
        printf("... and %zu more %ss\n", f->count[severity] - f->kept_count[severity],
               labels[severity]);
    }
}

static void print_text(const struct lint *l)
{
    const size_t faults = l->findings.count[SEVERITY_FAULT];
    const size_t warnings = l->findings.count[SEVERITY_WARNING];
    text_list(l, SEVERITY_FAULT);
    text_list(l, SEVERITY_WARNING);
    printf("%zu file%s, %zu flag%s, %zu segment%s: %zu fault%s, %zu warning%s\n", l->file_count,
           output_plural(l->file_count), l->flags, output_plural(l->flags), l->segments,
           output_plural(l->segments), faults, output_plural(faults), warnings,
           output_plural(warnings));
}

static int report(struct lint *l)
{
    struct findings *const f = &l->findings;
    for (size_t i = 0; i < SEVERITIES; i++) {
        if (f->kept_count[i] > 1) {
            qsort(f->kept[i], f->kept_count[i], sizeof *f->kept[i], by_place);
        }
    }
    (l->ctl->json ? print_json : print_text)(l);
    if (f->no_memory) {
        return ctl_fail(l->ctl, "out of memory: not everything was checked");
    }
    return f->count[SEVERITY_FAULT] > 0 || (l->strict && f->count[SEVERITY_WARNING] > 0)
               ? CTL_NEGATIVE
               : CTL_OK;
}

static int read_options(struct lint *l, struct ctl *ctl, int argc, char **argv, bool *asked_help)
{
    int option;
    l->files = calloc((size_t)argc, sizeof *l->files);
    if (!l->files) {
        return ctl_fail(ctl, "out of memory");
    }
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            *asked_help = true;
            return CTL_OK;
        }
        if (option == OPTION_STRICT) {
            l->strict = true;
        } else if (option == OPTIONS_WORD) {
            l->files[l->file_count++] = optarg;
        } else {
            return CTL_USAGE;
        }
    }
    return l->file_count > 0 ? CTL_OK : ctl_usage(ctl, "which files?");
}

int ctl_lint(struct ctl *ctl, int argc, char **argv)
{
    struct lint l = {.ctl = ctl};
    bool asked_help = false;
    int code = read_options(&l, ctl, argc, argv, &asked_help);
    if (asked_help) {
        code = help();
    } else if (code == CTL_OK) {
        check(&l);
        code = report(&l);
    }
    findings_free(&l.findings);
    free(l.files);
    return code;
}
