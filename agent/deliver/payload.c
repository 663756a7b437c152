#include "payload.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window, in gzip's wrapping */
#define GZIP_MEMORY 8
#define GZIP_LEVEL 4 /* event JSON hardly shrinks more at 6, which takes twice as long */

int payload_id(char id[PAYLOAD_ID])
{
    uint8_t b[16];
    size_t have = 0;
    while (have < sizeof b) {
        const ssize_t got = getrandom(b + have, sizeof b - have, 0);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* the variant of RFC 4122 */
    (void)snprintf(id, PAYLOAD_ID,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return 0;
}

static int compress_text(const char *text, size_t length, struct payload_body *out)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return -1;
    }
    const uLong most = deflateBound(&stream, (uLong)length);
    unsigned char *const bytes = length <= UINT32_MAX && most <= UINT32_MAX ? malloc(most) : NULL;
    int result = -1;
    if (bytes) {
        stream.next_in = (unsigned char *)(uintptr_t)text; /* zlib only reads it */
        stream.avail_in = (uInt)length;
        stream.next_out = bytes;
        stream.avail_out = (uInt)most;
        result = deflate(&stream, Z_FINISH) == Z_STREAM_END ? 0 : -1;
    }
    if (result == 0) {
        void *const fitted = realloc(bytes, stream.total_out);
        *out = (struct payload_body){fitted ? fitted : bytes, stream.total_out, true};
    } else {
        free(bytes);
    }
    deflateEnd(&stream);
    return result;
}

int payload_encode(char *text, size_t length, bool gzip, struct payload_body *out)
{
    if (!gzip) {
        *out = (struct payload_body){text, length, false};
        return 0;
    }
    const int result = compress_text(text, length, out);
    free(text);
    return result;
}

int payload_join(char *const *events, size_t count, bool gzip, struct payload_body *out)
{
    size_t length = 2;
    for (size_t i = 0; i < count; i++) {
        length += strlen(events[i]) + (i > 0);
    }
    char *const text = malloc(length + 1);
    if (!text) {
        return -1;
    }
    char *to = text;
    *to++ = '[';
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *to++ = ',';
        }
        to = stpcpy(to, events[i]);
    }
    memcpy(to, "]", 2);
    return payload_encode(text, length, gzip, out);
}

size_t payload_fit(char *const *events, size_t count, size_t most)
{
    size_t length = 2;
    size_t i = 0;
    while (i < count) {
        length += strlen(events[i]) + 1;
        if (i > 0 && length > most) {
            break;
        }
        i++;
    }
    return i;
}
