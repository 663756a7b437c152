/*
 * fuzz_context.c - a context from any bytes: parsed, written, read again and compared, and every
 * flag of tests/data/rich.json evaluated with it.
 */
#include <string.h>

#include "context.h"
#include "fuzz.h"
#include "memory_image.h"

static struct memory_image image;

static bool has_empty_key(const struct ffshm_context *c)
{
    for (unsigned i = 0; i < c->kind_count; i++) {
        if (c->kinds[i].key_length == 0) {
            return true;
        }
    }
    return false;
}

static char *written(const struct ffshm_context *c, size_t *length)
{
    *length = context_to_json(c, NULL, 0);
    char *text = malloc(*length + 1);
    FUZZ_REQUIRE(text && context_to_json(c, text, *length + 1) == *length);
    FUZZ_REQUIRE(strlen(text) == *length);
    char small[16];
    FUZZ_REQUIRE(context_to_json(c, small, sizeof(small)) == *length);
    FUZZ_REQUIRE(strncmp(small, text, sizeof(small) - 1) == 0);
    return text;
}

/* What it was written as means the same. An empty key is an old user's only, and cannot be written.
 */
static void read_again(const struct ffshm_context *c)
{
    size_t length;
    char *text = written(c, &length);
    char *scratch = malloc(length + 64);
    struct ffshm_context again;
    int error = ffshm_context_parse(&again, text, length, scratch, length + 64);
    if (!has_empty_key(c)) {
        FUZZ_REQUIRE(error == FFSHM_OK);
        FUZZ_REQUIRE(ffshm_context_equal(c, &again) && ffshm_context_equal(&again, c));
        FUZZ_REQUIRE(ffshm_context_key(c, NULL, 0) == ffshm_context_key(&again, NULL, 0));
        size_t again_length;
        char *again_text = written(&again, &again_length);
        FUZZ_REQUIRE(again_length == length && memcmp(text, again_text, length) == 0);
        FUZZ_REQUIRE(memory_image_evaluate(image.store, c, 1) ==
                     memory_image_evaluate(image.store, &again, 1));
        free(again_text);
    }
    free(scratch);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!image.store) {
        memory_image_load(FFSHM_SOURCE_DIR "/tests/data/rich.json", &image);
    }
    char *text = malloc(size ? size : 1);
    char *scratch = malloc(size + 64);
    struct ffshm_context c;
    FUZZ_REQUIRE(text && scratch);
    memcpy(text, data, size);
    int error = ffshm_context_parse(&c, text, size, scratch, size + 64);
    FUZZ_REQUIRE(error != FFSHM_TOO_SMALL);
    FUZZ_REQUIRE((error == FFSHM_OK) == (c.error == FFSHM_OK));
    memory_image_evaluate(image.store, &c, 1);
    if (error == FFSHM_OK) {
        read_again(&c);
    }
    free(scratch);
    scratch = malloc(size / 2 + 1);
    FUZZ_REQUIRE(scratch);
    ffshm_context_parse(&c, text, size, scratch, size / 2);
    memory_image_evaluate(image.store, &c, 1);
    free(scratch);
    free(text);
    return 0;
}
