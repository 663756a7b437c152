#include "admin_chunked.h"

#define OVERHEAD_MOST 4096u
#define DIGITS_MOST 15u

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static enum admin_chunked_state size_byte(struct admin_chunked *c, char byte)
{
    const int digit = hex(byte);
    if (digit >= 0) {
        if (++c->digits > DIGITS_MOST) {
            return CHUNKED_BAD;
        }
        c->left = c->left * 16 + (uint64_t)digit;
        return CHUNKED_SIZE;
    }
    if (c->digits == 0) {
        return CHUNKED_BAD;
    }
    return byte == '\r' ? CHUNKED_SIZE_END : byte == ';' ? CHUNKED_EXTENSION : CHUNKED_BAD;
}

/* What is ignored is bounded. */
static enum admin_chunked_state ignored(struct admin_chunked *c, char byte,
                                        enum admin_chunked_state here,
                                        enum admin_chunked_state after)
{
    if (byte == '\r') {
        return after;
    }
    return byte == '\n' || ++c->overhead > OVERHEAD_MOST ? CHUNKED_BAD : here;
}

static enum admin_chunked_state next(struct admin_chunked *c, char byte)
{
    switch (c->state) {
    case CHUNKED_SIZE:
        return size_byte(c, byte);
    case CHUNKED_EXTENSION:
        return ignored(c, byte, CHUNKED_EXTENSION, CHUNKED_SIZE_END);
    case CHUNKED_SIZE_END:
        c->digits = 0;
        return byte != '\n' ? CHUNKED_BAD : c->left ? CHUNKED_DATA : CHUNKED_TRAILER;
    case CHUNKED_DATA_CR:
        return byte == '\r' ? CHUNKED_DATA_LF : CHUNKED_BAD;
    case CHUNKED_DATA_LF:
        return byte == '\n' ? CHUNKED_SIZE : CHUNKED_BAD;
    case CHUNKED_TRAILER:
        return ignored(c, byte, CHUNKED_TRAILER_LINE, CHUNKED_END_LF);
    case CHUNKED_TRAILER_LINE:
        return ignored(c, byte, CHUNKED_TRAILER_LINE, CHUNKED_TRAILER_LF);
    case CHUNKED_TRAILER_LF:
        return byte == '\n' ? CHUNKED_TRAILER : CHUNKED_BAD;
    case CHUNKED_END_LF:
        return byte == '\n' ? CHUNKED_DONE : CHUNKED_BAD;
    default:
        return c->state;
    }
}

size_t admin_chunked_take(struct admin_chunked *c, const char *bytes, size_t length, size_t room,
                          const char **data, size_t *data_length)
{
    size_t taken = 0;
    *data = bytes;
    *data_length = 0;
    while (taken < length && c->state != CHUNKED_DONE && c->state != CHUNKED_BAD) {
        if (c->state != CHUNKED_DATA) {
            c->broken = c->state;
            c->state = next(c, bytes[taken++]);
            continue;
        }
        const size_t here = length - taken;
        size_t count = c->left < here ? (size_t)c->left : here;
        count = count < room ? count : room;
        *data = bytes + taken;
        *data_length = count;
        c->left -= count;
        if (c->left == 0) {
            c->state = CHUNKED_DATA_CR;
        }
        return taken + count;
    }
    return taken;
}

const char *admin_chunked_why(const struct admin_chunked *c)
{
    switch (c->broken) {
    case CHUNKED_SIZE:
        return "a chunk does not begin with its size in hexadecimal digits and CR LF";
    case CHUNKED_EXTENSION:
    case CHUNKED_SIZE_END:
        return "the line with a chunk's size is too long, or does not end with CR LF";
    case CHUNKED_DATA_CR:
    case CHUNKED_DATA_LF:
        return "a chunk is longer than its size, or does not end with CR LF";
    default:
        return "what follows the last chunk is too long, or a line of it does not end with CR LF";
    }
}
