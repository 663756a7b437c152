#include "config_settings.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compile/blob.h"
#include "source/definitions.h"
#include "source/launchdarkly.h"

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

/* Of a setting that the agent would go on without, or fail with later. */
static void doubt(struct config *c, enum config_setting setting, const char *hint,
                  const char *cause)
{
    struct fault fault = {0};
    fault_set(&fault, config_settings[setting].member, hint, "%s (%.200s)", cause,
              c->settings[setting].values[0].origin);
    config_problem(c, &fault);
}

static void check_tag(struct config *c, enum config_setting setting)
{
    const char *text = config_text(c, setting);
    if (*text && !launchdarkly_tag_valid(text)) {
        doubt(c, setting, "letters, digits, '.', '_' and '-', at most 64",
              "cannot be told to LaunchDarkly");
    }
}

static void check_launchdarkly(struct config *c)
{
    const char *filter = config_text(c, CONFIG_LD_FILTER);
    const char *ca_file = config_text(c, CONFIG_LD_CA_FILE);
    if (*filter && !launchdarkly_filter_valid(filter)) {
        doubt(c, CONFIG_LD_FILTER, "letters, digits, '.', '_' and '-', the first a letter or digit",
              "is not the key of a filter; everything would be asked for");
    }
    if (*ca_file && access(ca_file, R_OK) != 0) {
        char cause[96];
        snprintf(cause, sizeof cause, "cannot be read: %s", strerror(errno));
        doubt(c, CONFIG_LD_CA_FILE, "check the path and who may read the file", cause);
    }
    check_tag(c, CONFIG_LD_APPLICATION_ID);
    check_tag(c, CONFIG_LD_APPLICATION_VERSION);
}

int config_check(struct config *c, FILE *out, FILE *errors)
{
    config_print(c, out);
    load(c, out);
    check_launchdarkly(c);
    fflush(out);
    config_print_problems(c, errors);
    return c->problem_count || c->no_memory ? 2 : 0;
}
