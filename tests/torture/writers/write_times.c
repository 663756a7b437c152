/*
 * How long a change takes, from the request sent to its answer, with nobody else there: as long as
 * the agent does nothing else. A dry run is the same without the disk and without publishing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "writers.h"

#define SEGMENTS 10
#define DRY_CPU_MOST_NS                                                                            \
    3000000 /* of one; ten times as much, when something goes over all flags                       \
             */

struct times {
    struct writing_agent *agent;
    struct http_client http;
    unsigned flags;
    unsigned count;
    int64_t *took_ns;
    int64_t cpu_ns; /* the agent's, when it began */
    uint64_t random;
};

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void begin(struct times *t)
{
    t->cpu_ns = agent_cpu_ns(t->agent);
}

static double ms(const struct times *t, unsigned percent)
{
    const size_t at = (size_t)t->count * percent / 100;
    return (double)t->took_ns[at < t->count ? at : t->count - 1] / 1e6;
}

/* The processor time of one. */
static int64_t tell(struct times *t, const char *what)
{
    const int64_t cpu_ns =
        (agent_cpu_ns(t->agent) - t->cpu_ns) / (int64_t)(t->count ? t->count : 1);
    qsort(t->took_ns, t->count, sizeof *t->took_ns, by_size);
    printf("  %6u flags, %-36s median %8.3f ms, p99 %8.3f, most %8.3f; processor %8.3f\n", t->flags,
           what, ms(t, 50), ms(t, 99), ms(t, 100), (double)cpu_ns / 1e6);
    return cpu_ns;
}

static unsigned draw(struct times *t, unsigned below)
{
    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((t->random >> 33) % below);
}

/* Takes over the body. The time that it took. */
static int64_t ask(struct times *t, const char *method, const char *path, json_t *body)
{
    struct http_answer answer;
    const int64_t start = now_ns();
    http_ask(&t->http, &(struct http_request){method, path, "X-Reason: times\r\n", body}, &answer);
    const int64_t took = now_ns() - start;
    if (answer.status != 200 && answer.status != 201) {
        char *text = json_dumps(answer.body, JSON_COMPACT);
        printf("FAILED: %s %s: %d %s\n", method, path, answer.status, text ? text : "");
        exit(1);
    }
    json_decref(answer.body);
    json_decref(body);
    return took;
}

/* About 1 KB: four rules of two conditions, one of a segment; every tenth needs another flag. */
static json_t *flag_body(struct times *t, unsigned flag)
{
    json_t *rules = json_array();
    for (unsigned i = 0; i < 4; i++) {
        json_t *second = i == 0 ? json_pack("{s:s, s:o}", "operator", "in_segment", "value",
                                            json_sprintf("segment-%u", flag % SEGMENTS))
                                : json_pack("{s:s, s:s, s:[s, s]}", "attribute", "country",
                                            "operator", "in", "value", "nowhere", "elsewhere");
        json_array_append_new(rules, json_pack("{s:[{s:s, s:s, s:i}, o], s:s}", "conditions",
                                               "attribute", "age", "operator", "greater_than",
                                               "value", (int)i + 20, second, "variant", "on"));
    }
    json_t *body = json_pack("{s:[{s:s, s:i}, {s:s, s:i}], s:s, s:s, s:o, s:s}", "variants", "key",
                             "on", "value", (int)draw(t, 1000000), "key", "off", "value", -1,
                             "default_variant", "on", "fallback_variant", "off", "targeting_rules",
                             rules, "description", "of some length, as descriptions are");
    if (flag % 10 == 9) {
        json_object_set_new(
            body, "prerequisites",
            json_pack("[{s:o, s:s}]", "flag", json_sprintf("flag-%u", flag - 9), "variant", "on"));
    }
    return body;
}

static void make(struct times *t)
{
    char path[64];
    for (unsigned i = 0; i < SEGMENTS; i++) {
        snprintf(path, sizeof path, "/segments/segment-%u", i);
        ask(t, "PUT", path, json_pack("{s:[s]}", "included", "somebody"));
    }
    for (unsigned i = 0; i < t->flags; i++) {
        snprintf(path, sizeof path, "/flags/flag-%u", i);
        ask(t, "PUT", path, flag_body(t, i));
    }
}

static int64_t put_flags(struct times *t, const char *what, const char *query)
{
    char path[64];
    begin(t);
    for (unsigned i = 0; i < t->count; i++) {
        const unsigned flag = draw(t, t->flags);
        snprintf(path, sizeof path, "/flags/flag-%u%s", flag, query);
        t->took_ns[i] = ask(t, "PUT", path, flag_body(t, flag));
    }
    return tell(t, what);
}

static void put_segments(struct times *t)
{
    char path[64];
    begin(t);
    for (unsigned i = 0; i < t->count; i++) {
        snprintf(path, sizeof path, "/segments/segment-%u", draw(t, SEGMENTS));
        t->took_ns[i] = ask(t, "PUT", path,
                            json_pack("{s:[o]}", "included", json_sprintf("%u", draw(t, 1000000))));
    }
    tell(t, "PUT of a segment of a tenth of them");
}

static void kill_flags(struct times *t)
{
    char path[64];
    begin(t);
    for (unsigned i = 0; i < t->count; i++) {
        snprintf(path, sizeof path, "/flags/flag-%u/%s", i / 2 % t->flags,
                 i % 2 ? "revive" : "kill");
        t->took_ns[i] = ask(t, "POST", path, NULL);
    }
    tell(t, "kill and revive");
}

void write_times(struct writing_agent *agent, unsigned flags, unsigned writes)
{
    struct times t = {.agent = agent, .flags = flags, .count = writes, .random = 1};
    t.took_ns = calloc(writes + 1, sizeof *t.took_ns);
    agent_start(agent);
    agent_await(agent);
    if (!t.took_ns || http_open(&t.http, agent->socket) != 0) {
        printf("FAILED: the agent is gone\n");
        exit(1);
    }
    const int64_t start = now_ns();
    make(&t);
    printf("  %6u flags made in %.1f s; the agent's memory: %zu KiB\n", flags,
           (double)(now_ns() - start) / 1e9, agent_resident_kib(agent));
    put_flags(&t, "PUT", "");
    if (put_flags(&t, "PUT, a dry run", "?dryRun=true") > DRY_CPU_MOST_NS) {
        wrong("a dry run goes over all flags");
    }
    put_segments(&t);
    kill_flags(&t);
    printf("  the agent's memory: %zu KiB\n", agent_resident_kib(agent));
    http_close(&t.http);
    free(t.took_ns);
    agent_stop(agent);
}
