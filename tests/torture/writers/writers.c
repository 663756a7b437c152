/*
 * torture_writers - many clients write over the API of a real agent.
 *
 *   torture_writers load DIR STATE LOG CHANGES CLIENTS [SEED]
 *       CLIENTS at once, until CHANGES were answered with success; then all of it is judged.
 *   torture_writers killed DIR STATE LOG ROUNDS CLIENTS [SEED]
 *       ROUNDS times: the agent is killed with -9 in the middle of it, started again on the same
 *       store and state, and all of it is judged.
 *   torture_writers times DIR STATE LOG FLAGS WRITES
 *       how long a change takes when FLAGS flags are kept.
 *
 * DIR: the store; STATE: the agent's state file; LOG: where its log goes. 0: nothing was wrong.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "writers.h"

#define WRONGS_TOLD 20
#define ALONE 200 /* changes */
#define IN_VAIN 2000
#define GROWTH_MOST_KIB 3072
#define LIFE_MOST_US 150000 /* of an agent that is killed, from its first answer on */

static _Atomic int wrong_count;

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void wrong(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (atomic_fetch_add(&wrong_count, 1) < WRONGS_TOLD) {
        flockfile(stdout);
        printf("WRONG: ");
        vprintf(format, arguments);
        printf("\n");
        funlockfile(stdout);
    }
    va_end(arguments);
}

int wrongs(void)
{
    return atomic_load(&wrong_count);
}

/* ---- clients, a thread each ----------------------------------------------------------------- */

struct crowd {
    struct writer writers[CLIENTS_MOST];
    pthread_t threads[CLIENTS_MOST];
    size_t count;
    _Atomic size_t changes;
    size_t most; /* changes */
};

struct seat {
    struct crowd *crowd;
    struct writer *writer;
};

static void *write_all(void *arg)
{
    const struct seat *seat = arg;
    struct crowd *c = seat->crowd;
    while (!seat->writer->broken && atomic_load(&c->changes) < c->most) {
        writer_go_on(seat->writer, &c->changes);
    }
    return NULL;
}

/* The first client has a store of its own. */
static void crowd_connect(struct crowd *c, const struct writing_agent *agent, unsigned round,
                          struct ffshm *const stores[2], uint64_t seed)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct writer *w = &c->writers[i];
        *w = (struct writer){.number = i, .round = round, .ff = stores[i > 0], .shares = i > 0};
        w->random = seed ^ ((uint64_t)round << 32) ^ ((uint64_t)i << 8);
        writer_random(w, 2);
        if (http_open(&w->http, agent->socket) != 0) {
            printf("FAILED: client %u cannot connect\n", i);
            exit(1);
        }
    }
}

static struct seat seats[CLIENTS_MOST];

static void crowd_start(struct crowd *c)
{
    for (size_t i = 0; i < c->count; i++) {
        seats[i] = (struct seat){c, &c->writers[i]};
        if (pthread_create(&c->threads[i], NULL, write_all, &seats[i]) != 0) {
            printf("FAILED: no thread\n");
            exit(1);
        }
    }
}

static void crowd_join(struct crowd *c)
{
    for (size_t i = 0; i < c->count; i++) {
        pthread_join(c->threads[i], NULL);
        http_close(&c->writers[i].http);
    }
}

static void crowd_forget(struct crowd *c)
{
    for (size_t i = 0; i < c->count; i++) {
        writer_forget(&c->writers[i]);
    }
}

/* ---- what came of it ------------------------------------------------------------------------ */

struct totals {
    size_t requests, dry_runs, conflicts, refusals, increments[COUNTERS];
};

static void add_up(struct totals *t, const struct crowd *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct writer *w = &c->writers[i];
        t->requests += w->count;
        t->conflicts += w->conflicts;
        t->refusals += w->refusals;
        for (size_t n = 0; n < w->count; n++) {
            t->dry_runs += w->ops[n].dry_run;
            if (w->ops[n].increment && w->ops[n].audit) {
                t->increments[w->ops[n].key]++;
            }
        }
    }
}

/* No update was lost: a counter is what was added to it. */
static void check_counters(const struct totals *t, const struct write_model *m)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        const struct model_version *now = model_now(m, i);
        const json_t *variant = now ? json_array_get(json_object_get(now->body, "variants"), 0) : 0;
        const json_int_t value = json_integer_value(json_object_get(variant, "value"));
        if (value != (json_int_t)t->increments[i]) {
            wrong("%s is %lld after %zu increments", write_keys[i].name, (long long)value,
                  t->increments[i]);
        }
    }
}

static void tell(const struct totals *t, const struct judge *j)
{
    printf("  %zu requests to change something: %zu dry runs, %zu lost races (409), %zu refused"
           " (404, 422)\n",
           t->requests, t->dry_runs, t->conflicts, t->refusals);
    printf("  %zu audit entries of them, %zu of the agent's own; %zu requests had nothing to do\n",
           j->entries, j->own_entries, j->nothing_to_do);
    printf("  counters: %zu %zu %zu %zu\n", t->increments[0], t->increments[1], t->increments[2],
           t->increments[3]);
}

/* ---- under load ----------------------------------------------------------------------------- */

static void print_rate(const struct crowd *c, int64_t took_ns)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        count += c->writers[i].count;
    }
    printf("  %zu changes and %zu requests in %.2f s: %.0f changes/s, %.0f requests/s\n",
           atomic_load(&c->changes), count, (double)took_ns / 1e9,
           (double)atomic_load(&c->changes) * 1e9 / (double)took_ns,
           (double)count * 1e9 / (double)took_ns);
}

static void check_memory(const char *what, size_t before, size_t after)
{
    printf("  the agent's memory, %s: %zu KiB before, %zu after\n", what, before, after);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
    if (after > before + GROWTH_MOST_KIB) {
        wrong("it takes more and more memory");
    }
#endif
}

/* Memory is compared from the middle on: by then the agent has seen everything that comes. */
static void await_half(const struct crowd *c)
{
    while (atomic_load(&c->changes) < c->most / 2 && wrongs() < WRONGS_TOLD &&
           !c->writers[0].broken) {
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
}

/* What changes nothing is to leave nothing behind, also while nothing is published. */
static void ask_in_vain(struct writing_agent *agent, struct http_client *http)
{
    json_t *body = json_pack("{s:[{s:s, s:i}], s:s, s:[{s:s, s:s}]}", "variants", "key", "n",
                             "value", 1, "default_variant", "n", "prerequisites", "flag",
                             write_keys[0].name, "variant", "n");
    json_t *bad = json_deep_copy(body);
    json_object_set_new(json_array_get(json_object_get(bad, "prerequisites"), 0), "flag",
                        json_string("nowhere"));
    const size_t before = agent_resident_kib(agent);
    for (unsigned i = 0; i < IN_VAIN; i++) {
        struct http_answer answer;
        http_ask(http, &(struct http_request){"PUT", "/flags/vain?dryRun=true", NULL, body},
                 &answer);
        json_decref(answer.body);
        http_ask(http, &(struct http_request){"PUT", "/flags/vain", NULL, bad}, &answer);
        json_decref(answer.body);
        if (answer.status != 422) {
            wrong("a prerequisite that is nowhere: %d", answer.status);
        }
    }
    json_decref(body);
    json_decref(bad);
    check_memory("requests in vain", before, agent_resident_kib(agent));
}

/* One alone at first: that the next evaluation has what was answered is not others' merit then. */
static void begin_alone(struct writer *w)
{
    _Atomic size_t changes = 0;
    writer_begin(w);
    while (!w->broken && atomic_load(&changes) < ALONE) {
        writer_go_on(w, &changes);
    }
}

static void load(struct writing_agent *agent, size_t changes, size_t clients, uint64_t seed)
{
    static struct crowd crowd;
    struct totals totals = {0};
    pid_t watcher;
    struct http_client http;
    struct watched *watched = watch_begin(agent->dir, &watcher);
    agent_start(agent);
    agent_await(agent);
    struct ffshm *stores[] = {ffshm_open(agent->dir, NULL), ffshm_open(agent->dir, NULL)};
    crowd.count = clients;
    crowd.most = changes;
    crowd_connect(&crowd, agent, 0, stores, seed);
    begin_alone(&crowd.writers[0]);
    const int64_t start = now_ns();
    crowd_start(&crowd);
    await_half(&crowd);
    const size_t middle = agent_resident_kib(agent);
    crowd_join(&crowd);
    print_rate(&crowd, now_ns() - start);
    const size_t after = agent_resident_kib(agent);
    struct judge judge = {.http = &http, .readers = {stores[0], stores[1]}};
    if (http_open(&http, agent->socket) != 0) {
        printf("FAILED: the agent is gone\n");
        exit(1);
    }
    judge_all(&judge, crowd.writers, crowd.count);
    add_up(&totals, &crowd);
    check_counters(&totals, &judge.model);
    tell(&totals, &judge);
    check_memory("the second half", middle, after);
    ask_in_vain(agent, &http);
    watch_end(watched, watcher);
    http_close(&http);
    agent_stop(agent);
    crowd_forget(&crowd);
    ffshm_close(stores[0]);
    ffshm_close(stores[1]);
    model_free(&judge.model);
}

/* ---- killed in the middle ------------------------------------------------------------------- */

struct killing {
    struct writing_agent *agent;
    struct crowd crowd;
    struct judge judge;
    struct totals totals;
    uint64_t random;
    unsigned killed_at_start;
    size_t answered;
};

static uint64_t draw(struct killing *k, uint64_t below)
{
    k->random = k->random * 6364136223846793005u + 1442695040888963407u;
    return (k->random >> 33) % below;
}

static void sleep_us(uint64_t us)
{
    nanosleep(&(struct timespec){(time_t)(us / 1000000), (long)(us % 1000000 * 1000)}, NULL);
}

/* Now and then it is killed while it starts, too: nothing may be other than before. */
static void start_again(struct killing *k)
{
    while (draw(k, 6) == 0) {
        agent_start(k->agent);
        sleep_us(draw(k, 30000));
        agent_kill(k->agent);
        k->killed_at_start++;
    }
    agent_start(k->agent);
    agent_await(k->agent);
}

/* By programs that were there before, and one that begins now. */
static void judge_round(struct killing *k, struct ffshm *const stores[2])
{
    struct http_client http;
    if (http_open(&http, k->agent->socket) != 0) {
        printf("FAILED: the agent is gone\n");
        exit(1);
    }
    k->judge.http = &http;
    k->judge.readers[0] = stores[0];
    k->judge.readers[1] = stores[1];
    k->judge.readers[2] = ffshm_open(k->agent->dir, NULL);
    judge_all(&k->judge, k->crowd.writers, k->crowd.count);
    add_up(&k->totals, &k->crowd);
    check_counters(&k->totals, &k->judge.model);
    ffshm_close(k->judge.readers[2]);
    http_close(&http);
}

static void one_round(struct killing *k, unsigned round, struct ffshm *const stores[2],
                      uint64_t seed)
{
    struct crowd *c = &k->crowd;
    atomic_store(&c->changes, 0);
    crowd_connect(c, k->agent, round, stores, seed);
    if (round == 0) {
        writer_begin(&c->writers[0]);
    }
    crowd_start(c);
    sleep_us(draw(k, LIFE_MOST_US));
    agent_kill(k->agent);
    crowd_join(c);
    k->answered += atomic_load(&c->changes);
    start_again(k);
    judge_round(k, stores);
    crowd_forget(c);
}

static void killed(struct writing_agent *agent, unsigned rounds, size_t clients, uint64_t seed)
{
    static struct killing k;
    pid_t watcher;
    struct watched *watched = watch_begin(agent->dir, &watcher);
    k.agent = agent;
    k.random = seed;
    k.crowd.count = clients;
    k.crowd.most = SIZE_MAX;
    agent_start(agent);
    agent_await(agent);
    struct ffshm *stores[] = {ffshm_open(agent->dir, NULL), ffshm_open(agent->dir, NULL)};
    const int64_t start = now_ns();
    unsigned round = 0;
    while (round < rounds && wrongs() == 0) {
        one_round(&k, round++, stores, seed);
    }
    printf("  killed %u times, and %u times while it started, in %.1f s\n", round,
           k.killed_at_start, (double)(now_ns() - start) / 1e9);
    printf("  %zu changes were answered; without an answer %zu are there as a whole, %zu not at"
           " all\n",
           k.answered, k.judge.stored_unanswered, k.judge.lost_unanswered);
    printf("  after a start readers had all of it in %.1f ms at the latest\n",
           (double)k.judge.slowest_ns / 1e6);
    tell(&k.totals, &k.judge);
    watch_end(watched, watcher);
    agent_stop(agent);
    ffshm_close(stores[0]);
    ffshm_close(stores[1]);
    model_free(&k.judge.model);
}

int main(int argc, char **argv)
{
    if (argc < 7 || strtoul(argv[5], NULL, 10) == 0 || strtoul(argv[6], NULL, 10) == 0) {
        fprintf(stderr, "torture_writers load|killed|times DIR STATE LOG COUNT COUNT [SEED]\n");
        return 2;
    }
    struct writing_agent agent = {.dir = argv[2], .state = argv[3], .log = argv[4]};
    const unsigned long first = strtoul(argv[5], NULL, 10);
    const unsigned long second = strtoul(argv[6], NULL, 10);
    const uint64_t seed = argc > 7 ? strtoull(argv[7], NULL, 0) : (uint64_t)time(NULL);
    const size_t clients = second < CLIENTS_MOST ? second : CLIENTS_MOST;
    setvbuf(stdout, NULL, _IOLBF, 0);
    json_object_seed(0); /* before there are threads */
    if (strcmp(argv[1], "times") == 0) {
        write_times(&agent, (unsigned)first, (unsigned)second);
    } else {
        printf("  seed %#llx\n", (unsigned long long)seed);
        if (strcmp(argv[1], "load") == 0) {
            load(&agent, first, clients, seed);
        } else {
            killed(&agent, (unsigned)first, clients, seed);
        }
    }
    printf("%d wrong\n", wrongs());
    return wrongs() == 0 ? 0 : 1;
}
