#include "ctl_past.h"

#include <stdlib.h>

#include "ctl_output.h"
#include "ctl_when.h"
#include "inspect/inspect_at.h"

int past_check(const struct ctl *ctl, const char *text)
{
    struct at at;
    return at_parse(text, &at)
               ? CTL_OK
               : ctl_usage(ctl,
                           "--at '%s': write a generation (3.5) or a time (2026-03-01T09:30:00Z)",
                           text);
}

int past_pin(const struct ctl *ctl, const char *text, struct ffshm *store, struct ffshm_view *view)
{
    struct store_past *const retained = calloc(AT_RETAINED, sizeof *retained);
    struct at at;
    char why[AT_WHY] = "";
    uint64_t generation = 0;
    if (!retained) {
        return ctl_fail(ctl, "out of memory");
    }
    const size_t count = store_retained(store, retained, AT_RETAINED);
    const bool found =
        at_parse(text, &at) && at_find(&at, retained, count, NULL, when_now(), &generation, why);
    free(retained);
    if (!found) {
        return ctl_fail(ctl, "%s", why);
    }
    const char *cause = "";
    char name[OUTPUT_SHORT];
    const int error = store_pin_past(store, generation, view, &cause);
    return error ? ctl_fail(ctl, "generation %s: %s: %s", output_generation(generation, name),
                            ffshm_error_text(error), cause)
                 : CTL_OK;
}
