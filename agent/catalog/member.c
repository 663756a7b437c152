#include "member.h"

#include <stdio.h>
#include <string.h>

/* Recursion: a chain is as deep as the model nests, at most eight. */
void member_text(const struct member *m, char *buffer, size_t capacity)
{
    if (capacity == 0) {
        return;
    }
    buffer[0] = '\0';
    if (!m) {
        return;
    }
    member_text(m->parent, buffer, capacity);
    const size_t used = strlen(buffer);
    if (m->name) {
        (void)snprintf(buffer + used, capacity - used, "%s%s", used > 0 ? "." : "", m->name);
    } else {
        (void)snprintf(buffer + used, capacity - used, "[%zu]", m->index);
    }
}
