#include "ctl_doubts.h"

#include <stdio.h>

#include "catalog/document.h"

/* Integers and reals are one type, and so are true and false. */
static bool same_type(const json_t *a, const json_t *b)
{
    return (json_is_number(a) && json_is_number(b)) || (json_is_boolean(a) && json_is_boolean(b)) ||
           json_typeof(a) == json_typeof(b);
}

static void check_types(const struct model_item *item, struct findings *f)
{
    const json_t *const variations = item->as.flag.variations;
    const json_t *const first = json_array_get(variations, 0);
    for (size_t i = 1; i < json_array_size(variations); i++) {
        const json_t *const other = json_array_get(variations, i);
        if (!same_type(first, other)) {
            char cause[160];
            snprintf(cause, sizeof cause,
                     "%s are of different types: a typed call gets its fallback for some",
                     findings_native(f, item) ? "variants" : "variations");
            findings_add_item(f, SEVERITY_WARNING, item, "variations", "", cause);
            return;
        }
    }
}

/* Nothing but the fallthrough decides, and that is what is served while it is off, too. */
static bool off_is_on(const struct model_flag *flag)
{
    return !flag->on && flag->has_off_variation && flag->fallthrough.has_variation &&
           flag->off_variation == flag->fallthrough.variation && flag->rule_count == 0 &&
           flag->target_count == 0 && flag->context_target_count == 0;
}

/* A flag that is waiting with false, or that has but one variant, is as it should be. */
static void check_disabled(const struct model_item *item, struct findings *f)
{
    const struct model_flag *const flag = &item->as.flag;
    const size_t count = json_array_size(flag->variations);
    if (count < 2 || !off_is_on(flag) ||
        json_is_false(json_array_get(flag->variations, (size_t)flag->off_variation))) {
        return;
    }
    const json_t *const native = findings_native(f, item);
    if (!native || !json_is_false(json_object_get(native, "enabled")) ||
        json_object_get(native, "fallback_variant") || json_object_get(native, "schedule")) {
        return;
    }
    const char *const name = json_string_value(json_object_get(native, "default_variant"));
    char cause[256];
    snprintf(cause, sizeof cause, "while disabled it serves the default variant \"%.160s\"",
             name ? name : "");
    findings_add_item(f, SEVERITY_WARNING, item, "enabled", "give a fallback_variant", cause);
}

void doubts_check(const struct model_item *item, struct findings *f)
{
    if (item->kind == IMAGE_FLAG) {
        check_types(item, f);
        check_disabled(item, f);
    }
}
