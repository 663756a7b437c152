#include "event_utf8.h"

#include <string.h>

#include "json.h"

bool event_utf8(const char *text)
{
    const char *const end = text + strlen(text);
    while (text < end) {
        const size_t length = json_utf8(text, end);
        if (length == 0) {
            return false;
        }
        text += length;
    }
    return true;
}
