/*
 * fuzz_launchdarkly.c - the data of put, patch and delete: any bytes. What is accepted, read again
 * from the text that is handed over with it (as it will be from what was kept), is the same.
 */
#include <string.h>

#include "fuzz.h"
#include "source/launchdarkly.h"
#include "source/launchdarkly_data.h"

/* as_written: the text is the one that was read. Else 2.0 was written as 2, which is the same
   version, and another value to jansson. */
static void check_same(const struct model_item *a, const struct model_item *b, bool as_written)
{
    FUZZ_REQUIRE(a->kind == b->kind && a->version == b->version && a->deleted == b->deleted);
    FUZZ_REQUIRE(a->key.length == b->key.length &&
                 memcmp(a->key.text, b->key.text, a->key.length) == 0);
    FUZZ_REQUIRE(!as_written || json_equal(a->json, b->json));
}

static void check_put(const char *text, size_t size)
{
    struct launchdarkly_put put;
    struct fault fault;
    if (!launchdarkly_read_put(text, size, &put, &fault)) {
        FUZZ_REQUIRE(fault.cause[0] != '\0' && put.items == NULL);
        return;
    }
    if (!put.ignored) {
        struct model_item **items;
        size_t count;
        FUZZ_REQUIRE(
            launchdarkly_parse_state(put.json.bytes, put.json.length, &items, &count, &fault) == 0);
        FUZZ_REQUIRE(count == put.count);
        for (size_t i = 0; i < count; i++) {
            check_same(items[i], put.items[i], put.json.owned == NULL);
            model_free(items[i]);
        }
        free(items);
    }
    launchdarkly_put_free(&put);
}

typedef bool read_fn(const char *text, size_t length, struct launchdarkly_patch *patch,
                     struct fault *fault);

static void check_change(const char *text, size_t size, read_fn *read)
{
    struct launchdarkly_patch patch;
    struct fault fault;
    if (!read(text, size, &patch, &fault)) {
        FUZZ_REQUIRE(fault.cause[0] != '\0' && patch.item == NULL);
        return;
    }
    if (!patch.ignored) {
        struct model_item *again =
            launchdarkly_parse_item(patch.path, patch.json.bytes, patch.json.length, &fault);
        FUZZ_REQUIRE(again != NULL);
        check_same(again, patch.item, patch.json.owned == NULL);
        model_free(again);
    }
    launchdarkly_patch_free(&patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size != 0 ? size : 1); /* its own allocation: reading beyond is seen */
    FUZZ_REQUIRE(text != NULL);
    memcpy(text, data, size);
    check_put(text, size);
    check_change(text, size, launchdarkly_read_patch);
    check_change(text, size, launchdarkly_read_delete);
    free(text);
    return 0;
}
