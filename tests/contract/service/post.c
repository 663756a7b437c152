#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

#define POST_TIMEOUT_MS 10000

struct body {
    char *text; /* NUL-terminated */
    size_t length;
};

static size_t keep(char *data, size_t size, size_t count, void *arg)
{
    struct body *body = arg;
    char *grown = realloc(body->text, body->length + size * count + 1);
    if (!grown) {
        return 0;
    }
    memcpy(grown + body->length, data, size * count);
    body->text = grown;
    body->length += size * count;
    body->text[body->length] = '\0';
    return size * count;
}

long post(const char *url, const char *type, const char *text, char **answer)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, type);
    struct body body = {calloc(1, 1), 0};
    long status = -1;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(text));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)POST_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    if (curl && curl_easy_perform(curl) == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (answer) {
        *answer = body.text;
    } else {
        free(body.text);
    }
    return status;
}
