#include "inspect_raw.h"

#include <string.h>

#include "json.h"

int raw_members(const char *json, size_t length, struct raw_member *members, size_t count,
                size_t *at)
{
    struct json_slice object;
    *at = 0;
    if (json_check(json, length, 0, &object, at) != FFSHM_OK || object.type != JSON_OBJECT) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct json_slice value =
            json_member(&object, members[i].name, strlen(members[i].name));
        members[i].text = value.type == JSON_END ? NULL : value.text;
        members[i].length = value.length;
    }
    return 0;
}
