#include "check_storage.h"

#include <inttypes.h>
#include <string.h>

#include "admin/audit_export.h"
#include "storage/schema.h"

/* In front of a fault, too: how far it is right. */
static void print_found(const struct storage_checked *checked, const struct audit_result *audit,
                        FILE *out)
{
    char hash[AUDIT_HASH_TEXT];
    audit_hash_text(audit->head.hash, hash);
    fprintf(out, "schema       %d%s\n", checked->version,
            checked->version < schema_version ? " (the next agent that opens it brings it up to "
                                                "date)"
                                              : "");
    fprintf(out, "definitions  %" PRId64 " version%s\n", checked->definitions,
            checked->definitions == 1 ? "" : "s");
    fprintf(out, "audit        %" PRIu64 " entr%s", audit->entries,
            audit->entries == 1 ? "y" : "ies");
    if (audit->entries > 0) {
        fprintf(out, ", head %" PRId64 ":%s", audit->head.number, hash);
    }
    fputc('\n', out);
}

int check_storage(const struct config *c, FILE *out, FILE *errors)
{
    const char *path = c->checked ? c->checked : config_text(c, CONFIG_STATE);
    struct storage_checked checked = {.version = 0};
    struct audit_result audit;
    struct fault fault = {0};
    char text[2048];
    if (!*path || strcmp(path, CONFIG_NO_STATE) == 0) {
        fputs("ffagent: state: no state file is configured; name one: --check-storage FILE\n",
              errors);
        return 2;
    }
    const bool sound = audit_check_storage(path, NULL, &checked, &audit, &fault) == 0;
    fprintf(out, "%s: %s\n", path, sound ? "sound" : checked.version ? "DAMAGED" : "not looked at");
    if (checked.version) {
        print_found(&checked, &audit, out);
    }
    fflush(out);
    if (!sound) {
        fault_text(&fault, text, sizeof text);
        fprintf(errors, "ffagent: %s\n", text);
    }
    return sound ? 0 : 1;
}
