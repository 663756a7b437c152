#include "override.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of each that readers are shown; together with the words around them below OVERRIDE_TEXT. */
#define NAME_SHOWN 64u
#define VARIANT_SHOWN 64u
#define REASON_SHOWN 256u

/* ---- what is accepted ---------------------------------------------------------------------- */

static bool is_utf8(const char *text)
{
    json_t *const string = json_string(text); /* NULL also without memory */
    json_decref(string);
    return string != NULL;
}

static int check_text(const char *text, const char *member, size_t most, struct fault *fault)
{
    if (strlen(text) > most) {
        fault_set(fault, member, "shorten it", "is longer than %zu bytes", most);
        return -1;
    }
    if (!is_utf8(text)) {
        fault_set(fault, member, "", "is not UTF-8");
        return -1;
    }
    return 0;
}

int override_check(const struct override *o, struct fault *fault)
{
    if (o->kind != OVERRIDE_KILL && o->kind != OVERRIDE_PIN) {
        fault_set(fault, "kind", "", "is neither a kill nor a pin");
        return -1;
    }
    if (!o->set_by || o->set_by[0] == '\0') {
        fault_set(fault, "set_by", "", "is missing: an override names who set it");
        return -1;
    }
    if (o->kind == OVERRIDE_PIN && (!o->variant || o->variant[0] == '\0')) {
        fault_set(fault, "variant", "name the variant that everybody is to get", "is missing");
        return -1;
    }
    if (o->kind == OVERRIDE_KILL && o->variant) {
        fault_set(fault, "variant", "pin the flag to it instead",
                  "is for pins: a kill serves the fallback");
        return -1;
    }
    if (o->variant && check_text(o->variant, "variant", OVERRIDE_NAME_MAX, fault) != 0) {
        return -1;
    }
    return check_text(o->set_by, "set_by", OVERRIDE_NAME_MAX, fault) != 0 ||
                   check_text(o->reason ? o->reason : "", "reason", OVERRIDE_REASON_MAX, fault) != 0
               ? -1
               : 0;
}

/* ---- copies -------------------------------------------------------------------------------- */

/* The text in the copy; *at moves behind it. */
static const char *place(char **at, const char *text)
{
    if (!text) {
        return NULL;
    }
    const size_t size = strlen(text) + 1;
    char *const here = *at;
    memcpy(here, text, size);
    *at += size;
    return here;
}

static size_t room(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

struct override *override_copy(const struct override *o)
{
    const char *const reason = o->reason ? o->reason : "";
    struct override *const copy =
        malloc(sizeof *copy + room(o->variant) + room(reason) + room(o->set_by));
    if (!copy) {
        return NULL;
    }
    char *at = (char *)(copy + 1);
    *copy = *o;
    copy->variant = place(&at, o->variant);
    copy->reason = place(&at, reason);
    copy->set_by = place(&at, o->set_by);
    return copy;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool override_same(const struct override *a, const struct override *b)
{
    return a->kind == b->kind && a->set_ms == b->set_ms && a->expires_ms == b->expires_ms &&
           same_text(a->variant, b->variant) && same_text(a->reason, b->reason) &&
           same_text(a->set_by, b->set_by);
}

/* ---- what is served ------------------------------------------------------------------------ */

/* "12" -> 12; -1: not digits alone, or too large for any flag. */
static int64_t index_of(const char *text)
{
    char *end = NULL;
    if (strspn(text, "0123456789") != strlen(text) || text[0] == '\0') {
        return -1;
    }
    errno = 0;
    const long long index = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? (int64_t)index : -1;
}

int64_t override_variation(const struct override *o, const struct model_flag *flag)
{
    const size_t count = json_array_size(flag->variations);
    const size_t length = strlen(o->variant);
    for (size_t i = 0; i < count; i++) {
        const json_t *const variant = json_array_get(flag->variants, i);
        if (json_is_string(variant) && json_string_length(variant) == length &&
            memcmp(json_string_value(variant), o->variant, length) == 0) {
            return (int64_t)i;
        }
    }
    const int64_t index = index_of(o->variant);
    return index >= 0 && (uint64_t)index < count ? index : -1;
}

/* Appends at most `most` bytes, whole characters; what is cut ends with "...". A control character
   becomes a space: the text is one line. */
static void append(char text[OVERRIDE_TEXT], const char *more, size_t most)
{
    size_t at = strlen(text);
    size_t length = strlen(more);
    const bool cut = length > most;
    if (cut) {
        length = most - 3;
        while (length > 0 && ((unsigned char)more[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)more[i];
        text[at++] = c < 0x20 || c == 0x7f ? ' ' : more[i];
    }
    memcpy(text + at, cut ? "..." : "", cut ? 4 : 1);
}

/* "override: pin to dark by ann: tonight's launch" */
static void describe(const struct override *o, bool unmatched, char text[OVERRIDE_TEXT])
{
    text[0] = '\0';
    if (o->kind == OVERRIDE_KILL) {
        append(text, "override: kill", OVERRIDE_TEXT);
    } else {
        append(text, unmatched ? "override: kill, for want of variant " : "override: pin to ",
               OVERRIDE_TEXT);
        append(text, o->variant, VARIANT_SHOWN);
    }
    append(text, " by ", OVERRIDE_TEXT);
    append(text, o->set_by, NAME_SHOWN);
    if (o->reason && o->reason[0] != '\0') {
        append(text, ": ", OVERRIDE_TEXT);
        append(text, o->reason, REASON_SHOWN);
    }
}

void override_apply(const struct override *o, const struct model_item *item,
                    struct override_applied *out)
{
    struct model_flag *const flag = &out->item.as.flag;
    out->item = *item;
    const int64_t pinned = o->kind == OVERRIDE_PIN ? override_variation(o, flag) : -1;
    flag->prerequisite_count = 0;
    flag->target_count = 0;
    flag->context_target_count = 0;
    flag->rule_count = 0;
    flag->on = pinned >= 0;
    if (flag->on) {
        flag->fallthrough = (struct model_serve){.has_variation = true, .variation = pinned};
        flag->track_events_fallthrough = false;
    }
    out->unmatched = o->kind == OVERRIDE_PIN && !flag->on;
    describe(o, out->unmatched, out->text);
    out->item.overridden = true;
    out->item.provenance = (struct model_string){out->text, strlen(out->text)};
}
