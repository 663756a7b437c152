#include "bench_flags.h"

#include <stdio.h>

/* In LaunchDarkly's format: index, variation, index, what follows. */
static const char rule[] =
    "{\"id\":\"6f1c2b0a-3d4e-4f5a-8b6c-7d8e9f0a1b2%d\",\"variation\":%d,\"clauses\":["
    "{\"attribute\":\"country\",\"op\":\"in\",\"values\":[\"US\",\"CA\",\"MX\"]},"
    "{\"attribute\":\"plan\",\"op\":\"startsWith\",\"values\":[\"enterprise-%d\"]}]}%s";

void bench_flag(char *text, size_t size, unsigned i, unsigned version)
{
    int at = snprintf(text, size,
                      "{\"version\":%u,\"on\":true,\"salt\":\"0123456789abcdef0123456789abcdef\","
                      "\"variations\":[true,false,%u],\"offVariation\":1,"
                      "\"targets\":[{\"variation\":2,\"values\":[\"watcher\"]}],\"rules\":[",
                      version, version);
    for (int r = 0; r < 4 && at > 0 && (size_t)at < size; r++) {
        at += snprintf(text + at, size - (size_t)at, rule, r, r & 1, r, r < 3 ? "," : "");
    }
    if (at > 0 && (size_t)at < size) {
        snprintf(text + at, size - (size_t)at,
                 "],\"fallthrough\":{\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":%u},"
                 "{\"variation\":1,\"weight\":%u}]}},\"ffshm\":{\"tags\":[\"team-a\"]}}",
                 20000 + i % 1000, 80000 - i % 1000);
    }
}

static const char native_rule[] =
    "{\"name\":\"6f1c2b0a-3d4e-4f5a-8b6c-7d8e9f0a1b2%d\",\"conditions\":["
    "{\"attribute\":\"country\",\"operator\":\"in\",\"value\":[\"US\",\"CA\",\"MX\"]},"
    "{\"attribute\":\"plan\",\"operator\":\"starts_with\",\"value\":[\"enterprise-%d\"]}],"
    "\"variant\":\"%s\"}%s";

void bench_flag_native(char *text, size_t size, unsigned i, unsigned version)
{
    int at = snprintf(text, size,
                      "{\"variants\":[{\"key\":\"on\",\"value\":true,\"percentage\":%.3f},"
                      "{\"key\":\"off\",\"value\":false},{\"key\":\"number\",\"value\":%u}],"
                      "\"default_variant\":\"off\",\"fallback_variant\":\"off\","
                      "\"tags\":[\"team-a\"],\"targets\":[{\"variant\":\"number\","
                      "\"keys\":[\"watcher\"]}],\"targeting_rules\":[",
                      20 + i % 1000 / 1000.0, version);
    for (int r = 0; r < 4 && at > 0 && (size_t)at < size; r++) {
        at += snprintf(text + at, size - (size_t)at, native_rule, r, r, r & 1 ? "off" : "on",
                       r < 3 ? "," : "]}");
    }
}

void bench_flag_key(char key[24], unsigned i)
{
    snprintf(key, 24, "feature-%06u", i);
}
