/*
 * Definition files -> items, in three steps: every file is read, parsed and (if native) lowered to
 * LaunchDarkly's JSON; the definitions of all files are put together and linked; only then are the
 * items made. Nothing is given out unless all of it is good.
 */
#include "definitions.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../catalog/document.h"
#include "../catalog/native.h"
#include "hash.h"

struct file {
    const char *path;
    char *text;
    size_t length;
    bool native;
    json_t *document; /* LaunchDarkly's: as read, or as lowered */
};

/* One definition, before it is an item. */
struct entry {
    const struct file *file;
    const char *section; /* "flags", "flagValues" or "segments" */
    enum image_blob_kind kind;
    const char *key; /* the document's */
    json_t *json;    /* a reference */
};

struct loader {
    struct file *files;
    size_t file_count;
    struct entry *entries;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* hash table of entry index + 1, 0: empty; linear probing */
    size_t slot_count;
    struct document_memo *memo;
    struct fault *fault;
};

static bool no_memory(struct fault *fault)
{
    fault_set(fault, "", "", "out of memory");
    return false;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool unreadable(struct fault *fault, const char *what, int error)
{
    fault_set(fault, "", "", "cannot be %s: %s", what, strerror(error));
    return false;
}

/* Checks that it is a file of bearable size. O_NONBLOCK, or a FIFO would hold us up. */
static int open_file(const char *path, size_t *size, struct fault *fault)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        (void)unreadable(fault, "opened", errno);
    } else if (!S_ISREG(status.st_mode)) {
        fault_set(fault, "", "", "is not a file%s",
                  S_ISDIR(status.st_mode) ? " but a directory" : "");
    } else if (status.st_size > (off_t)DEFINITIONS_MAX_FILE) {
        fault_set(fault, "", "", "is larger than %u MiB", DEFINITIONS_MAX_FILE >> 20);
    } else {
        *size = (size_t)status.st_size;
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

/* Until its end, wherever that is by now: somebody may be writing. */
static bool read_all(int fd, size_t size, struct file *file, struct fault *fault)
{
    size_t capacity = size + 1;
    file->text = malloc(capacity);
    for (;;) {
        if (file->text != NULL && file->length == capacity) {
            char *grown = realloc(file->text, capacity * 2);
            if (grown == NULL) {
                return no_memory(fault);
            }
            file->text = grown;
            capacity *= 2;
        }
        if (file->text == NULL) {
            return no_memory(fault);
        }
        const ssize_t got = read(fd, file->text + file->length, capacity - file->length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return unreadable(fault, "read", errno);
        }
        if (got == 0) {
            return true;
        }
        file->length += (size_t)got;
        if (file->length > DEFINITIONS_MAX_FILE) {
            fault_set(fault, "", "", "is larger than %u MiB", DEFINITIONS_MAX_FILE >> 20);
            return false;
        }
    }
}

static bool read_file(struct file *file, struct fault *fault)
{
    (void)snprintf(fault->file, sizeof fault->file, "%s", file->path);
    size_t size;
    const int fd = open_file(file->path, &size, fault);
    if (fd < 0) {
        return false;
    }
    const bool good = read_all(fd, size, file, fault);
    (void)close(fd);
    return good;
}

/* ---- collecting ---------------------------------------------------------------------------- */

/* Says where in the file fault->member is. */
static bool bad_member(const struct file *file, struct fault *fault)
{
    document_locate(file->text, file->length, file->path, fault);
    return false;
}

static bool collect(struct loader *l, const struct file *file, const char *section,
                    enum image_blob_kind kind, const char *key, json_t *json)
{
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity == 0 ? 64 : l->capacity * 2;
        struct entry *grown = realloc(l->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return no_memory(l->fault);
        }
        l->entries = grown;
        l->capacity = capacity;
    }
    l->entries[l->count++] = (struct entry){file, section, kind, key, json_incref(json)};
    return true;
}

static bool seems_native(const json_t *flag)
{
    return json_object_get(flag, "variants") != NULL && json_object_get(flag, "variations") == NULL;
}

static bool collect_full(struct loader *l, const struct file *file, const char *section,
                         enum image_blob_kind kind, const char *key, json_t *json)
{
    if (file->native) {
        return collect(l, file, section, kind, key, json);
    }
    if (seems_native(json)) {
        char member[256];
        (void)snprintf(member, sizeof member, "%s.%.200s.variants", section, key);
        fault_set(l->fault, member, "begin the file with ffshm: 1",
                  "LaunchDarkly's format has no variants; is this a native definition?");
        return bad_member(file, l->fault);
    }
    const json_t *version = json_object_get(json, "version");
    if (json_is_object(json) && (version == NULL || json_is_null(version)) &&
        json_object_set_new_nocheck(json, "version", json_integer(1)) != 0) {
        return no_memory(l->fault);
    }
    return collect(l, file, section, kind, key, json);
}

/* A value for everybody. */
static bool collect_value(struct loader *l, const struct file *file, const char *section,
                          enum image_blob_kind kind, const char *key, json_t *value)
{
    json_t *flag = json_pack("{s:s, s:i, s:b, s:[O], s:{s:i}}", "key", key, "version", 1, "on", 1,
                             "variations", value, "fallthrough", "variation", 0);
    const bool good =
        flag != NULL ? collect(l, file, section, kind, key, flag) : no_memory(l->fault);
    json_decref(flag);
    return good;
}

typedef bool collect_fn(struct loader *l, const struct file *file, const char *section,
                        enum image_blob_kind kind, const char *key, json_t *json);

static const struct section {
    const char *name;
    enum image_blob_kind kind;
    collect_fn *collect;
} sections[] = {
    {"flags", IMAGE_FLAG, collect_full},
    {"flagValues", IMAGE_FLAG, collect_value},
    {"segments", IMAGE_SEGMENT, collect_full},
};
#define SECTION_COUNT (sizeof sections / sizeof sections[0])

static bool collect_section(struct loader *l, const struct file *file,
                            const struct section *section)
{
    json_t *definitions = json_object_get(file->document, section->name);
    for (void *i = json_object_iter(definitions); i != NULL;
         i = json_object_iter_next(definitions, i)) {
        if (!section->collect(l, file, section->name, section->kind, json_object_iter_key(i),
                              json_object_iter_value(i))) {
            return false;
        }
    }
    return true;
}

/* Has a file what LaunchDarkly's format asks for? What else is in it is ignored, as there. */
static bool check_launchdarkly(const struct file *file, struct fault *fault)
{
    if (!json_is_object(file->document)) {
        fault_set(fault, "", "a native file begins with ffshm: 1", "must be an object with flags");
        return bad_member(file, fault);
    }
    size_t found = 0;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const json_t *member = json_object_get(file->document, sections[i].name);
        found += member != NULL;
        if (member != NULL && !json_is_object(member)) {
            fault_set(fault, sections[i].name, "where there are none, write {}",
                      json_is_null(member) ? "is empty" : "must be an object");
            return bad_member(file, fault);
        }
    }
    if (found == 0) {
        fault_set(fault, "", "a native file begins with ffshm: 1 and has flags or segments",
                  "there is none of flags, flagValues and segments");
        return bad_member(file, fault);
    }
    return true;
}

static bool lower(struct file *file, int64_t now_ms, int64_t *next_ms, struct fault *fault)
{
    int64_t next;
    json_t *lowered = native_lower(file->document, now_ms, &next, fault);
    if (lowered == NULL) {
        return bad_member(file, fault);
    }
    if (next != 0 && (*next_ms == 0 || next < *next_ms)) {
        *next_ms = next;
    }
    json_decref(file->document);
    file->document = lowered;
    return true;
}

static bool load_file(struct loader *l, struct file *file, int64_t now_ms, int64_t *next_ms)
{
    if (!read_file(file, l->fault)) {
        return false;
    }
    file->document = document_parse_memo(file->text, file->length, file->path, l->memo, l->fault);
    if (file->document == NULL) {
        return false;
    }
    file->native = json_object_get(file->document, "ffshm") != NULL;
    if (file->native ? !lower(file, now_ms, next_ms, l->fault)
                     : !check_launchdarkly(file, l->fault)) {
        return false;
    }
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (!collect_section(l, file, &sections[i])) {
            return false;
        }
    }
    return true;
}

/* ---- merging ------------------------------------------------------------------------------- */

/* The slot that holds {kind, key}, or the empty one where it belongs. */
static uint32_t *find_slot(const struct loader *l, enum image_blob_kind kind, const char *key)
{
    size_t at = hash_bytes(key, strlen(key)) + (size_t)kind;
    for (;; at++) {
        uint32_t *slot = &l->slots[at & (l->slot_count - 1)];
        if (*slot == 0 ||
            (l->entries[*slot - 1].kind == kind && strcmp(l->entries[*slot - 1].key, key) == 0)) {
            return slot;
        }
    }
}

static void entry_member(const struct entry *entry, const char *rest, struct fault *fault)
{
    char member[2 * sizeof fault->member + 32]; /* cut below: rest may be in fault->member */
    (void)snprintf(member, sizeof member, "%s.%.255s%s%s", entry->section, entry->key,
                   rest[0] != '\0' ? "." : "", rest);
    member[sizeof fault->member - 1] = '\0';
    (void)memcpy(fault->member, member, sizeof fault->member);
}

static bool duplicate(const struct entry *first, const struct entry *second, struct fault *fault)
{
    struct fault place = {0};
    entry_member(first, "", &place);
    (void)bad_member(first->file, &place);
    fault_set(fault, "", "a key may be there once, in all files together",
              "the %s is already defined in %s, line %u",
              second->kind == IMAGE_FLAG ? "flag" : "segment", first->file->path, place.line);
    entry_member(second, "", fault);
    return bad_member(second->file, fault);
}

static bool merge(struct loader *l)
{
    l->slot_count = 16;
    while (l->slot_count < l->count * 2) {
        l->slot_count *= 2;
    }
    l->slots = calloc(l->slot_count, sizeof *l->slots);
    if (l->slots == NULL) {
        return no_memory(l->fault);
    }
    for (size_t i = 0; i < l->count; i++) {
        uint32_t *slot = find_slot(l, l->entries[i].kind, l->entries[i].key);
        if (*slot != 0) {
            return duplicate(&l->entries[*slot - 1], &l->entries[i], l->fault);
        }
        *slot = (uint32_t)i + 1;
    }
    return true;
}

static const json_t *find_flag(void *arg, const char *key)
{
    const struct loader *l = arg;
    const uint32_t slot = *find_slot(l, IMAGE_FLAG, key);
    return slot == 0 ? NULL : l->entries[slot - 1].json;
}

/* fault->member is relative to the definition; makes it one of the file. What was lowered has
   members that its file does not. */
static bool bad_entry(const struct entry *entry, bool same_members, struct fault *fault)
{
    char rest[sizeof fault->member];
    (void)memcpy(rest, fault->member, sizeof rest);
    entry_member(entry, same_members ? rest : "", fault);
    return bad_member(entry->file, fault);
}

static bool link_all(struct loader *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct entry *entry = &l->entries[i];
        if (entry->file->native && entry->kind == IMAGE_FLAG &&
            !native_link(entry->json, find_flag, l, l->fault)) {
            return bad_entry(entry, true, l->fault);
        }
    }
    return true;
}

/* ---- the items ----------------------------------------------------------------------------- */

static bool make_items(struct loader *l, struct definitions *out)
{
    char provenance[PATH_MAX + 8];
    const struct file *named = NULL;
    out->items = calloc(l->count + 1, sizeof(struct model_item *));
    if (out->items == NULL) {
        return no_memory(l->fault);
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct entry *entry = &l->entries[i];
        if (entry->file != named) {
            named = entry->file;
            (void)snprintf(provenance, sizeof provenance, "file:%s", named->path);
        }
        struct model_item *item =
            model_parse(entry->kind, entry->key, entry->json, provenance, l->fault);
        if (item == NULL) {
            const bool value = entry->section == sections[1].name;
            if (entry->kind == IMAGE_FLAG && !json_is_object(entry->json)) {
                fault_set(l->fault, "", "write a whole flag, or move it to flagValues",
                          "must be an object");
            }
            return bad_entry(entry, !entry->file->native && !value, l->fault);
        }
        out->items[out->count++] = item;
    }
    return true;
}

static bool load(struct loader *l, const char *const *files, int64_t now_ms,
                 struct definitions *out)
{
    l->files = calloc(l->file_count + 1, sizeof *l->files);
    if (l->files == NULL) {
        return no_memory(l->fault);
    }
    for (size_t i = 0; i < l->file_count; i++) {
        l->files[i].path = files[i];
        if (!load_file(l, &l->files[i], now_ms, &out->next_ms)) {
            return false;
        }
    }
    return merge(l) && link_all(l) && make_items(l, out);
}

int definitions_load(const char *const *files, size_t count, int64_t now_ms,
                     struct document_memo *memo, struct definitions *out, struct fault *fault)
{
    memset(out, 0, sizeof *out);
    memset(fault, 0, sizeof *fault);
    struct loader loader = {.file_count = count, .memo = memo, .fault = fault};
    const bool good = load(&loader, files, now_ms, out);
    document_memo_end(memo, good);
    for (size_t i = 0; i < loader.count; i++) {
        json_decref(loader.entries[i].json);
    }
    for (size_t i = 0; loader.files != NULL && i < count; i++) {
        json_decref(loader.files[i].document);
        free(loader.files[i].text);
    }
    free(loader.entries);
    free(loader.slots);
    free(loader.files);
    if (!good) {
        definitions_free(out);
        return -1;
    }
    return 0;
}

void definitions_free(struct definitions *d)
{
    for (size_t i = 0; i < d->count; i++) {
        model_free(d->items[i]);
    }
    free(d->items);
    memset(d, 0, sizeof *d);
}
