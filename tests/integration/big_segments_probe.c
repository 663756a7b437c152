/*
 * big_segments_probe.c - a program that evaluates flags with big segments, for big_segments.sh.
 *
 *   DIR evaluate FLAG KEY WAIT_MS [COUNT [PAUSE_MS]]   a line each: value and status ("true
 * HEALTHY") DIR await FLAG KEY WORDS PATIENCE_MS               until a line is these words; exit
 * code DIR await-many FLAG PREFIX COUNT PATIENCE_MS       until COUNT contexts, PREFIX0 ..., are
 * known DIR crowd FLAG KEY WAIT_MS THREADS                 all at once; how many got true DIR
 * status [PATIENCE_MS WORDS]                     "configured available stale", waited for
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ffshm.h"

static struct ffshm *open_store(const char *dir, const char *wait_ms)
{
    const struct ffshm_options options = {
        .size = sizeof options, .big_segment_wait_ms = (unsigned)strtoul(wait_ms, NULL, 10)};
    struct ffshm *ff = ffshm_open(dir, &options);
    if (!ff || ffshm_wait_ready(ff, 20000) != FFSHM_OK) {
        fprintf(stderr, "no store\n");
        exit(2);
    }
    return ff;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(unsigned long ms)
{
    const struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static const char *evaluate(struct ffshm *ff, const char *flag, const char *key, char line[64])
{
    struct ffshm_context who;
    struct ffshm_detail d;
    ffshm_context_init(&who, NULL, key);
    const bool value = ffshm_bool_detail(ff, flag, &who, false, &d);
    snprintf(line, 64, "%s %s", value ? "true" : "false", ffshm_big_segments_name(d.big_segments));
    return line;
}

static int evaluate_some(struct ffshm *ff, int argc, char **argv)
{
    const unsigned long count = argc > 6 ? strtoul(argv[6], NULL, 10) : 1;
    char line[64];
    for (unsigned long i = 0; i < count; i++) {
        if (i > 0 && argc > 7) {
            pause_ms(strtoul(argv[7], NULL, 10));
        }
        puts(evaluate(ff, argv[3], argv[4], line));
    }
    return 0;
}

static int await(struct ffshm *ff, char **argv)
{
    char line[64] = "";
    const int64_t end = now_ms() + strtol(argv[6], NULL, 10);
    while (strcmp(evaluate(ff, argv[3], argv[4], line), argv[5]) != 0) {
        if (now_ms() > end) {
            printf("still %s\n", line);
            return 1;
        }
        pause_ms(5);
    }
    return 0;
}

static int await_many(struct ffshm *ff, char **argv)
{
    const unsigned long count = strtoul(argv[5], NULL, 10);
    const int64_t end = now_ms() + strtol(argv[6], NULL, 10);
    unsigned long known = 0;
    while (known < count) {
        char key[64];
        char line[64];
        known = 0;
        for (unsigned long i = 0; i < count; i++) {
            snprintf(key, sizeof key, "%s%lu", argv[4], i);
            known += strstr(evaluate(ff, argv[3], key, line), "STORE_ERROR") == NULL;
        }
        if (now_ms() > end) {
            printf("only %lu of %lu are known\n", known, count);
            return 1;
        }
        pause_ms(20);
    }
    return 0;
}

struct one {
    pthread_t thread;
    struct ffshm *ff;
    char **argv;
    bool is_true;
};

static void *one_of_a_crowd(void *arg)
{
    struct one *one = arg;
    char line[64];
    one->is_true = strncmp(evaluate(one->ff, one->argv[3], one->argv[4], line), "true ", 5) == 0;
    return NULL;
}

static int crowd(struct ffshm *ff, char **argv)
{
    const unsigned long count = strtoul(argv[6], NULL, 10);
    struct one *all = calloc(count, sizeof *all);
    unsigned long yes = 0;
    for (unsigned long i = 0; i < count; i++) {
        all[i] = (struct one){.ff = ff, .argv = argv};
        pthread_create(&all[i].thread, NULL, one_of_a_crowd, &all[i]);
    }
    for (unsigned long i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        yes += all[i].is_true;
    }
    free(all);
    printf("%lu\n", yes);
    return 0;
}

static int status(struct ffshm *ff, int argc, char **argv)
{
    struct ffshm_big_segment_status s;
    char line[64];
    const int64_t end = now_ms() + (argc > 3 ? strtol(argv[3], NULL, 10) : 0);
    ffshm_big_segment_status(ff, &s);
    for (;;) {
        snprintf(line, sizeof line, "%s %s %s", s.configured ? "configured" : "-",
                 s.available ? "available" : "-", s.stale ? "stale" : "-");
        const int64_t left = end - now_ms();
        if (argc < 5 || strcmp(line, argv[4]) == 0 || left <= 0) {
            break;
        }
        ffshm_wait_big_segment_status(ff, &s, (int)left);
    }
    puts(line);
    return argc < 5 || strcmp(line, argv[4]) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[2] : "";
    const bool waits = strcmp(what, "evaluate") == 0 || strcmp(what, "crowd") == 0;
    if (argc < 3 || (waits && argc < 6)) {
        fprintf(stderr, "see the head of this program's source\n");
        return 2;
    }
    struct ffshm *ff = open_store(argv[1], waits ? argv[5] : "0");
    int code = 2;
    if (strcmp(what, "evaluate") == 0) {
        code = evaluate_some(ff, argc, argv);
    } else if (strcmp(what, "await") == 0 && argc == 7) {
        code = await(ff, argv);
    } else if (strcmp(what, "await-many") == 0 && argc == 7) {
        code = await_many(ff, argv);
    } else if (strcmp(what, "crowd") == 0 && argc == 7) {
        code = crowd(ff, argv);
    } else if (strcmp(what, "status") == 0) {
        code = status(ff, argc, argv);
    }
    ffshm_close(ff);
    return code;
}
