#include "ctl_definition.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/spelling.h"
#include "catalog/value_text.h"

#define LISTED 300 /* bytes of a list of names in a message */

json_t *definition_percent(const char *text, size_t length)
{
    const bool sign = length > 0 && text[length - 1] == '%';
    json_t *number = value_text_read(text, length - sign);
    const double percent = json_number_value(number);
    if (!json_is_number(number) || percent < 0 || percent > 100) {
        json_decref(number);
        return NULL;
    }
    return number;
}

int definition_put(const struct ctl *ctl, json_t *object, const char *member, json_t *value)
{
    return json_object_set_new(object, member, value) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or a text is not UTF-8");
}

json_t *definition_list(const struct ctl *ctl, json_t *object, const char *member)
{
    json_t *list = json_object_get(object, member);
    if (!json_is_array(list) && definition_put(ctl, object, member, json_array()) != CTL_OK) {
        return NULL;
    }
    return json_object_get(object, member);
}

/* ---- variants ------------------------------------------------------------------------------- */

static const char *key_at(const json_t *variants, size_t at)
{
    const char *key = json_string_value(json_object_get(json_array_get(variants, at), "key"));
    return key ? key : "";
}

static void list_variants(const json_t *variants, char text[LISTED])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(variants) && used < LISTED; i++) {
        used += (size_t)snprintf(text + used, LISTED - used, "%s%s", i > 0 ? ", " : "",
                                 key_at(variants, i));
    }
}

json_t *definition_variant(const struct ctl *ctl, const json_t *definition, const char *key)
{
    const json_t *variants = json_object_get(definition, "variants");
    struct spelling spelling = {.word = key};
    char all[LISTED];
    for (size_t i = 0; i < json_array_size(variants); i++) {
        if (strcmp(key_at(variants, i), key) == 0) {
            return json_array_get(variants, i);
        }
        spelling_offer(&spelling, key_at(variants, i));
    }
    if (spelling.best) {
        ctl_fail(ctl, "there is no variant '%s'; did you mean '%s'?", key, spelling.best);
    } else {
        list_variants(variants, all);
        ctl_fail(ctl, "there is no variant '%s'; the variants are %s", key, all);
    }
    return NULL;
}

const char *definition_true_variant(const json_t *definition)
{
    const json_t *variants = json_object_get(definition, "variants");
    const char *is_true = NULL;
    size_t falses = 0;
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *value = json_object_get(json_array_get(variants, i), "value");
        if (json_is_true(value)) {
            is_true = key_at(variants, i);
        }
        falses += json_is_false(value);
    }
    return json_array_size(variants) == 2 && falses == 1 ? is_true : NULL;
}

/* ---- rules ---------------------------------------------------------------------------------- */

const char *definition_rule_name(const json_t *rules, size_t at, char buffer[DEFINITION_RULE])
{
    const char *name = json_string_value(json_object_get(json_array_get(rules, at), "name"));
    if (!name) {
        snprintf(buffer, DEFINITION_RULE, "rule-%zu", at);
    }
    return name ? name : buffer;
}

int definition_rule(const struct ctl *ctl, const json_t *rules, const char *name)
{
    char buffer[DEFINITION_RULE];
    char *end;
    const size_t count = json_array_size(rules);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(definition_rule_name(rules, i, buffer), name) == 0) {
            return (int)i;
        }
    }
    const unsigned long at = strtoul(name, &end, 10);
    if (isdigit((unsigned char)*name) && *end == '\0' && at < count) {
        return (int)at;
    }
    ctl_fail(ctl, "there is no rule '%s': it has %zu, counted from 0 (ffctl rules list)", name,
             count);
    return -1;
}

/* ---- shares --------------------------------------------------------------------------------- */

int definition_shares_add(const struct ctl *ctl, struct definition_shares *s, const char *text,
                          size_t length)
{
    const char *equals = memrchr(text, '=', length);
    const size_t name = equals ? (size_t)(equals - text) : 0;
    if (name == 0) {
        return ctl_usage(ctl, "'%.*s': write VARIANT=PERCENT, as on=10", (int)length, text);
    }
    if (s->count == DEFINITION_SHARES) {
        return ctl_usage(ctl, "more than %d shares", DEFINITION_SHARES);
    }
    json_t *percent = definition_percent(equals + 1, length - name - 1);
    if (!percent) {
        return ctl_usage(ctl, "'%.*s': a percentage is a number from 0 to 100", (int)length, text);
    }
    s->at[s->count].name = text;
    s->at[s->count].length = name;
    s->at[s->count++].percent = percent;
    return CTL_OK;
}

void definition_shares_free(struct definition_shares *s)
{
    for (size_t i = 0; i < s->count; i++) {
        json_decref(s->at[i].percent);
    }
    s->count = 0;
}

/* Thousandths of a percent, so that sums are exact. */
static long thousandths(const json_t *percent)
{
    return lround(json_number_value(percent) * 1000);
}

static json_t *percent_of(long weight)
{
    return weight % 1000 == 0 ? json_integer(weight / 1000) : json_real((double)weight / 1000);
}

/* {name: percent} as they were given. */
static json_t *given(const struct ctl *ctl, const json_t *definition,
                     const struct definition_shares *s, long *sum)
{
    json_t *shares = json_object();
    *sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        char *name = strndup(s->at[i].name, s->at[i].length);
        const bool known = name && definition_variant(ctl, definition, name);
        const bool twice = known && json_object_get(shares, name);
        if (twice) {
            ctl_fail(ctl, "'%s' has two shares", name);
        }
        if (!known || twice || json_object_set(shares, name, s->at[i].percent) != 0) {
            json_decref(shares);
            free(name);
            return NULL;
        }
        *sum += thousandths(s->at[i].percent);
        free(name);
    }
    return shares;
}

/* Who gets what is left over, and has to be told; "": the default variant does by itself. NULL:
   reported. */
static const char *heir(const struct ctl *ctl, const json_t *definition, const json_t *shares,
                        long rest)
{
    const json_t *variants = json_object_get(definition, "variants");
    const char *preset = json_string_value(json_object_get(definition, "default_variant"));
    const char *other = NULL;
    if (rest == 0 || (preset && !json_object_get(shares, preset))) {
        return "";
    }
    for (size_t i = 0; i < json_array_size(variants); i++) {
        if (!json_object_get(shares, key_at(variants, i))) {
            other = key_at(variants, i);
        }
    }
    if (json_array_size(variants) == 2 && other) {
        return other;
    }
    char all[LISTED];
    list_variants(variants, all);
    ctl_fail(ctl, "%g %% are left over: which variant gets them? There are %s", (double)rest / 1000,
             all);
    return NULL;
}

/* The members of `before` first. */
static json_t *in_order(json_t *shares, const json_t *before)
{
    json_t *ordered = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)before, name, value)
    {
        json_t *share = json_object_get(shares, name);
        if (share) {
            json_object_set(ordered, name, share);
        }
    }
    json_object_update_missing(ordered, shares);
    json_decref(shares);
    return ordered;
}

json_t *definition_divide(const struct ctl *ctl, const json_t *definition,
                          const struct definition_shares *s, const json_t *before)
{
    long sum;
    json_t *shares = given(ctl, definition, s, &sum);
    if (!shares) {
        return NULL;
    }
    if (sum > 100000) {
        ctl_fail(ctl, "the percentages add up to %g, more than 100", (double)sum / 1000);
        json_decref(shares);
        return NULL;
    }
    const char *rest = heir(ctl, definition, shares, 100000 - sum);
    if (!rest || (*rest && json_object_set_new(shares, rest, percent_of(100000 - sum)) != 0)) {
        json_decref(shares);
        return NULL;
    }
    return in_order(shares, before);
}
