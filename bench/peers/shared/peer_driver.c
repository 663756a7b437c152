#include "peer_driver.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void peer_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void print(json_t *line)
{
    if (!line || json_dumpf(line, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF ||
        fflush(stdout) != 0) {
        peer_fail("stdout", "cannot be written");
    }
    json_decref(line);
}

_Noreturn void peer_absent(const char *reason)
{
    print(json_pack("{s:s}", "absent", reason));
    exit(0);
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *root = path ? json_load_file(path, 0, &error) : NULL;
    if (!root) {
        peer_fail(path ? path : "options",
                  path ? error.text : "--flags FILE and --cases FILE are wanted");
    }
    return root;
}

void peer_options_read(struct peer_options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"flags", required_argument, NULL, 'f'},
        {"cases", required_argument, NULL, 'c'},
        {"events", required_argument, NULL, 'e'},
        {"url", required_argument, NULL, 'u'},
        {0},
    };
    const char *flags = NULL;
    const char *cases = NULL;
    int option;
    *o = (struct peer_options){0};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'f':
            flags = optarg;
            break;
        case 'c':
            cases = optarg;
            break;
        case 'e':
            o->events = strcmp(optarg, "on") == 0;
            break;
        case 'u':
            o->url = optarg;
            break;
        default:
            exit(2);
        }
    }
    o->flags = load(flags);
    o->list = load(cases);
}

static void announce(const char *version, const struct peer_case *cases, size_t count)
{
    json_t *names = json_array();
    json_t *absent = json_object();
    json_t *differs = json_object();
    for (size_t i = 0; i < count; i++) {
        const struct peer_case *c = &cases[i];
        if (c->absent) {
            json_object_set_new(absent, c->name, json_string(c->absent));
            continue;
        }
        json_array_append_new(names, json_string(c->name));
        if (c->differs) {
            json_object_set_new(differs, c->name, json_string(c->differs));
        }
    }
    print(json_pack("{s:b s:s s:o s:o s:o}", "ready", true, "version", version, "cases", names,
                    "absent", absent, "differs", differs));
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static const struct peer_case *find(const struct peer_case *cases, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (!cases[i].absent && strcmp(cases[i].name, name) == 0) {
            return &cases[i];
        }
    }
    return NULL;
}

void peer_serve(const char *version, const struct peer_case *cases, size_t count)
{
    char line[128];
    announce(version, cases, count);
    while (fgets(line, sizeof line, stdin)) {
        char *rest = line;
        const char *name = strsep(&rest, " ");
        const unsigned long n = rest ? strtoul(rest, NULL, 10) : 0;
        const struct peer_case *c = find(cases, count, name);
        if (!c || n == 0) {
            print(json_pack("{s:s}", "error", "CASE N is wanted"));
            continue;
        }
        const double start = now_ns();
        c->run(c->of, n);
        print(json_pack("{s:I}", "ns", (json_int_t)(now_ns() - start)));
    }
}
