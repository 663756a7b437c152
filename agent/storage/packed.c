#include "packed.h"

#include <stdint.h>

#define DEPTH_MOST 8

static uint64_t big_endian(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* What one item is: bytes of its own (with a string's text), and elements that follow. */
struct item {
    uint64_t bytes;
    uint64_t elements;
};

/* An item whose length or count is in the `width` bytes after its first. */
static struct item sized(const uint8_t *bytes, size_t left, size_t width, bool array)
{
    if (left < 1 + width) {
        return (struct item){0, 0};
    }
    const uint64_t n = big_endian(bytes + 1, width);
    return array ? (struct item){1 + width, n} : (struct item){1 + width + n, 0};
}

/* bytes 0: not an item that a payload may have. left >= 1. */
static struct item item_at(const uint8_t *bytes, size_t left)
{
    const uint8_t tag = bytes[0];
    if (tag <= 0x7f || tag >= 0xe0 || tag == 0xc0 || tag == 0xc2 || tag == 0xc3) {
        return (struct item){1, 0}; /* small integers, nil, booleans */
    }
    if ((tag & 0xe0) == 0xa0) {
        return (struct item){1 + (uint64_t)(tag & 0x1f), 0};
    }
    if ((tag & 0xf0) == 0x90) {
        return (struct item){1, tag & 0x0f};
    }
    switch (tag) {
    case 0xc4: /* bin, then str */
    case 0xd9:
        return sized(bytes, left, 1, false);
    case 0xc5:
    case 0xda:
        return sized(bytes, left, 2, false);
    case 0xc6:
    case 0xdb:
        return sized(bytes, left, 4, false);
    case 0xdc:
        return sized(bytes, left, 2, true);
    case 0xdd:
        return sized(bytes, left, 4, true);
    case 0xcc: /* integers, then floats */
    case 0xd0:
        return (struct item){2, 0};
    case 0xcd:
    case 0xd1:
        return (struct item){3, 0};
    case 0xce:
    case 0xd2:
    case 0xca:
        return (struct item){5, 0};
    case 0xcf:
    case 0xd3:
    case 0xcb:
        return (struct item){9, 0};
    default:
        return (struct item){0, 0}; /* maps, extensions, what was never assigned */
    }
}

bool packed_is_sound(const void *packed, size_t length)
{
    const uint8_t *bytes = packed;
    uint64_t left[DEPTH_MOST] = {1};
    unsigned depth = 0;
    size_t at = 0;
    while (left[0] > 0 || depth > 0) {
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        if (at >= length) {
            return false;
        }
        const struct item item = item_at(bytes + at, length - at);
        if (item.bytes == 0 || item.bytes > length - at) {
            return false;
        }
        at += (size_t)item.bytes;
        if (item.elements > length - at || (item.elements > 0 && depth + 1 == DEPTH_MOST)) {
            return false;
        }
        if (item.elements > 0) {
            left[++depth] = item.elements;
        }
    }
    return at == length;
}
