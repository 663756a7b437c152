#include "inspect_memory.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_LEAST 4096

static bool make_room(struct memory *m, size_t more)
{
    size_t room = m->room ? m->room : ROOM_LEAST;
    while (room < m->length + more) {
        room *= 2; /* most is far below SIZE_MAX / 2 */
    }
    char *const bytes = room == m->room ? m->bytes : realloc(m->bytes, room);
    if (bytes) {
        m->bytes = bytes;
        m->room = room;
    }
    return bytes != NULL;
}

static ssize_t write_more(void *cookie, const char *bytes, size_t length)
{
    struct memory *const m = cookie;
    m->full = m->full || length > m->most - m->length;
    if (m->full || !make_room(m, length)) {
        return 0; /* an error, for stdio */
    }
    memcpy(m->bytes + m->length, bytes, length);
    m->length += length;
    return (ssize_t)length;
}

FILE *memory_open(struct memory *m, size_t most)
{
    *m = (struct memory){.most = most};
    return fopencookie(m, "w", (cookie_io_functions_t){.write = write_more});
}

size_t memory_length(const struct memory *m, FILE *out)
{
    fflush(out);
    return m->length;
}

bool memory_close(struct memory *m, FILE *out)
{
    const bool good = fflush(out) == 0 && !ferror(out) && !m->full;
    return fclose(out) == 0 && good;
}

void memory_free(struct memory *m)
{
    free(m->bytes);
    *m = (struct memory){.most = 0};
}
