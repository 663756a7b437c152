/*
 * launchdarkly_c.c - LaunchDarkly's C/C++ server SDK, by its C interface, where it is installed:
 * it is in no package registry, and nothing is fetched for it.
 *
 * The SDK streams the flags from the local server whose URL it is given. A case calls what the SDK
 * has for its type, with a context that was built once; `--events on` lets the SDK tell events to
 * the same server.
 *
 * Written by the SDK's public headers: no machine with an installed copy has run it so far, and it
 * ends with a message where a case has another value than is wanted.
 */
#include <launchdarkly/bindings/c/context_builder.h>
#include <launchdarkly/server_side/bindings/c/config/builder.h>
#include <launchdarkly/server_side/bindings/c/sdk.h>
#include <stdlib.h>
#include <string.h>

#include "peer_driver.h"

#define START_MS 60000

struct evaluation {
    const char *flag;
    LDContext context;
};

static LDServerSDK sdk;
static LDValue null_value; /* the default of JSON values */
static size_t sink;        /* so that no value is unused */

static LDServerSDK start(const struct peer_options *o)
{
    LDServerConfig config = NULL;
    bool ready = false;
    LDServerConfigBuilder b = LDServerConfigBuilder_New("launchdarkly-c");
    LDServerConfigBuilder_ServiceEndpoints_PollingBaseURL(b, o->url);
    LDServerConfigBuilder_ServiceEndpoints_StreamingBaseURL(b, o->url);
    LDServerConfigBuilder_ServiceEndpoints_EventsBaseURL(b, o->url);
    LDServerConfigBuilder_Events_Enabled(b, o->events);
    LDServerConfigBuilder_Logging_Disable(b);
    LDStatus status = LDServerConfigBuilder_Build(b, &config);
    if (!LDStatus_Ok(status)) {
        peer_fail("configuration", LDStatus_Error(status));
    }
    LDServerSDK made = LDServerSDK_New(config);
    if (!LDServerSDK_Start(made, START_MS, &ready) || !ready) {
        peer_fail(o->url, "no flags came from there");
    }
    return made;
}

/* ---- contexts ------------------------------------------------------------------------------ */

static void add_kind(LDContextBuilder b, const char *kind, json_t *attributes)
{
    const char *name;
    json_t *value;
    LDContextBuilder_AddKind(b, kind, json_string_value(json_object_get(attributes, "key")));
    json_object_foreach(attributes, name, value)
    {
        if (strcmp(name, "kind") != 0 && strcmp(name, "key") != 0) {
            LDValue made = json_is_string(value) ? LDValue_NewString(json_string_value(value))
                                                 : LDValue_NewNumber(json_number_value(value));
            LDContextBuilder_Attributes_Set(b, kind, name, made);
        }
    }
}

static LDContext build_context(json_t *of)
{
    const char *kind = json_string_value(json_object_get(of, "kind"));
    const char *name;
    json_t *value;
    LDContextBuilder b = LDContextBuilder_New();
    if (strcmp(kind, "multi") != 0) {
        add_kind(b, kind, of);
        return LDContextBuilder_Build(b);
    }
    json_object_foreach(of, name, value)
    {
        if (json_is_object(value)) {
            add_kind(b, name, value);
        }
    }
    return LDContextBuilder_Build(b);
}

/* ---- cases --------------------------------------------------------------------------------- */

static void run_boolean(void *of, unsigned long n)
{
    const struct evaluation *e = of;
    for (unsigned long i = 0; i < n; i++) {
        sink += LDServerSDK_BoolVariation(sdk, e->context, e->flag, false);
    }
}

static void run_string(void *of, unsigned long n)
{
    const struct evaluation *e = of;
    for (unsigned long i = 0; i < n; i++) {
        char *text = LDServerSDK_StringVariation(sdk, e->context, e->flag, "");
        sink += text[0] != '\0';
        LDMemory_FreeString(text);
    }
}

static void run_json(void *of, unsigned long n)
{
    const struct evaluation *e = of;
    for (unsigned long i = 0; i < n; i++) {
        LDValue value = LDServerSDK_JsonVariation(sdk, e->context, e->flag, null_value);
        sink += LDValue_Type(value) == LDValueType_Object;
        LDValue_Free(value);
    }
}

static void run_all(void *of, unsigned long n)
{
    const struct evaluation *e = of;
    for (unsigned long i = 0; i < n; i++) {
        LDAllFlagsState all = LDServerSDK_AllFlagsState(sdk, e->context, LD_ALLFLAGSSTATE_DEFAULT);
        sink += LDAllFlagsState_Valid(all);
        LDAllFlagsState_Free(all);
    }
}

static bool gives(const struct evaluation *e, const json_t *wanted)
{
    bool good = true;
    if (json_is_boolean(wanted)) {
        const bool other = !json_is_true(wanted);
        good = LDServerSDK_BoolVariation(sdk, e->context, e->flag, false) != other;
    } else if (json_is_string(wanted)) {
        char *text = LDServerSDK_StringVariation(sdk, e->context, e->flag, "");
        good = strcmp(text, json_string_value(wanted)) == 0;
        LDMemory_FreeString(text);
    } else if (json_is_object(wanted)) {
        LDValue value = LDServerSDK_JsonVariation(sdk, e->context, e->flag, null_value);
        good = LDValue_Type(value) == LDValueType_Object &&
               LDValue_Count(value) == json_object_size(wanted);
        LDValue_Free(value);
    }
    return good;
}

static struct peer_case make_case(json_t *contexts, const json_t *of)
{
    static const struct {
        const char *type;
        void (*run)(void *of, unsigned long n);
    } loops[] = {{"boolean", run_boolean},
                 {"string", run_string},
                 {"json", run_json},
                 {"all-flags", run_all}};
    const char *type = json_string_value(json_object_get(of, "type"));
    const char *context = json_string_value(json_object_get(of, "context"));
    struct peer_case c = {.name = json_string_value(json_object_get(of, "name"))};
    struct evaluation *e = calloc(1, sizeof *e);
    if (!e) {
        peer_fail(c.name, "out of memory");
    }
    e->flag = json_string_value(json_object_get(of, "flag"));
    e->context = build_context(json_object_get(contexts, context));
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        c.run = strcmp(loops[i].type, type) == 0 ? loops[i].run : c.run;
    }
    if (!c.run || !gives(e, json_object_get(of, "value"))) {
        peer_fail(c.name, "another value is wanted");
    }
    c.of = e;
    return c;
}

int main(int argc, char **argv)
{
    struct peer_options o;
    size_t i;
    json_t *of;
    peer_options_read(&o, argc, argv);
    if (!o.url) {
        peer_fail("options", "--url URL is wanted");
    }
    json_t *list = json_object_get(o.list, "cases");
    struct peer_case *cases = calloc(json_array_size(list) + 1, sizeof *cases);
    if (!cases) {
        peer_fail("cases", "out of memory");
    }
    sdk = start(&o);
    null_value = LDValue_NewNull();
    json_array_foreach(list, i, of)
    {
        cases[i] = make_case(json_object_get(o.list, "contexts"), of);
    }
    peer_serve(LDServerSDK_Version(), cases, json_array_size(list));
    LDServerSDK_Free(sdk);
    free(cases);
    return 0;
}
