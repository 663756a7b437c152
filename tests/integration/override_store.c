/*
 * override_store.c - publishes definition files with overrides, and ends:
 *
 *     override_store DIR FILE [kill FLAG BY REASON | pin FLAG VARIANT BY REASON | clear FLAG]...
 *
 * The agent's own pipeline: each override is a change of its own, after the files were published.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "pipeline_change.h"
#include "source/definitions.h"

static _Noreturn void give_up(const struct fault *fault)
{
    char text[2048];
    fault_text(fault, text, sizeof text);
    fprintf(stderr, "override_store: %s\n", text);
    exit(1);
}

static void load(struct pipeline *p, const char *file)
{
    struct fault fault = {0};
    struct definitions d;
    if (definitions_load(&file, 1, 0, NULL, &d, &fault) != 0) {
        give_up(&fault);
    }
    const int result = pipeline_replace(p, CATALOG_FILE, d.items, d.count);
    d.count = 0; /* taken over */
    definitions_free(&d);
    if (result != 0 || pipeline_publish(p) != 0) {
        exit(1);
    }
}

/* One override; the number of words that it took. */
static int apply(struct pipeline *p, char **words, int count)
{
    const bool pin = strcmp(words[0], "pin") == 0;
    const int taken = pin ? 5 : strcmp(words[0], "kill") == 0 ? 4 : 2;
    struct fault fault = {0};
    if (count < taken) {
        fprintf(stderr, "override_store: too few words after %s\n", words[0]);
        exit(2);
    }
    const struct override o = {.kind = pin ? OVERRIDE_PIN : OVERRIDE_KILL,
                               .variant = pin ? words[2] : NULL,
                               .set_by = words[taken - 2],
                               .reason = words[taken - 1]};
    const int result = taken == 2 ? pipeline_override_clear(p, words[1], &fault)
                                  : pipeline_override_set(p, words[1], &o, &fault);
    if (result != 0) {
        give_up(&fault);
    }
    return taken;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: override_store DIR FILE [OVERRIDE]...\n");
        return 2;
    }
    struct fault fault = {0};
    const struct publisher_options options = {.dir = argv[1]};
    struct publisher *publisher = publisher_open(&options, &fault);
    if (!publisher) {
        give_up(&fault);
    }
    struct event_base *base = event_base_new();
    struct pipeline *p = pipeline_new(base, publisher, NULL, NULL);
    log_setup(LOG_LEVEL_WARNING);
    load(p, argv[2]);
    for (int i = 3; i < argc;) {
        i += apply(p, argv + i, argc - i);
    }
    pipeline_free(p);
    event_base_free(base);
    publisher_close(publisher);
    return 0;
}
