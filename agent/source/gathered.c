#include "gathered.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096u
#define KEPT_CAPACITY (64u << 10)

bool gathered_add(struct gathered *text, const char *bytes, size_t length)
{
    if (length > SIZE_MAX / 4 || text->length > SIZE_MAX / 4) {
        return false;
    }
    const size_t need = text->length + length + 1;
    if (need > text->capacity) {
        size_t capacity = text->capacity == 0 ? FIRST_CAPACITY : text->capacity;
        while (capacity < need) {
            capacity *= 2;
        }
        char *grown = realloc(text->bytes, capacity);
        if (grown == NULL) {
            return false;
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
    return true;
}

void gathered_clear(struct gathered *text)
{
    if (text->capacity > KEPT_CAPACITY) {
        gathered_free(text);
    }
    text->length = 0;
    if (text->bytes != NULL) {
        text->bytes[0] = '\0';
    }
}

void gathered_free(struct gathered *text)
{
    free(text->bytes);
    *text = (struct gathered){0};
}
