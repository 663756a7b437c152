#include "definition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../catalog/document.h"
#include "../catalog/native.h"

static const char *section(enum storage_kind kind)
{
    return kind == STORAGE_SEGMENT ? "segments" : "flags";
}

int definition_check_key(const char *key, struct fault *fault)
{
    const size_t length = strlen(key);
    if (length == 0 || length > DEFINITION_KEY_MOST) {
        fault_set(fault, "key", "letters, digits, '.', '_' and '-' are best",
                  "a key has 1 to %u bytes", DEFINITION_KEY_MOST);
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)key[i] < 0x20 || key[i] == 0x7f) {
            fault_set(fault, "key", "letters, digits, '.', '_' and '-' are best",
                      "has a control character");
            return -1;
        }
    }
    return 0;
}

static json_t *document_of(enum storage_kind kind, const char *key, json_t *body)
{
    json_t *of_key = json_object();
    json_t *document = json_pack("{s:i}", "ffshm", 1);
    if (json_object_set_nocheck(of_key, key, body) != 0 ||
        json_object_set_nocheck(document, section(kind), of_key) != 0) {
        json_decref(document);
        document = NULL;
    }
    json_decref(of_key);
    return document;
}

static void no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory", "out of memory");
}

char *definition_text(enum storage_kind kind, const char *key, json_t *body)
{
    size_t length;
    json_t *document = document_of(kind, key, body);
    char *text = document ? document_dump(document, &length) : NULL;
    json_decref(document);
    return text;
}

json_t *definition_body(enum storage_kind kind, const char *key, const char *text,
                        struct fault *fault)
{
    json_t *document = document_parse(text, strlen(text), "", fault);
    json_t *body = json_object_get(json_object_get(document, section(kind)), key);
    if (document && !body) {
        fault_set(fault, "", "", "the stored definition is another key's");
    }
    json_incref(body);
    json_decref(document);
    return body;
}

/* "flags.new-checkout.variants" -> "variants". */
static void make_relative(enum storage_kind kind, const char *key, struct fault *fault)
{
    char prefix[sizeof fault->member];
    const int length = snprintf(prefix, sizeof prefix, "%s.%s", section(kind), key);
    const size_t cut = (size_t)length < sizeof prefix ? (size_t)length : sizeof prefix - 1;
    if (strncmp(fault->member, prefix, cut) == 0) {
        const char *rest = fault->member + cut;
        rest += *rest == '.';
        memmove(fault->member, rest, strlen(rest) + 1);
    }
}

/* What is lowered of a body; a new reference. */
static json_t *lower(enum storage_kind kind, const char *key, json_t *body, struct fault *fault)
{
    int64_t next_ms;
    json_t *document = document_of(kind, key, body);
    if (!document) {
        no_memory(fault);
        return NULL;
    }
    json_t *lowered = native_lower(document, 0, &next_ms, fault);
    json_t *item = json_object_get(json_object_get(lowered, section(kind)), key);
    json_incref(item);
    json_decref(lowered);
    json_decref(document);
    if (!item) {
        make_relative(kind, key, fault);
    }
    return item;
}

struct model_item *definition_lower(enum storage_kind kind, const char *key, json_t *body,
                                    int64_t version, const char *author, struct fault *fault)
{
    char provenance[128];
    json_t *lowered = lower(kind, key, body, fault);
    if (!lowered) {
        return NULL;
    }
    struct model_item *item = NULL;
    snprintf(provenance, sizeof provenance, "admin:%.100s", author);
    if (json_object_set_new(lowered, "version", json_integer(version)) != 0) {
        no_memory(fault);
    } else {
        item = model_parse(definition_item_kind(kind), key, lowered, provenance, fault);
    }
    json_decref(lowered);
    return item;
}

int definition_check_schedule(const char *key, json_t *body, json_t *schedule, struct fault *fault)
{
    json_t *whole = json_copy(body);
    if (!whole || json_object_set(whole, "schedule", schedule) != 0) {
        json_decref(whole);
        no_memory(fault);
        return -1;
    }
    json_t *lowered = lower(STORAGE_FLAG, key, whole, fault); /* at 0: all of it is to come */
    json_decref(whole);
    json_decref(lowered);
    return lowered ? 0 : -1;
}

json_t *definition_with(json_t *body, json_t *set)
{
    const char *name;
    json_t *value;
    json_t *result = json_copy(body);
    json_object_foreach(set, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(result, name);
        } else if (json_object_set_nocheck(result, name, value) != 0) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}
