#include "live_store.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/model.h"
#include "compile/blob.h"

static _Noreturn void give_up(const char *what, const struct fault *fault)
{
    char text[2048];
    fault_text(fault, text, sizeof(text));
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void live_store_open(struct live_store *s)
{
    memset(s, 0, sizeof(*s));
    snprintf(s->dir, sizeof(s->dir), "/dev/shm/ffshm-test.XXXXXX");
    if (!mkdtemp(s->dir)) {
        perror(s->dir);
        exit(1);
    }
    live_store_reopen(s);
}

void live_store_reopen(struct live_store *s)
{
    struct fault fault = {0};
    const struct publisher_options options = {.dir = s->dir};
    s->publisher = publisher_open(&options, &fault);
    if (!s->publisher) {
        give_up("publisher_open", &fault);
    }
}

void live_store_release(struct live_store *s)
{
    publisher_close(s->publisher);
    s->publisher = NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void live_store_close(struct live_store *s)
{
    if (s->publisher) {
        live_store_release(s);
    }
    nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool live_store_try_put(struct live_store *s, enum image_blob_kind kind, const char *key,
                        json_t *json, struct fault *fault)
{
    struct fault unused;
    fault = fault ? fault : &unused;
    struct model_item *item = model_parse(kind, key, json, "test", fault);
    if (!item) {
        return false;
    }
    if (item->deleted) {
        publisher_remove(s->publisher, kind, item->key.text, item->key.length);
        model_free(item);
        return true;
    }
    struct blob blob = {0};
    bool compiled = blob_compile(item, publisher_slots(s->publisher), publisher_seed(s->publisher),
                                 now_ms(), NULL, NULL, &blob, fault) == 0;
    if (compiled) {
        publisher_put(s->publisher, kind, item->key.text, item->key.length, item->auto_version,
                      &blob);
    }
    model_free(item);
    return compiled;
}

void live_store_put(struct live_store *s, enum image_blob_kind kind, const char *key, json_t *json)
{
    struct fault fault = {0};
    if (!live_store_try_put(s, kind, key, json, &fault)) {
        give_up(key, &fault);
    }
}

void live_store_put_text(struct live_store *s, enum image_blob_kind kind, const char *key,
                         const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
    if (!json) {
        fprintf(stderr, "%s: %s\n", key, error.text);
        exit(1);
    }
    live_store_put(s, kind, key, json);
    json_decref(json);
}

struct stale {
    json_t *data;
    struct {
        enum image_blob_kind kind;
        char *key;
    } gone[4096];
    size_t count;
};

static void note_stale(void *arg, enum image_blob_kind kind, const char *key, size_t length)
{
    struct stale *stale = arg;
    (void)length;
    json_t *group = json_object_get(stale->data, kind == IMAGE_FLAG ? "flags" : "segments");
    if (!json_object_get(group, key) && stale->count < 4096) {
        stale->gone[stale->count].kind = kind;
        stale->gone[stale->count++].key = strdup(key);
    }
}

void live_store_replace(struct live_store *s, json_t *data)
{
    struct stale *stale = calloc(1, sizeof(*stale));
    if (!stale) {
        exit(1);
    }
    stale->data = data;
    publisher_each(s->publisher, note_stale, stale);
    for (size_t i = 0; i < stale->count; i++) {
        publisher_remove(s->publisher, stale->gone[i].kind, stale->gone[i].key,
                         strlen(stale->gone[i].key));
        free(stale->gone[i].key);
    }
    free(stale);
    const char *key;
    json_t *json;
    json_object_foreach(json_object_get(data, "segments"), key, json)
    {
        live_store_put(s, IMAGE_SEGMENT, key, json);
    }
    json_object_foreach(json_object_get(data, "flags"), key, json)
    {
        live_store_put(s, IMAGE_FLAG, key, json);
    }
}

void live_store_publish(struct live_store *s)
{
    struct fault fault = {0};
    if (publisher_publish(s->publisher, false, &fault) != 0) {
        give_up("publisher_publish", &fault);
    }
    if (publisher_wants_compaction(s->publisher) && publisher_compact(s->publisher, &fault) != 0) {
        give_up("publisher_compact", &fault);
    }
}
