#include "ctl_past.h"

#include <stdlib.h>

#include "ctl_moment.h"
#include "ctl_output.h"
#include "ctl_when.h"

int past_check(const struct ctl *ctl, const char *text)
{
    struct at at;
    const char *why;
    return moment_point(text, when_now(), &at, &why)
               ? CTL_OK
               : ctl_usage(ctl, "--at '%s' is no generation (as 3.5) and %s", text, why);
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
    const char *wrong;
    const int64_t now = when_now();
    const bool found = moment_point(text, now, &at, &wrong) &&
                       at_find(&at, retained, count, NULL, now, &generation, why);
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
