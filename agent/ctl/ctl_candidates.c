#include "ctl_candidates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_complete.h"
#include "ctl_files.h"
#include "ctl_output.h"
#include "ctl_when.h"
#include "ffshm.h"
#include "hash.h"

#define LONGEST 512   /* bytes of a candidate or of what it is; longer keys are not offered */
#define PATIENCE_S 2L /* somebody waits at the prompt */

/* ---- of the current snapshot, straight from its files ---------------------------------------- */

static bool copy(char text[LONGEST], const void *blob, struct image_string s)
{
    if (s.length == 0 || s.length >= LONGEST ||
        memchr(image_text(blob, s), '\0', s.length) != NULL) {
        return false;
    }
    memcpy(text, image_text(blob, s), s.length);
    text[s.length] = '\0';
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void offer_keys(struct completion *c, const struct snapshot *s, uint32_t kind)
{
    char text[LONGEST];
    const size_t from = c->count;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct image_blob *blob = snapshot_slot(s, i, kind).blob;
        if (blob && copy(text, blob, blob->key)) {
            complete_offer(c, text, NULL);
        }
    }
    if (c->count > from) {
        qsort(c->lines + from, c->count - from, sizeof *c->lines, by_text);
    }
}

/* Its key where it has one, else its index; and its value. */
static void offer_variation(struct completion *c, const struct image_flag *flag, uint32_t i)
{
    char text[LONGEST];
    char value[LONGEST];
    const struct image_variation *variation =
        (const struct image_variation *)image_at(flag, flag->variations_offset) + i;
    if (!copy(text, flag, variation->key)) {
        snprintf(text, sizeof text, "%u", (unsigned)i);
    }
    complete_offer(c, text, copy(value, flag, variation->json) ? value : NULL);
}

static void offer_variants(struct completion *c, const struct snapshot *s)
{
    const char *key = c->word_count > 0 ? c->words[0] : "";
    const size_t length = strlen(key);
    const struct image_blob *blob = snapshot_find(s, key, length, hash_bytes(key, length)).blob;
    const struct image_flag *flag = (const void *)blob;
    for (uint32_t i = 0; flag && i < flag->variation_count; i++) {
        offer_variation(c, flag, i);
    }
}

enum wanted { FLAGS, SEGMENTS, VARIANTS };

static void of_snapshot(struct ctl *ctl, enum wanted wanted)
{
    struct files_snapshot s;
    char why[FILES_WHY];
    uint64_t generation;
    if (files_open_current(files_dir(ctl->dir), &generation, &s, why) != FFSHM_OK) {
        return;
    }
    if (wanted == VARIANTS) {
        offer_variants(ctl->completing, &s.snapshot);
    } else {
        offer_keys(ctl->completing, &s.snapshot, wanted == FLAGS ? IMAGE_FLAG : IMAGE_SEGMENT);
    }
    files_close(&s);
}

static void flags(struct ctl *ctl)
{
    of_snapshot(ctl, FLAGS);
}

static void segments(struct ctl *ctl)
{
    of_snapshot(ctl, SEGMENTS);
}

static void variants(struct ctl *ctl)
{
    of_snapshot(ctl, VARIANTS);
}

/* ---- others --------------------------------------------------------------------------------- */

static void offer_generation(struct ctl *ctl, uint64_t generation)
{
    char name[OUTPUT_SHORT];
    char age[OUTPUT_SHORT];
    char about[2 * OUTPUT_SHORT];
    char why[FILES_WHY];
    struct files_snapshot s;
    if (files_open(files_dir(ctl->dir), generation, FILES_HEAD, &s, why) == FFSHM_OK) {
        const int64_t ms = when_now() - (int64_t)files_head(&s)->created_ms;
        snprintf(about, sizeof about, "%s ago", output_age(ms > 0 ? ms : 0, age));
        complete_offer(ctl->completing, output_generation(generation, name), about);
        files_close(&s);
    }
}

/* The newest first. */
static void generations(struct ctl *ctl)
{
    uint64_t *all;
    size_t count;
    char why[FILES_WHY];
    if (files_generations(files_dir(ctl->dir), &all, &count, why) == 0) {
        for (size_t i = count; i > 0; i--) {
            offer_generation(ctl, all[i - 1]);
        }
        free(all);
    }
}

static const char *member(const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));
    return text ? text : "";
}

/* Of the agent, where it answers and this user may know. Returns how many items there were. */
static size_t each_item(struct ctl *ctl, const char *path,
                        void (*offer)(struct completion *c, const json_t *item))
{
    const struct client_request request = {.path = path, .timeout_s = PATIENCE_S, .quiet = true};
    struct client_answer answer;
    size_t count = 0;
    if (path && client_ask(ctl, &request, &answer) == CTL_OK) {
        const json_t *items = json_object_get(answer.json, "items");
        for (; count < json_array_size(items); count++) {
            offer(ctl->completing, json_array_get(items, count));
        }
    }
    if (path) {
        client_free(&answer);
    }
    return count;
}

static void offer_token(struct completion *c, const json_t *item)
{
    char about[LONGEST];
    snprintf(about, sizeof about, "%s, %s, %s", member(item, "name"), member(item, "role"),
             member(item, "state"));
    complete_offer(c, member(item, "id"), about);
}

static void tokens(struct ctl *ctl)
{
    each_item(ctl, "/tokens", offer_token);
}

static void offer_number(struct completion *c, const json_t *number, const char *about)
{
    char text[OUTPUT_SHORT];
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    complete_offer(c, text, about);
}

static void offer_scheduled(struct completion *c, const json_t *item)
{
    char *set = json_dumps(json_object_get(item, "set"), JSON_COMPACT);
    char about[LONGEST];
    if (strcmp(member(item, "state"), "pending") == 0) {
        snprintf(about, sizeof about, "%s, %s", member(item, "at"), set ? set : "");
        offer_number(c, json_object_get(item, "number"), about);
    }
    free(set);
}

static void offer_version(struct completion *c, const json_t *item)
{
    char when[WHEN_TEXT];
    char about[LONGEST];
    snprintf(about, sizeof about, "%s, %s%s%s",
             when_text(json_integer_value(json_object_get(item, "changedMs")), when),
             member(item, "changedBy"), *member(item, "reason") ? ": " : "",
             member(item, "reason"));
    offer_number(c, json_object_get(item, "version"), about);
}

/* before, the command's first word, after. As each_item. */
static size_t each_of_key(struct ctl *ctl, const char *before, const char *after,
                          void (*offer)(struct completion *c, const json_t *item))
{
    const struct completion *c = ctl->completing;
    char *path = c->word_count > 0 ? client_path(before, c->words[0], after) : NULL;
    const size_t count = each_item(ctl, path, offer);
    free(path);
    return count;
}

static void scheduled(struct ctl *ctl)
{
    each_of_key(ctl, "/flags/", "/schedule?limit=1000", offer_scheduled);
}

/* Of the flag, or of the segment where no flag of this key is kept. */
static void versions(struct ctl *ctl)
{
    if (each_of_key(ctl, "/flags/", "/history", offer_version) == 0) {
        each_of_key(ctl, "/segments/", "/history", offer_version);
    }
}

static void names_of_files(struct ctl *ctl)
{
    ctl->completing->files = true;
}

static void names_of_directories(struct ctl *ctl)
{
    ctl->completing->directories = true;
}

void candidates_offer(struct ctl *ctl, const char *kind)
{
    static const struct {
        const char *name;
        void (*offer)(struct ctl *ctl);
    } kinds[] = {
        {"FLAG", flags},
        {"SEGMENT", segments},
        {"VARIANT", variants},
        {"GENERATION", generations},
        {"VERSION", versions},
        {"SCHEDULED", scheduled},
        {"TOKEN", tokens},
        {"FILE", names_of_files},
        {"DIR", names_of_directories},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, kind) == 0) {
            kinds[i].offer(ctl);
        }
    }
}
