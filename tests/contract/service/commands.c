#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "service.h"

static const struct {
    const char *name;
    command_fn *run;
} commands[] = {
    {"evaluate", command_evaluate},
    {"evaluateAll", command_evaluate_all},
    {"identifyEvent", command_identify},
    {"customEvent", command_custom},
    {"flushEvents", command_flush},
    {"secureModeHash", command_secure_hash},
    {"contextBuild", command_context_build},
    {"contextConvert", command_context_convert},
    {"contextComparison", command_context_comparison},
    {"migrationVariation", command_migration_variation},
    {"migrationOperation", command_migration_operation},
    {"getBigSegmentStoreStatus", command_big_segment_status},
};

void outcome_fail(struct outcome *outcome, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    outcome->status = status;
    vsnprintf(outcome->text, sizeof outcome->text, format, arguments);
    va_end(arguments);
}

void command_run(struct client *c, const json_t *request, struct outcome *outcome)
{
    const char *name = member_text(request, "command");
    const json_t *params = name ? member(request, name) : NULL;
    json_t *none = json_object();
    *outcome = (struct outcome){.status = 200};
    for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(c, params ? params : none, outcome);
            json_decref(none);
            return;
        }
    }
    json_decref(none);
    outcome_fail(outcome, 400, "unknown command %s", name ? name : "(none)");
}
