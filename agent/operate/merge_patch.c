#include "merge_patch.h"

/* Recursion: as deep as the patch, which the parser bounds. */
json_t *merge_patch(json_t *target, json_t *patch)
{
    const char *name;
    json_t *value;
    if (!json_is_object(patch)) {
        return json_incref(patch);
    }
    json_t *result = json_is_object(target) ? json_copy(target) : json_object();
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(result, name);
        } else if (json_object_set_new_nocheck(
                       result, name, merge_patch(json_object_get(result, name), value)) != 0) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}
