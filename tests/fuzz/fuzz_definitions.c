/*
 * fuzz_definitions.c - a definition file of any bytes, through the agent's whole pipeline: read,
 * parse, lower, model, compile, verify, evaluate. What is refused is refused with a cause; what is
 * accepted compiles to an image that the verifier accepts.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "catalog/document.h"
#include "catalog/native.h"
#include "catalog/native_raise.h"
#include "fuzz.h"
#include "memory_image.h"
#include "source/definitions.h"

/* Equal, numbers by value. Recursion: a document has at most 512 levels. */
static bool same(json_t *a, json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        return json_number_value(a) == json_number_value(b);
    }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        for (size_t i = 0; i < json_array_size(a); i++) {
            if (!same(json_array_get(a, i), json_array_get(b, i))) {
                return false;
            }
        }
        return true;
    }
    if (json_is_object(a) && json_is_object(b) && json_object_size(a) == json_object_size(b)) {
        const char *name;
        json_t *value;
        json_object_foreach(a, name, value)
        {
            json_t *other = json_object_get(b, name);
            if (!other || !same(value, other)) {
                return false;
            }
        }
        return true;
    }
    return json_equal(a, b) != 0;
}

static void check_fault(const struct fault *fault)
{
    char text[2048];
    FUZZ_REQUIRE(fault->cause[0] != '\0' && fault->file[0] != '\0');
    FUZZ_REQUIRE(fault_text(fault, text, sizeof(text)) < sizeof(text));
    FUZZ_REQUIRE((fault->line == 0) == (fault->column == 0));
}

static void check_written(json_t *document, char *(*write)(const json_t *, size_t *))
{
    struct fault fault = {0};
    size_t length;
    char *written = write(document, &length);
    FUZZ_REQUIRE(written);
    json_t *again = document_parse(written, length, "fuzz", &fault);
    FUZZ_REQUIRE(again && same(document, again));
    json_decref(again);
    free(written);
}

/* Whatever comes out of LaunchDarkly's format is a native document. */
static void check_raised(const json_t *document)
{
    struct native_raised raised;
    struct fault fault = {0};
    int64_t next_ms;
    if (native_raise(document, &raised, &fault) == 0) {
        json_t *lowered = native_lower(raised.document, 0, &next_ms, &fault);
        FUZZ_REQUIRE(lowered);
        json_decref(lowered);
    } else {
        FUZZ_REQUIRE(fault.cause[0] != '\0');
    }
    native_raised_free(&raised);
}

/* A document written as JSON, or as YAML, reads back as itself. */
static void check_document(const char *text, size_t length)
{
    struct fault fault = {0};
    json_t *document = document_parse(text, length, "fuzz", &fault);
    if (!document) {
        check_fault(&fault);
        return;
    }
    if (json_is_object(document)) {
        check_written(document, document_dump);
        check_written(document, document_dump_yaml);
        check_raised(document);
    }
    json_decref(document);
}

static void check_definitions(const char *path)
{
    struct definitions definitions;
    struct fault fault;
    if (definitions_load(&path, 1, 1700000000000, NULL, &definitions, &fault) != 0) {
        check_fault(&fault);
        return;
    }
    struct memory_image image;
    size_t count;
    const struct ffshm_context *contexts = memory_image_contexts(&count);
    if (memory_image_make(definitions.items, definitions.count, &image, &fault)) {
        memory_image_evaluate(image.store, contexts, count);
        memory_image_free(&image);
    } else {
        FUZZ_REQUIRE(fault.cause[0] != '\0');
    }
    definitions_free(&definitions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1);
    FUZZ_REQUIRE(text);
    memcpy(text, data, size);
    check_document(text, size);
    int fd = memfd_create("definitions", MFD_CLOEXEC);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    FUZZ_REQUIRE(fd >= 0 && write(fd, text, size) == (ssize_t)size);
    check_definitions(path);
    close(fd);
    free(text);
    return 0;
}
