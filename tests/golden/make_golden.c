/*
 * make_golden.c - makes the golden files of the current format version, once:
 *
 *     make_golden tests/golden/v1/definitions.json EMPTY-DIRECTORY
 *
 * then ctl, s.* and x.* of that directory are checked in beside the definitions, and never changed.
 * Two publishes, so that the current head names two extents and has a slot that fell empty. Seed
 * and clock are fixed: the same compiler makes the same bytes.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/model.h"
#include "compile/blob.h"
#include "publish/publisher.h"

#define SEED UINT64_C(0x676f6c64656e0001)
#define REALTIME_MS UINT64_C(1767225600000) /* 2026-01-01 */

static uint64_t realtime_ms(void)
{
    return REALTIME_MS;
}

static _Noreturn void give_up(const struct fault *fault)
{
    char text[2048];
    fault_text(fault, text, sizeof(text));
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static void put(struct publisher *p, enum image_blob_kind kind, const char *key, json_t *json)
{
    struct fault fault = {0};
    struct model_item *item = model_parse(kind, key, json, "golden", &fault);
    struct blob blob = {0};
    if (!item || blob_compile(item, publisher_slots(p), publisher_seed(p), 0, NULL, NULL, &blob,
                              &fault) != 0) {
        give_up(&fault);
    }
    publisher_put(p, kind, item->key.text, item->key.length, item->auto_version, &blob);
    model_free(item);
}

static void put_all(struct publisher *p, json_t *data, const char *except)
{
    const char *key;
    json_t *json;
    json_object_foreach(json_object_get(data, "segments"), key, json)
    {
        put(p, IMAGE_SEGMENT, key, json);
    }
    json_object_foreach(json_object_get(data, "flags"), key, json)
    {
        if (!except || strcmp(key, except) != 0) {
            put(p, IMAGE_FLAG, key, json);
        }
    }
}

static void publish(struct publisher *p)
{
    struct fault fault = {0};
    if (publisher_publish(p, false, &fault) != 0) {
        give_up(&fault);
    }
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *data = argc == 3 ? json_load_file(argv[1], 0, &error) : NULL;
    if (!data) {
        fprintf(stderr, "usage: make_golden DEFINITIONS DIRECTORY\n");
        return 2;
    }
    struct fault fault = {0};
    const struct publisher_options options = {
        .dir = argv[2], .fixed_seed = SEED, .realtime_ms = realtime_ms};
    struct publisher *p = publisher_open(&options, &fault);
    if (!p) {
        give_up(&fault);
    }
    json_t *gone =
        json_pack("{s:b, s:[b], s:{s:i}}", "on", 1, "variations", 1, "fallthrough", "variation", 0);
    put(p, IMAGE_FLAG, "gone", gone);
    put_all(p, data, "targets");
    publish(p);
    publisher_remove(p, IMAGE_FLAG, "gone", 4);
    put_all(p, data, NULL);
    publish(p);
    publisher_close(p);
    json_decref(gone);
    json_decref(data);
    return 0;
}
