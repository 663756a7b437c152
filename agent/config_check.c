#include "config_settings.h"

#include <string.h>
#include <time.h>

#include "compile/blob.h"
#include "source/definitions.h"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void compile(struct config *c, struct slots *slots, const struct model_item *item)
{
    struct blob blob;
    struct fault fault = {0};
    if (blob_compile(item, slots, 1, 1, NULL, NULL, &blob, &fault) != 0) {
        if (!fault.file[0]) {
            const char *file = item->provenance.text ? item->provenance.text : "";
            snprintf(fault.file, sizeof fault.file, "%s",
                     strncmp(file, "file:", 5) == 0 ? file + 5 : file);
        }
        config_problem(c, &fault);
        return;
    }
    blob_free(&blob);
}

static void compile_all(struct config *c, const struct definitions *d, FILE *out)
{
    size_t flags = 0;
    struct slots *slots = slots_new();
    if (!slots) {
        c->no_memory = true;
        return;
    }
    for (size_t i = 0; i < d->count; i++) {
        flags += d->items[i]->kind == IMAGE_FLAG;
        if (!d->items[i]->deleted) {
            compile(c, slots, d->items[i]);
        }
    }
    slots_free(slots);
    fprintf(out, "# loaded: %zu flags, %zu segments\n", flags, d->count - flags);
}

/* Each file for itself, so that one run tells a problem of each; then all together, for keys that
   two files define. */
static void load(struct config *c, FILE *out)
{
    struct definitions d;
    struct fault fault;
    const size_t before = c->problem_count;
    for (size_t i = 0; i < c->flag_count; i++) {
        fault = (struct fault){0};
        if (definitions_load(&c->flag_paths[i], 1, now_ms(), NULL, &d, &fault) != 0) {
            config_problem(c, &fault);
        } else {
            definitions_free(&d);
        }
    }
    if (c->problem_count > before || c->flag_count == 0) {
        return;
    }
    fault = (struct fault){0};
    if (definitions_load(c->flag_paths, c->flag_count, now_ms(), NULL, &d, &fault) != 0) {
        config_problem(c, &fault);
        return;
    }
    compile_all(c, &d, out);
    definitions_free(&d);
}

int config_check(struct config *c, FILE *out, FILE *errors)
{
    config_print(c, out);
    load(c, out);
    fflush(out);
    config_print_problems(c, errors);
    return c->problem_count || c->no_memory ? 2 : 0;
}
