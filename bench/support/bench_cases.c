#include "bench_cases.h"

#include <string.h>

/* The last of these are the ten of the small lists. */
#define MEMBERS 1000000u
#define TARGETS 100000u
#define FEW 10u
#define CUSTOMER "member-0999995"
#define JSON_VALUE                                                                                 \
    "{\"title\":\"Checkout\",\"steps\":[1,2,3],\"limits\":{\"items\":50,\"retry\":false}}"

/* The library finds a string's end in as many steps as it touches aligned words of 16 bytes: where
   the linker puts a literal would count. In every build these begin in the middle of one, which is
   neither the best place nor the worst. */
struct placed {
    _Alignas(16) char before[8];
    char text[40];
};
#define KEY(literal) ((const struct placed){"", literal}.text)
#define WORD(literal)                                                                              \
    ({                                                                                             \
        static const struct placed word = {"", literal};                                           \
        word.text;                                                                                 \
    })

const struct bench_case bench_cases[] = {
    {"bool-off", KEY("bench-off"), BENCH_BOOLEAN, BENCH_USER, "true"},
    {"bool-fallthrough", KEY("bench-fallthrough"), BENCH_BOOLEAN, BENCH_USER, "true"},
    {"rollout", KEY("bench-rollout"), BENCH_BOOLEAN, BENCH_USER, NULL},
    {"rollout-long-salt", KEY("bench-rollout-32"), BENCH_BOOLEAN, BENCH_USER, NULL},
    {"rules", KEY("bench-rules"), BENCH_BOOLEAN, BENCH_USER, "true"},
    {"targets-hit", KEY("bench-targets"), BENCH_BOOLEAN, BENCH_CUSTOMER, "true"},
    {"targets-miss", KEY("bench-targets"), BENCH_BOOLEAN, BENCH_USER, "false"},
    {"targets-10-hit", KEY("bench-targets-10"), BENCH_BOOLEAN, BENCH_CUSTOMER, "true"},
    {"targets-10-miss", KEY("bench-targets-10"), BENCH_BOOLEAN, BENCH_USER, "false"},
    {"segment-hit", KEY("bench-segment"), BENCH_BOOLEAN, BENCH_CUSTOMER, "true"},
    {"segment-miss", KEY("bench-segment"), BENCH_BOOLEAN, BENCH_USER, "false"},
    {"prerequisites", KEY("bench-deep"), BENCH_BOOLEAN, BENCH_USER, "true"},
    {"regex", KEY("bench-regex"), BENCH_BOOLEAN, BENCH_USER, "true"},
    {"semver", KEY("bench-semver"), BENCH_BOOLEAN, BENCH_USER, "true"},
    {"date", KEY("bench-date"), BENCH_BOOLEAN, BENCH_USER, "true"},
    {"string", KEY("bench-string"), BENCH_STRING, BENCH_USER, "\"a value\""},
    {"json", KEY("bench-json"), BENCH_JSON, BENCH_USER, JSON_VALUE},
    {"multi-kind", KEY("bench-multi"), BENCH_BOOLEAN, BENCH_MULTI, "true"},
    {"unknown-flag", KEY("no-flag-of-that-name"), BENCH_BOOLEAN, BENCH_USER, "false"},
    {"all-flags", NULL, BENCH_ALL_FLAGS, BENCH_USER, NULL},
};
const unsigned bench_case_count = sizeof bench_cases / sizeof bench_cases[0];

const struct bench_case *bench_case_find(const char *name)
{
    for (unsigned i = 0; i < bench_case_count; i++) {
        if (strcmp(bench_cases[i].name, name) == 0) {
            return &bench_cases[i];
        }
    }
    return NULL;
}

/* ---- contexts ------------------------------------------------------------------------------ */

#define ATTRIBUTES                                                                                 \
    "\"country\":\"US\",\"plan\":\"enterprise\",\"age\":34,\"email\":\"someone@example.com\","     \
    "\"appVersion\":\"2.4.1\",\"joined\":\"2026-03-01T08:30:00Z\""

static const struct {
    const char *name;
    const char *json;
} contexts[BENCH_CONTEXTS] = {
    [BENCH_USER] = {"user", "{\"kind\":\"user\",\"key\":\"user-key-123abc\"," ATTRIBUTES "}"},
    [BENCH_CUSTOMER] = {"customer", "{\"kind\":\"user\",\"key\":\"" CUSTOMER "\"," ATTRIBUTES "}"},
    [BENCH_MULTI] = {"multi",
                     "{\"kind\":\"multi\",\"user\":{\"key\":\"user-key-123abc\"," ATTRIBUTES
                     "},\"organization\":{\"key\":\"org-42\",\"tier\":\"gold\"}}"},
};

void bench_context_build(struct ffshm_context *c, enum bench_context which)
{
    ffshm_context_init(c, WORD("user"),
                       which == BENCH_CUSTOMER ? WORD(CUSTOMER) : WORD("user-key-123abc"));
    ffshm_context_string(c, WORD("country"), WORD("US"));
    ffshm_context_string(c, WORD("plan"), WORD("enterprise"));
    ffshm_context_number(c, WORD("age"), 34);
    ffshm_context_string(c, WORD("email"), WORD("someone@example.com"));
    ffshm_context_string(c, WORD("appVersion"), WORD("2.4.1"));
    ffshm_context_string(c, WORD("joined"), WORD("2026-03-01T08:30:00Z"));
    if (which == BENCH_MULTI) {
        struct ffshm_context organization;
        ffshm_context_init(&organization, WORD("organization"), WORD("org-42"));
        ffshm_context_string(&organization, WORD("tier"), WORD("gold"));
        ffshm_context_add(c, &organization);
    }
}

/* ---- flags --------------------------------------------------------------------------------- */

#define SALT "\"salt\":\"0123456789abcdef0123456789abcdef\""
#define BOOLEANS "\"variations\":[true,false],\"offVariation\":1"
#define FALLTHROUGH(variation) "\"fallthrough\":{\"variation\":" variation "}"
#define ROLLOUT                                                                                    \
    "\"fallthrough\":{\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":50000},"            \
    "{\"variation\":1,\"weight\":50000}]}}"
#define CLAUSE(attribute, op, value)                                                               \
    "{\"contextKind\":\"user\",\"attribute\":\"" attribute "\",\"op\":\"" op                       \
    "\",\"values\":[" value "]}"
/* One rule; variation 0 when its clauses match, else 1. */
#define RULE(clauses)                                                                              \
    BOOLEANS ",\"rules\":[{\"id\":\"rule-0\",\"variation\":0,\"clauses\":[" clauses                \
             "]}]," FALLTHROUGH("1")
#define NEEDS(flag) "\"prerequisites\":[{\"key\":\"" flag "\",\"variation\":0}],"

/* What makes each flag: members beside key, version, on, salt. */
static const struct {
    const char *key;
    const char *members;
} flags[] = {
    {"bench-fallthrough", BOOLEANS "," FALLTHROUGH("0")},
    {"bench-rollout-32", BOOLEANS "," ROLLOUT},
    {"bench-segment",
     RULE("{\"attribute\":\"\",\"op\":\"segmentMatch\",\"values\":[\"bench-members\"]}")},
    {"bench-deep", NEEDS("bench-deep-1") BOOLEANS "," FALLTHROUGH("0")},
    {"bench-deep-1", NEEDS("bench-deep-2") BOOLEANS "," FALLTHROUGH("0")},
    {"bench-deep-2", NEEDS("bench-deep-3") BOOLEANS "," FALLTHROUGH("0")},
    {"bench-deep-3", BOOLEANS "," FALLTHROUGH("0")},
    {"bench-regex", RULE(CLAUSE("email", "matches", "\"^[a-z]+@example\\\\.com$\""))},
    {"bench-semver", RULE(CLAUSE("appVersion", "semVerGreaterThan", "\"2.0.0\""))},
    {"bench-date", RULE(CLAUSE("joined", "after", "\"2026-01-01T00:00:00Z\""))},
    {"bench-string", "\"variations\":[\"a value\",\"another\"]," FALLTHROUGH("0")},
    {"bench-json", "\"variations\":[" JSON_VALUE ",{}]," FALLTHROUGH("0")},
    {"bench-multi",
     RULE("{\"contextKind\":\"organization\",\"attribute\":\"tier\",\"op\":\"in\",\"values\":["
          "\"gold\"]}," CLAUSE("country", "in", "\"US\""))},
};
#define FLAGS (sizeof flags / sizeof flags[0])
/* Written by functions of their own: off, rollout, rules, targets, targets-10. */
#define OTHERS 5u

static void write_head(FILE *f, const struct bench_set *set, const char *key, bool on)
{
    fprintf(f, "\"%s\":{\"key\":\"%s\",\"version\":1,\"on\":%s,%s", key, key, on ? "true" : "false",
            set->tracked ? "\"trackEvents\":true," : "");
}

static void write_rules(FILE *f, const struct bench_set *set)
{
    static const char *const plans[] = {"business01", "business02", "business03", "starter",
                                        "enterprise"};
    write_head(f, set, "bench-rules", true);
    fprintf(f, SALT "," BOOLEANS ",\"rules\":[");
    for (int i = 0; i < 5; i++) {
        fprintf(f,
                "%s{\"id\":\"rule-%d\",\"variation\":%d,\"clauses\":[" CLAUSE(
                    "country", "in", "\"US\"") "," CLAUSE("plan", "in", "\"%s\"") "]}",
                i ? "," : "", i, i == 4 ? 0 : 1, plans[i]);
    }
    fprintf(f, "]," FALLTHROUGH("1") "},\n");
}

/* The last `count` members. */
static void write_members(FILE *f, unsigned count)
{
    for (unsigned i = MEMBERS - count; i < MEMBERS; i++) {
        fprintf(f, "%s\"member-%07u\"", i > MEMBERS - count ? "," : "", i);
    }
}

static void write_targets(FILE *f, const struct bench_set *set, const char *key, unsigned count)
{
    write_head(f, set, key, true);
    fprintf(f, SALT "," BOOLEANS ",\"targets\":[{\"variation\":0,\"values\":[");
    write_members(f, count);
    fprintf(f, "]}]," FALLTHROUGH("1") "},\n");
}

void bench_filler_key(char key[24], unsigned i)
{
    snprintf(key, 24, "flag-%06u", i);
}

unsigned bench_filler_count(const struct bench_set *set)
{
    return set->flags - (unsigned)FLAGS - OTHERS;
}

void bench_cases_flags(FILE *f, const struct bench_set *set)
{
    fprintf(f, "{\"flags\":{\n");
    write_head(f, set, "bench-off", false);
    fprintf(f, SALT ",\"variations\":[true,false],\"offVariation\":0," FALLTHROUGH("1") "},\n");
    write_head(f, set, "bench-rollout", true);
    fprintf(f, "\"salt\":\"bench-rollout\"," BOOLEANS "," ROLLOUT "},\n");
    write_rules(f, set);
    write_targets(f, set, "bench-targets", set->large ? TARGETS : FEW);
    write_targets(f, set, "bench-targets-10", FEW);
    for (size_t i = 0; i < FLAGS; i++) {
        write_head(f, set, flags[i].key, true);
        fprintf(f, SALT ",%s}%s", flags[i].members, i + 1 < FLAGS ? ",\n" : "");
    }
    for (unsigned i = 0; i < bench_filler_count(set); i++) {
        char key[24];
        bench_filler_key(key, i);
        fprintf(f, ",\n");
        write_head(f, set, key, true);
        fprintf(f, SALT "," BOOLEANS ",\"fallthrough\":{\"variation\":%u}}", i & 1);
    }
    fprintf(f, "},\n\"segments\":{\"bench-members\":{\"key\":\"bench-members\",\"version\":1," SALT
               ",\"included\":[");
    write_members(f, set->large ? MEMBERS : FEW);
    fprintf(f, "]}}}\n");
}

void bench_cases_list(FILE *f)
{
    static const char *const types[] = {"boolean", "string", "json", "all-flags"};
    fprintf(f, "{\"contexts\":{\n");
    for (unsigned i = 0; i < BENCH_CONTEXTS; i++) {
        fprintf(f, "\"%s\":%s%s\n", contexts[i].name, contexts[i].json,
                i + 1 < BENCH_CONTEXTS ? "," : "},\n\"cases\":[");
    }
    for (unsigned i = 0; i < bench_case_count; i++) {
        const struct bench_case *c = &bench_cases[i];
        fprintf(f, "{\"name\":\"%s\",\"flag\":%s%s%s,\"type\":\"%s\",\"context\":\"%s\"", c->name,
                c->flag ? "\"" : "", c->flag ? c->flag : "null", c->flag ? "\"" : "",
                types[c->type], contexts[c->context].name);
        fprintf(f, ",\"value\":%s}%s\n", c->value ? c->value : "null",
                i + 1 < bench_case_count ? "," : "]}");
    }
}
