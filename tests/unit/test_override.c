/*
 * test_override.c - kill switches and pins: what is accepted, what readers get, what they are told.
 *
 * What a killed flag gives is compared with what the same definition gives when it says "on": false
 * (a pinned one: when it has nothing but that fallthrough), flag by flag of a set with rules,
 * targets, experiments, prerequisites, cycles and malformed ones, and for everybody who depends on
 * it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"
#include "catalog/native.h"
#include "catalog/override.h"
#include "compile/blob.h"
#include "ffshm.h"
#include "live_store.h"

#define DEFINITIONS FFSHM_SOURCE_DIR "/tests/golden/v1/definitions.json"

static const struct override killed = {
    .kind = OVERRIDE_KILL, .reason = "errors", .set_by = "ann", .set_ms = 1700000000000};

static struct override pin_to(const char *variant)
{
    return (struct override){
        .kind = OVERRIDE_PIN, .variant = variant, .reason = "launch", .set_by = "bob"};
}

static struct model_item *parse(const char *key, json_t *json)
{
    struct fault fault = {0};
    struct model_item *item = model_parse(IMAGE_FLAG, key, json, "test", &fault);
    if (!item) {
        fail_msg("%s: %s", fault.member, fault.cause);
    }
    return item;
}

static struct model_item *parse_text(const char *key, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    struct model_item *item = parse(key, json);
    json_decref(json);
    return item;
}

static struct blob compile(struct live_store *s, const struct model_item *item)
{
    struct blob blob = {0};
    struct fault fault = {0};
    assert_int_equal(blob_compile(item, publisher_slots(s->publisher), publisher_seed(s->publisher),
                                  0, NULL, NULL, &blob, &fault),
                     0);
    return blob;
}

static void put_overridden(struct live_store *s, const char *key, json_t *json,
                           const struct override *o)
{
    struct model_item *item = parse(key, json);
    struct override_applied applied;
    override_apply(o, item, &applied);
    struct blob blob = compile(s, &applied.item);
    publisher_put(s->publisher, IMAGE_FLAG, key, strlen(key), item->auto_version, &blob);
    assert_null(blob.bytes);
    model_free(item);
}

/* ---- what is accepted ---- */

static const char *refusal(struct override o)
{
    static struct fault fault;
    fault = (struct fault){0};
    assert_int_equal(override_check(&o, &fault), -1);
    assert_string_not_equal(fault.cause, "");
    return fault.member;
}

static void what_is_not_an_override_is_refused_by_its_member(void **state)
{
    (void)state;
    struct fault fault;
    char many[OVERRIDE_REASON_MAX + 2];
    memset(many, 'x', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    const struct override pin = pin_to("on");
    struct override o = pin;
    assert_int_equal(override_check(&killed, &fault), 0);
    assert_int_equal(override_check(&pin, &fault), 0);
    o.variant = NULL;
    assert_string_equal(refusal(o), "variant");
    o.variant = "";
    assert_string_equal(refusal(o), "variant");
    o.variant = many;
    assert_string_equal(refusal(o), "variant");
    o = killed;
    o.variant = "on";
    assert_string_equal(refusal(o), "variant");
    o = killed;
    o.set_by = NULL;
    assert_string_equal(refusal(o), "set_by");
    o.set_by = "\xff";
    assert_string_equal(refusal(o), "set_by");
    o = killed;
    o.reason = many;
    assert_string_equal(refusal(o), "reason");
    many[OVERRIDE_REASON_MAX] = '\0';
    assert_int_equal(override_check(&o, &fault), 0);
    o.kind = (enum override_kind)7;
    assert_string_equal(refusal(o), "kind");
}

static void a_copy_is_the_same_and_owns_its_texts(void **state)
{
    (void)state;
    char reason[] = "why";
    struct override o = pin_to("on");
    o.reason = reason;
    struct override *copy = override_copy(&o);
    assert_true(override_same(&o, copy));
    reason[0] = 'W';
    assert_string_equal(copy->reason, "why");
    assert_false(override_same(&o, copy));
    free(copy);
    o.reason = NULL;
    copy = override_copy(&o);
    assert_true(override_same(&o, copy));
    assert_string_equal(copy->reason, "");
    o.expires_ms = 1;
    assert_false(override_same(&o, copy));
    free(copy);
}

static void a_variant_is_a_key_or_else_an_index(void **state)
{
    (void)state;
    struct model_item *named = parse_text(
        "f", "{\"variations\":[10,20,30],\"ffshm\":{\"variants\":[\"off\",\"2\",null]}}");
    struct model_item *plain = parse_text("f", "{\"variations\":[10,20,30]}");
    static const struct {
        const char *variant;
        int64_t of_named, of_plain;
    } cases[] = {
        {"off", 0, -1},
        {"2", 1, 2}, /* the key goes first */
        {"0", 0, 0},
        {"3", -1, -1},
        {"-1", -1, -1},
        {" 1", -1, -1},
        {"1.0", -1, -1},
        {"null", -1, -1},
        {"99999999999999999999", -1, -1},
        {"18446744073709551617", -1, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct override pin = pin_to(cases[i].variant);
        assert_int_equal(override_variation(&pin, &named->as.flag), cases[i].of_named);
        assert_int_equal(override_variation(&pin, &plain->as.flag), cases[i].of_plain);
    }
    model_free(named);
    model_free(plain);
}

/* ---- what readers are told ---- */

static void text_is(const struct override *o, const char *expected)
{
    struct model_item *item = parse_text("f", "{\"variations\":[1,2]}");
    struct override_applied applied;
    override_apply(o, item, &applied);
    assert_string_equal(applied.item.provenance.text, expected);
    assert_int_equal(applied.item.provenance.length, strlen(expected));
    model_free(item);
}

static void the_provenance_tells_what_by_whom_and_why(void **state)
{
    (void)state;
    struct override o = killed;
    text_is(&o, "override: kill by ann: errors");
    o.reason = "a\nb\x1b[31m";
    text_is(&o, "override: kill by ann: a b [31m");
    o.reason = NULL;
    text_is(&o, "override: kill by ann");
    o = pin_to("1");
    text_is(&o, "override: pin to 1 by bob: launch");
    o = pin_to("blue");
    text_is(&o, "override: kill, for want of variant blue by bob: launch");
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char name[OVERRIDE_NAME_MAX + 1] = "";
    char reason[OVERRIDE_REASON_MAX + 1] = "";
    for (size_t i = 0; i < OVERRIDE_NAME_MAX; i++) {
        name[i] = "\xc3\xbc"[i % 2];
    }
    for (size_t i = 0; i < OVERRIDE_REASON_MAX; i++) {
        reason[i] = "\xf0\x9f\x98\x80"[i % 4];
    }
    struct override o = pin_to(name);
    o.reason = reason;
    o.set_by = name;
    struct fault fault;
    assert_int_equal(override_check(&o, &fault), 0);
    struct model_item *item = parse_text("f", "{\"variations\":[1,2]}");
    struct override_applied applied;
    override_apply(&o, item, &applied);
    assert_in_range(applied.item.provenance.length, 300, OVERRIDE_TEXT - 1);
    json_t *utf8 = json_string(applied.text);
    assert_non_null(utf8);
    json_decref(utf8);
    assert_non_null(strstr(applied.text, "\xc3\xbc... by \xc3\xbc"));
    assert_string_equal(applied.text + strlen(applied.text) - 7, "\xf0\x9f\x98\x80...");
    model_free(item);
}

/* ---- what they get ---- */

static const char *const contexts[] = {
    "{\"kind\":\"user\",\"key\":\"user-1\"}",
    "{\"kind\":\"user\",\"key\":\"user-3\"}",
    "{\"kind\":\"user\",\"key\":\"userKeyA\",\"country\":\"CH\"}",
    "{\"kind\":\"user\",\"key\":\"user-7\",\"vip\":true,\"badge\":{}}",
    "{\"kind\":\"org\",\"key\":\"acme\",\"address\":{\"country\":\"US\"}}",
    "{\"kind\":\"multi\",\"user\":{\"key\":\"u\",\"groups\":[]},\"org\":{\"key\":\"o\"}}",
};
#define CONTEXTS (sizeof contexts / sizeof *contexts)

static void same_results(const struct ffshm_view *a, const struct ffshm_view *b, const char *flag,
                         const char *changed)
{
    for (size_t i = 0; i < CONTEXTS; i++) {
        char scratch[2048];
        struct ffshm_context who;
        ffshm_context_parse(&who, contexts[i], strlen(contexts[i]), scratch, sizeof scratch);
        const struct ffshm_result x = ffshm_evaluate(a, flag, &who);
        const struct ffshm_result y = ffshm_evaluate(b, flag, &who);
        if (x.reason != y.reason || x.error != y.error || x.variation != y.variation ||
            x.in_experiment != y.in_experiment || x.flag_version != y.flag_version ||
            strcmp(x.prerequisite_key, y.prerequisite_key) != 0 ||
            strcmp(x.json ? x.json : "", y.json ? y.json : "") != 0) {
            fail_msg("%s, with %s changed, context %zu: %s %d and %s %d", flag, changed, i,
                     ffshm_reason_name(x.reason), x.variation, ffshm_reason_name(y.reason),
                     y.variation);
        }
    }
}

/* Store a has the flag overridden, b another definition of it: all flags are to be equal. */
static void equals(json_t *data, const char *changed, const struct override *o, json_t *other)
{
    struct live_store a;
    struct live_store b;
    json_t *flags = json_object_get(data, "flags");
    live_store_open(&a);
    live_store_open(&b);
    live_store_replace(&a, data);
    live_store_replace(&b, data);
    put_overridden(&a, changed, json_object_get(flags, changed), o);
    live_store_put(&b, IMAGE_FLAG, changed, other);
    live_store_publish(&a);
    live_store_publish(&b);
    struct ffshm *const ra = ffshm_open(a.dir, NULL);
    struct ffshm *const rb = ffshm_open(b.dir, NULL);
    struct ffshm_view va;
    struct ffshm_view vb;
    ffshm_pin(ra, &va);
    ffshm_pin(rb, &vb);
    const char *key;
    json_t *unused;
    json_object_foreach(flags, key, unused)
    {
        same_results(&va, &vb, key, changed);
    }
    ffshm_unpin(&va);
    ffshm_unpin(&vb);
    ffshm_close(ra);
    ffshm_close(rb);
    live_store_close(&a);
    live_store_close(&b);
}

static void a_killed_flag_is_to_everybody_what_it_is_when_it_is_off(void **state)
{
    (void)state;
    json_t *data = json_load_file(DEFINITIONS, 0, NULL);
    assert_non_null(data);
    const char *key;
    json_t *json;
    json_object_foreach(json_object_get(data, "flags"), key, json)
    {
        json_t *off = json_copy(json);
        json_object_set_new(off, "on", json_false());
        equals(data, key, &killed, off);
        const struct override unknown = pin_to("no such variant");
        equals(data, key, &unknown, off);
        json_decref(off);
    }
    json_decref(data);
}

static void a_pinned_flag_is_to_everybody_one_that_has_but_a_fallthrough(void **state)
{
    (void)state;
    json_t *data = json_load_file(DEFINITIONS, 0, NULL);
    assert_non_null(data);
    const char *key;
    json_t *json;
    json_object_foreach(json_object_get(data, "flags"), key, json)
    {
        char index[32];
        const size_t last = json_array_size(json_object_get(json, "variations")) - 1;
        json_t *fixed = json_copy(json);
        json_object_set_new(fixed, "on", json_true());
        json_object_set_new(fixed, "fallthrough", json_pack("{s:i}", "variation", (int)last));
        json_object_del(fixed, "rules");
        json_object_del(fixed, "targets");
        json_object_del(fixed, "contextTargets");
        json_object_del(fixed, "prerequisites");
        snprintf(index, sizeof index, "%zu", last);
        const struct override pin = pin_to(index);
        equals(data, key, &pin, fixed);
        json_decref(fixed);
    }
    json_decref(data);
}

static void string_is(struct ffshm *reader, const char *flag, const char *value, int reason)
{
    char text[16];
    struct ffshm_context who;
    struct ffshm_detail d;
    ffshm_context_init(&who, NULL, "u");
    ffshm_string_detail(reader, flag, &who, "?", text, sizeof text, &d);
    assert_string_equal(text, value);
    assert_int_equal(d.reason, reason);
}

static void a_native_flag_falls_back_to_its_fallback_variant(void **state)
{
    (void)state;
    static const char text[] =
        "ffshm: 1\nflags:\n  color:\n    variants: [{key: red, value: r}, {key: blue, value: b}]\n"
        "    default_variant: red\n    fallback_variant: blue\n";
    struct fault fault = {0};
    int64_t next_ms;
    json_t *document = document_parse(text, strlen(text), "f", &fault);
    json_t *lowered = native_lower(document, 0, &next_ms, &fault);
    assert_string_equal(fault.cause, "");
    json_t *flag = json_object_get(json_object_get(lowered, "flags"), "color");
    struct live_store s;
    live_store_open(&s);
    const struct override pin = pin_to("red");
    const struct override gone = pin_to("green");
    put_overridden(&s, "killed", flag, &killed);
    put_overridden(&s, "pinned", flag, &pin);
    put_overridden(&s, "gone", flag, &gone);
    live_store_publish(&s);
    struct ffshm *const reader = ffshm_open(s.dir, NULL);
    string_is(reader, "killed", "b", FFSHM_REASON_OFF);
    string_is(reader, "pinned", "r", FFSHM_REASON_FALLTHROUGH);
    string_is(reader, "gone", "b", FFSHM_REASON_OFF);
    ffshm_close(reader);
    live_store_close(&s);
    json_decref(lowered);
    json_decref(document);
}

/* ---- the blob ---- */

static const struct image_flag *flag_in(const struct blob *blob)
{
    const void *const bytes = blob->bytes;
    return bytes;
}

static void free_blob(struct live_store *s, struct blob *blob)
{
    for (size_t i = 0; i < blob->reference_count; i++) {
        slots_drop(publisher_slots(s->publisher), blob->references[i], 0);
    }
    blob_free(blob);
}

static struct blob with(struct live_store *s, const struct model_item *item,
                        const struct override *o)
{
    struct override_applied applied;
    override_apply(o, item, &applied);
    return compile(s, &applied.item);
}

static void the_blob_keeps_values_version_and_tracking_and_drops_what_is_never_reached(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    struct model_item *item = parse_text(
        "f",
        "{\"version\":42,\"on\":true,\"variations\":[1,2],\"offVariation\":1,\"trackEvents\":true,"
        "\"trackEventsFallthrough\":true,\"fallthrough\":{\"rollout\":{\"kind\":\"experiment\","
        "\"variations\":[{\"variation\":0,\"weight\":100000}]}},\"prerequisites\":[{\"key\":\"g\","
        "\"variation\":0}],\"targets\":[{\"variation\":0,\"values\":[\"a\"]}],"
        "\"rules\":[{\"variation\":1,\"clauses\":[]}],\"excludeFromSummaries\":true,"
        "\"clientSideAvailability\":{\"usingEnvironmentId\":true},\"ffshm\":{\"tags\":[\"t\"]}}");
    const struct override pin = pin_to("0");
    struct blob plain = compile(&s, item);
    struct blob killing = with(&s, item, &killed);
    struct blob pinning = with(&s, item, &pin);
    const struct image_flag *const k = flag_in(&killing);
    const struct image_flag *const p = flag_in(&pinning);
    assert_false(flag_in(&plain)->flags & IMAGE_FLAG_OVERRIDDEN);
    assert_int_equal(k->blob.version, 42);
    assert_int_equal(k->variation_count, 2);
    assert_int_equal(k->tag_count, 1);
    assert_int_equal(k->steps, IMAGE_STEP_OFF);
    assert_int_equal(k->off_variation, 1);
    assert_int_equal(k->flags & ~(uint32_t)IMAGE_FLAG_OVERRIDDEN, flag_in(&plain)->flags);
    assert_true(k->flags & IMAGE_FLAG_OVERRIDDEN);
    assert_int_equal(k->rule_count + k->target_count + k->prerequisite_count, 0);
    assert_int_equal(killing.reference_count, 0);
    assert_int_equal(p->steps, 0);
    assert_int_equal(p->fallthrough.variation, 0);
    assert_true(p->flags & IMAGE_FLAG_TRACK_EVENTS);
    assert_false(p->flags & IMAGE_FLAG_TRACK_FALLTHROUGH);
    assert_true(p->flags & IMAGE_FLAG_NO_SUMMARY);
    free_blob(&s, &plain);
    free_blob(&s, &killing);
    free_blob(&s, &pinning);
    model_free(item);
    live_store_close(&s);
}

static void the_digest_tells_of_the_override_and_who_and_why(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    struct model_item *item =
        parse_text("f", "{\"version\":1,\"on\":false,\"variations\":[1,2],\"offVariation\":1}");
    struct override other = killed;
    other.reason = "other errors";
    struct override later = killed;
    later.set_ms++;
    struct blob blobs[] = {compile(&s, item), with(&s, item, &killed), with(&s, item, &other),
                           with(&s, item, &later)};
    /* an off flag that is killed serves what it did, and is another flag all the same */
    assert_memory_not_equal(blobs[0].digest, blobs[1].digest, sizeof blobs[0].digest);
    assert_memory_not_equal(blobs[1].digest, blobs[2].digest, sizeof blobs[0].digest);
    assert_memory_equal(blobs[1].digest, blobs[3].digest, sizeof blobs[0].digest);
    for (size_t i = 0; i < sizeof blobs / sizeof *blobs; i++) {
        free_blob(&s, &blobs[i]);
    }
    model_free(item);
    live_store_close(&s);
}

static bool note(void *arg, const struct ffshm_flag_info *flag)
{
    snprintf(arg, 64, "%d %s", flag->overridden, flag->provenance);
    return true;
}

static void whoever_lists_the_flags_sees_it(void **state)
{
    (void)state;
    struct live_store s;
    char seen[64] = "";
    struct ffshm_view view;
    json_t *json = json_pack("{s:[i]}", "variations", 1);
    live_store_open(&s);
    put_overridden(&s, "f", json, &killed);
    live_store_publish(&s);
    struct ffshm *const reader = ffshm_open(s.dir, NULL);
    ffshm_pin(reader, &view);
    assert_int_equal(ffshm_each(&view, note, seen), 1);
    assert_string_equal(seen, "1 override: kill by ann: errors");
    ffshm_unpin(&view);
    ffshm_close(reader);
    live_store_close(&s);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_an_override_is_refused_by_its_member),
        cmocka_unit_test(a_copy_is_the_same_and_owns_its_texts),
        cmocka_unit_test(a_variant_is_a_key_or_else_an_index),
        cmocka_unit_test(the_provenance_tells_what_by_whom_and_why),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(a_killed_flag_is_to_everybody_what_it_is_when_it_is_off),
        cmocka_unit_test(a_pinned_flag_is_to_everybody_one_that_has_but_a_fallthrough),
        cmocka_unit_test(a_native_flag_falls_back_to_its_fallback_variant),
        cmocka_unit_test(
            the_blob_keeps_values_version_and_tracking_and_drops_what_is_never_reached),
        cmocka_unit_test(the_digest_tells_of_the_override_and_who_and_why),
        cmocka_unit_test(whoever_lists_the_flags_sees_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
