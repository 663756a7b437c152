#include "ctl_findings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/document.h"

#define PROVENANCE "file:"

/* Looking up a place reads the file up to there: this many bytes in all, then places go without. */
#define SEARCH_MAX ((size_t)2 << 30)

void findings_add(struct findings *f, enum severity severity, const struct fault *fault)
{
    f->count[severity]++;
    if (f->kept_count[severity] == FINDINGS_KEPT) {
        return;
    }
    if (f->kept_count[severity] == f->capacity[severity]) {
        const size_t capacity = f->capacity[severity] ? f->capacity[severity] * 2 : 8;
        struct fault *const more = reallocarray(f->kept[severity], capacity, sizeof **f->kept);
        if (!more) {
            f->no_memory = true;
            return;
        }
        f->kept[severity] = more;
        f->capacity[severity] = capacity;
    }
    f->kept[severity][f->kept_count[severity]++] = *fault;
}

static bool read_whole(struct findings *f, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        f->text = malloc((size_t)status.st_size + 1);
        f->length = 0;
        ssize_t got = 1;
        while (f->text && got > 0 && f->length < (size_t)status.st_size) {
            got = read(fd, f->text + f->length, (size_t)status.st_size - f->length);
            f->length += got > 0 ? (size_t)got : 0;
        }
    }
    close(fd);
    return f->text != NULL;
}

/* Makes f->text the text of the file; it stays empty when the file cannot be read (again). */
static void use_file(struct findings *f, const char *path)
{
    if (strcmp(f->path, path) == 0) {
        return;
    }
    free(f->text);
    f->text = NULL;
    f->length = 0;
    json_decref(f->document);
    f->document = NULL;
    snprintf(f->path, sizeof f->path, "%s", path);
    if (read_whole(f, path)) {
        struct fault ignored;
        f->document = document_parse(f->text, f->length, path, &ignored);
    }
}

/* The file that the item comes from; "": none. */
static const char *file_of(const struct model_item *item)
{
    const char *const provenance = item->provenance.text;
    return provenance && strncmp(provenance, PROVENANCE, strlen(PROVENANCE)) == 0
               ? provenance + strlen(PROVENANCE)
               : "";
}

static const char *section_of(const struct model_item *item)
{
    return item->kind == IMAGE_FLAG ? "flags" : "segments";
}

const json_t *findings_native(struct findings *f, const struct model_item *item)
{
    use_file(f, file_of(item));
    return json_object_get(f->document, "ffshm")
               ? json_object_get(json_object_get(f->document, section_of(item)), item->key.text)
               : NULL;
}

/* "rules[0].conditions[1].value" of a definition; NULL: it has none. */
static const json_t *walk(const json_t *at, const char *member)
{
    while (at && *member != '\0') {
        char name[64];
        size_t length = strcspn(member, ".[");
        if (*member == '[') {
            char *end;
            at = json_array_get(at, strtoull(member + 1, &end, 10));
            member = *end == ']' ? end + 1 : end;
        } else if (length > 0) {
            snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), member);
            at = json_object_get(at, name);
            member += length;
        } else {
            member++;
        }
    }
    return at;
}

/* A condition's only value is written without a list. */
static void drop_index(const json_t *definition, char *member)
{
    const size_t length = strlen(member);
    if (length > 3 && strcmp(member + length - 3, "[0]") == 0) {
        member[length - 3] = '\0';
        const json_t *const value = walk(definition, member);
        if (!value || json_is_array(value)) {
            member[length - 3] = '[';
        }
    }
}

/* The native names of the model's members. */
static void to_native(enum image_blob_kind kind, const char *member, char *out, size_t capacity)
{
    static const struct {
        const char *model;
        const char *native;
    } names[] = {
        {"rules", "targeting_rules"}, /* flags only: a segment's are rules */
        {"clauses", "conditions"},    {"values", "value"},
        {"variations", "variants"},   {"offVariation", "fallback_variant"},
    };
    size_t used = 0;
    while (*member != '\0' && used + 1 < capacity) {
        const size_t length = strcspn(member, ".[");
        const char *name = member;
        size_t name_length = length;
        for (size_t i = kind == IMAGE_FLAG ? 0 : 1; i < sizeof names / sizeof *names; i++) {
            if (strlen(names[i].model) == length && memcmp(names[i].model, member, length) == 0) {
                name = names[i].native;
                name_length = strlen(name);
            }
        }
        const size_t rest = strcspn(member + length, "abcdefghijklmnopqrstuvwxyz");
        const int written = snprintf(out + used, capacity - used, "%.*s%.*s", (int)name_length,
                                     name, (int)rest, member + length);
        used += written > 0 ? (size_t)written : 0;
        member += length + rest;
    }
}

void findings_add_item(struct findings *f, enum severity severity, const struct model_item *item,
                       const char *member, const char *hint, const char *cause)
{
    struct fault fault = {0};
    const char *const path = file_of(item);
    if (f->count[severity] >= FINDINGS_KEPT) {
        f->count[severity]++;
        return;
    }
    const json_t *const definition = findings_native(f, item);
    char native[256] = "";
    if (definition) {
        to_native(item->kind, member, native, sizeof native);
        drop_index(definition, native);
    }
    char full[sizeof fault.member];
    snprintf(full, sizeof full, "%s.%.*s%s%.128s", section_of(item),
             (int)(item->key.length < 120 ? item->key.length : 120), item->key.text,
             member[0] != '\0' ? "." : "", definition ? native : member);
    fault_set(&fault, full, hint, "%s", cause);
    snprintf(fault.file, sizeof fault.file, "%.*s", (int)sizeof fault.file - 1, path);
    if (f->text && f->searched < SEARCH_MAX) {
        f->searched += f->length;
        document_locate(f->text, f->length, path, &fault);
    }
    findings_add(f, severity, &fault);
}

void findings_free(struct findings *f)
{
    for (size_t i = 0; i < SEVERITIES; i++) {
        free(f->kept[i]);
    }
    free(f->text);
    json_decref(f->document);
    *f = (struct findings){0};
}
