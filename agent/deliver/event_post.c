#include "event_post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS 30000 /* of a whole request */
#define OURS 4           /* headers that are added to those of every request */

int event_target_init(struct event_target *target, struct http *http, const char *base_uri,
                      const char *path, const char *const *headers)
{
    size_t length = strlen(base_uri);
    size_t count = 0;
    while (length > 0 && base_uri[length - 1] == '/') {
        length--;
    }
    while (headers && headers[count]) {
        count++;
    }
    *target = (struct event_target){.http = http};
    target->headers = calloc(count + OURS + 1, sizeof(char *));
    target->url = malloc(length + strlen(path) + 1);
    if (!target->headers || !target->url) {
        event_target_free(target);
        return -1;
    }
    memcpy(mempcpy(target->url, base_uri, length), path, strlen(path) + 1);
    for (; target->header_count < count; target->header_count++) {
        char *const copy = strdup(headers[target->header_count]);
        if (!copy) {
            event_target_free(target);
            return -1;
        }
        target->headers[target->header_count] = copy;
    }
    return 0;
}

void event_target_free(struct event_target *target)
{
    for (size_t i = 0; target->headers && i < target->header_count; i++) {
        free(target->headers[i]);
    }
    free(target->headers);
    free(target->url);
    *target = (struct event_target){0};
}

struct http_request *event_post(struct event_target *target, const struct payload_body *body,
                                const char *id, const struct http_handler *handler)
{
    static char type[] = "Content-Type: application/json";
    static char schema[] = "X-LaunchDarkly-Event-Schema: 4";
    static char encoding[] = "Content-Encoding: gzip";
    char id_header[sizeof "X-LaunchDarkly-Payload-ID: " + PAYLOAD_ID];
    char **const ours = target->headers + target->header_count;
    size_t count = 0;
    ours[count++] = type;
    if (id) {
        (void)snprintf(id_header, sizeof id_header, "X-LaunchDarkly-Payload-ID: %s", id);
        ours[count++] = schema;
        ours[count++] = id_header;
    }
    if (body->gzip) {
        ours[count++] = encoding;
    }
    const struct http_spec spec = {
        .method = "POST",
        .url = target->url,
        .headers = (const char *const *)target->headers,
        .body = body->bytes,
        .body_length = body->length,
        .total_timeout_ms = TIMEOUT_MS,
    };
    struct http_request *const request = http_start(target->http, &spec, handler);
    memset(ours, 0, OURS * sizeof *ours); /* id_header does not outlive this call */
    return request;
}

/* A status says it all, whatever became of the rest of the response. */
enum event_verdict event_verdict(const struct http_result *result)
{
    const long status = result->status;
    if (status >= 200 && status < 300) {
        return EVENT_ACCEPTED;
    }
    if (status == 413) {
        return EVENT_TOO_LARGE;
    }
    if (status >= 400 && status < 500 && status != 400 && status != 408 && status != 429) {
        return EVENT_REFUSED;
    }
    return EVENT_AGAIN;
}

int64_t event_date(const char *header)
{
    struct tm utc = {0};
    const char *const end = header ? strptime(header, "%a, %d %b %Y %H:%M:%S GMT", &utc) : NULL;
    const time_t seconds = end && *end == '\0' ? timegm(&utc) : 0;
    return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}
