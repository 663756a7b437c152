/*
 * fuzz_sse.c - agent/source/sse.h on any bytes: however they are cut into pieces, the events are
 * those that a reader of the whole text finds, line by line.
 */
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "source/sse.h"

#define MOST_BYTES 300u

/* What was told, as one number. */
struct told {
    uint64_t digest;
    unsigned events;
};

static void tell(struct told *told, const void *bytes, size_t length)
{
    const uint64_t parts[3] = {told->digest, hash_bytes(bytes, length), length};
    told->digest = hash_bytes(parts, sizeof parts);
}

static bool on_event(void *arg, const char *name, const char *data, size_t length)
{
    struct told *told = arg;
    FUZZ_REQUIRE(data[length] == '\0');
    FUZZ_REQUIRE(length <= MOST_BYTES && strlen(name) <= SSE_NAME_MOST && name[0] != '\0');
    told->events++;
    tell(told, name, strlen(name));
    tell(told, data, length);
    return strcmp(name, "stop") != 0;
}

static void on_retry(void *arg, int64_t ms)
{
    FUZZ_REQUIRE(ms >= 0);
    tell(arg, &ms, sizeof ms);
}

/* ---- the reference: looks at whole lines ------------------------------------------------- */

struct reading {
    struct told told;
    char name[SSE_NAME_MOST + 1];
    char data[MOST_BYTES + 1];
    size_t length;
    bool has_data;
};

static enum sse_verdict dispatch(struct reading *r)
{
    bool good = true;
    if (r->has_data) {
        r->data[r->length] = '\0';
        good = on_event(&r->told, r->name[0] != '\0' ? r->name : "message", r->data, r->length);
    }
    r->name[0] = '\0';
    r->length = 0;
    r->has_data = false;
    return good ? SSE_MORE : SSE_STOPPED;
}

static enum sse_verdict take_data(struct reading *r, const char *value, size_t length)
{
    const size_t feed = r->has_data;
    r->has_data = true;
    if (r->length + feed + length > MOST_BYTES) {
        return SSE_TOO_LARGE;
    }
    memcpy(r->data + r->length, "\n", feed);
    memcpy(r->data + r->length + feed, value, length);
    r->length += feed + length;
    return SSE_MORE;
}

static void take_name(struct reading *r, const char *value, size_t length)
{
    const size_t taken = length < SSE_NAME_MOST ? length : SSE_NAME_MOST;
    for (size_t i = 0; i < taken; i++) {
        r->name[i] = value[i] ? value[i] : '?';
    }
    r->name[taken] = '\0';
}

static void take_retry(struct reading *r, const char *value, size_t length)
{
    char digits[10] = {0};
    if (length > 0 && length < sizeof digits) {
        memcpy(digits, value, length);
        if (strspn(digits, "0123456789") == length) {
            on_retry(&r->told, strtoll(digits, NULL, 10));
        }
    }
}

static enum sse_verdict take_line(struct reading *r, const char *line, size_t length)
{
    if (length == 0) {
        return dispatch(r);
    }
    const char *colon = memchr(line, ':', length);
    const size_t name = colon ? (size_t)(colon - line) : length;
    const char *value = colon ? colon + 1 : line + length;
    value += value < line + length && *value == ' ';
    const size_t rest = (size_t)(line + length - value);
    if (name == 4 && memcmp(line, "data", 4) == 0) {
        return take_data(r, value, rest);
    }
    if (name == 5 && memcmp(line, "event", 5) == 0) {
        take_name(r, value, rest);
    } else if (name == 5 && memcmp(line, "retry", 5) == 0) {
        take_retry(r, value, rest);
    }
    return SSE_MORE;
}

static enum sse_verdict read_whole(const char *text, size_t size, struct told *told)
{
    struct reading *r = calloc(1, sizeof *r);
    FUZZ_REQUIRE(r != NULL);
    enum sse_verdict verdict = SSE_MORE;
    size_t at = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (size_t end = at; end < size && verdict == SSE_MORE; end++) {
        if (text[end] == '\n' || text[end] == '\r') {
            verdict = take_line(r, text + at, end - at);
            end += text[end] == '\r' && end + 1 < size && text[end + 1] == '\n';
            at = end + 1;
        }
    }
    /* A line that has not come to its end may be too long already. */
    if (verdict == SSE_MORE && size - at >= 5 && memcmp(text + at, "data:", 5) == 0) {
        verdict = take_line(r, text + at, size - at);
    }
    *told = r->told;
    free(r);
    return verdict;
}

/* ---- the parser, in pieces ---------------------------------------------------------------- */

static enum sse_verdict feed_pieces(struct sse *sse, const char *text, size_t size, size_t most)
{
    uint64_t random = most;
    enum sse_verdict verdict = SSE_MORE;
    for (size_t at = 0; at < size && verdict == SSE_MORE;) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t length = 1 + (size_t)(random >> 33) % most;
        length = length < size - at ? length : size - at;
        char *piece = malloc(length); /* its own allocation: reading beyond is seen */
        FUZZ_REQUIRE(piece != NULL);
        memcpy(piece, text + at, length);
        verdict = sse_feed(sse, piece, length);
        free(piece);
        at += length;
    }
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {SIZE_MAX / 2, 1, 2, 3, 7, 40, 500};
    struct told whole;
    const enum sse_verdict expected = read_whole((const char *)data, size, &whole);
    struct told told = {0};
    const struct sse_handler handler = {on_event, on_retry, &told};
    struct sse *sse = sse_new(MOST_BYTES, &handler);
    FUZZ_REQUIRE(sse != NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(&told, 0, sizeof told);
        sse_begin(sse);
        const enum sse_verdict verdict = i == 0
                                             ? sse_feed(sse, (const char *)data, size)
                                             : feed_pieces(sse, (const char *)data, size, sizes[i]);
        FUZZ_REQUIRE(verdict == expected && told.events == whole.events);
        FUZZ_REQUIRE(told.digest == whole.digest);
    }
    sse_free(sse);
    return 0;
}
