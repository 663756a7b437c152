#include "ctl_conditions.h"

#include "catalog/condition_text.h"
#include "ctl_definition.h"

int conditions_add(const struct ctl *ctl, json_t *rule, const char *text)
{
    struct fault fault;
    json_t *condition = condition_text_read(text, &fault);
    if (!condition) {
        return ctl_usage(ctl, "--if '%s': %s%s%s", text, fault.cause, *fault.hint ? "; " : "",
                         fault.hint);
    }
    json_t *conditions = definition_list(ctl, rule, "conditions");
    if (!conditions) {
        json_decref(condition);
        return CTL_NEGATIVE;
    }
    return json_array_append_new(conditions, condition) == 0 ? CTL_OK
                                                             : ctl_fail(ctl, "out of memory");
}
