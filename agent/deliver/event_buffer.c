#include "event_buffer.h"

#include <stdlib.h>
#include <string.h>

int event_buffer_add(struct event_buffer *buffer, char *text)
{
    if (buffer->count == buffer->room) {
        const size_t room = buffer->room ? 2 * buffer->room : 64;
        void *const grown = realloc(buffer->events, room * sizeof *buffer->events);
        if (!grown) {
            free(text);
            return -1;
        }
        buffer->events = grown;
        buffer->room = room;
    }
    buffer->events[buffer->count++] = text;
    buffer->bytes += strlen(text);
    return 0;
}

bool event_buffer_full(const struct event_buffer *buffer)
{
    return buffer->count - buffer->taken >= buffer->capacity ||
           (buffer->most_bytes != 0 && buffer->bytes - buffer->taken_bytes >= buffer->most_bytes);
}

void event_buffer_take(struct event_buffer *buffer)
{
    buffer->taken = buffer->count;
    buffer->taken_bytes = buffer->bytes;
    buffer->kept = buffer->count;
}

/* Takes `length` events out, from `first` on. */
static void cut(struct event_buffer *buffer, size_t first, size_t length)
{
    for (size_t i = first; i < first + length; i++) {
        buffer->bytes -= strlen(buffer->events[i]);
        free(buffer->events[i]);
    }
    if (length > 0) {
        memmove(buffer->events + first, buffer->events + first + length,
                (buffer->count - first - length) * sizeof *buffer->events);
    }
    buffer->count -= length;
}

void event_buffer_commit(struct event_buffer *buffer)
{
    buffer->kept -= buffer->taken;
    cut(buffer, 0, buffer->taken);
    buffer->taken = 0;
    buffer->taken_bytes = 0;
    buffer->committed_count = buffer->count;
    buffer->committed_kept = buffer->kept;
}

void event_buffer_revert(struct event_buffer *buffer)
{
    cut(buffer, buffer->committed_count, buffer->count - buffer->committed_count);
    buffer->kept = buffer->committed_kept;
    buffer->taken = 0;
    buffer->taken_bytes = 0;
}

void event_buffer_free(struct event_buffer *buffer)
{
    cut(buffer, 0, buffer->count);
    free(buffer->events);
    *buffer = (struct event_buffer){0};
}

char *event_buffer_lines(const struct event_buffer *buffer, size_t first, size_t *length)
{
    size_t most = 1;
    for (size_t i = first; i < buffer->count; i++) {
        most += strlen(buffer->events[i]) + 1;
    }
    char *const lines = malloc(most);
    if (!lines) {
        return NULL;
    }
    char *to = lines;
    for (size_t i = first; i < buffer->count; i++) {
        to = stpcpy(to, buffer->events[i]);
        *to++ = '\n';
    }
    *length = (size_t)(to - lines);
    return lines;
}

int event_buffer_load(struct event_buffer *buffer, const char *lines, size_t length)
{
    const char *const end = lines + length;
    const char *newline;
    while (lines < end && (newline = memchr(lines, '\n', (size_t)(end - lines)))) {
        char *const text = strndup(lines, (size_t)(newline - lines));
        if (!text || event_buffer_add(buffer, text) != 0) {
            return -1;
        }
        lines = newline + 1;
    }
    buffer->kept = buffer->count;
    event_buffer_commit(buffer);
    return 0;
}
