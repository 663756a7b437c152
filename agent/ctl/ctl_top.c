/*
 * ctl_top.c - ffctl top: how often each flag is evaluated, now.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collect/rates_json.h"
#include "ctl.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_top_screen.h"
#include "ctl_top_source.h"
#include "ctl_when.h"

#define INTERVAL_S 1.0
#define INTERVAL_OF_FLEET_MS 5000 /* hosts add what they count every second, some every five */
#define INTERVAL_LEAST_S 0.1
#define INTERVAL_MOST_S 3600.0

enum {
    OPTION_INTERVAL = OPTIONS_OWN,
    OPTION_COUNT,
    OPTION_SORT,
    OPTION_PREFIX,
    OPTION_LIMIT,
    OPTION_FLEET,
};

static const struct ctl_option options[] = {
    {"interval", required_argument, "1|2|5|10|60", OPTION_INTERVAL},
    {"count", required_argument, "NUMBER", OPTION_COUNT},
    {"sort", required_argument, "rate|flag", OPTION_SORT},
    {"prefix", required_argument, "FLAG", OPTION_PREFIX},
    {"limit", required_argument, "NUMBER", OPTION_LIMIT},
    {"fleet", no_argument, NULL, OPTION_FLEET},
    OPTIONS_COMMON,
};

struct top {
    const struct ctl *ctl;
    int64_t interval_ms;
    unsigned long count; /* 0: until it is stopped */
    unsigned long limit; /* flags that are shown; 0: all */
    bool by_flag;
    const char *prefix; /* NULL: all */
    bool fleet;         /* of all its hosts */
    bool terminal;      /* is drawn on */
};

static int help(void)
{
    output_text(
        "usage: ffctl top [OPTION]...\n"
        "\n"
        "Shows how often each flag is evaluated on this host, and which variants it gives; anew\n"
        "every second, until it is stopped (Ctrl-C). Counts are read where programs keep them, "
        "and\n"
        "nobody is disturbed; where this user may not read them, the agent is asked.\n"
        "\n"
        "  --interval SECONDS  between two looks, 0.1 to 3600 (default: 1)\n"
        "  --count N           ends after so many intervals\n"
        "  --sort ORDER        rate (default): the most often evaluated first; or flag: by key\n"
        "  --prefix PREFIX     only flags whose keys begin with it\n"
        "  --limit N           at most so many flags (a terminal's window limits them as well)\n"
        "  --fleet             on all hosts of the fleet: the agent is asked for what they have "
        "added "
        "up\n"
        "                      in Redis, every 5 seconds unless --interval says else\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "As JSON a line for each interval: {\"atMs\", \"intervalMs\", \"processes\",\n"
        "\"unreadable\", \"cut\", \"rate\", \"items\": [{\"flag\", \"count\", \"rate\",\n"
        "\"variations\": [{\"variation\", \"variant\", \"count\", \"rate\", \"share\"}],\n"
        "\"unknown\"}]}; rates are a second, and variation is null for the caller's default. With\n"
        "--fleet \"hosts\" is how many were heard.\n"
        "\n"
        "Exit codes\n"
        "  0  it was stopped, or --count intervals are over\n"
        "  1  nobody counts, or neither counts can be read nor an agent be asked\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl top\n"
        "  ffctl top --prefix shop- --sort flag\n"
        "  ffctl top --interval 10 --count 1 --json | jq '.items[] | {flag, rate}'\n");
    return CTL_OK;
}

/* ---- signals -------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;
static volatile sig_atomic_t resized;

static void on_signal(int number)
{
    if (number == SIGWINCH) {
        resized = 1;
    } else {
        stopped = 1;
    }
}

/* They come only while it waits: then a terminal is left as it was found. *waiting: the mask for
   that. */
static void catch_signals(bool terminal, sigset_t *waiting)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    const struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers - (terminal ? 0 : 1); i++) {
        sigaction(numbers[i], &action, NULL);
        sigaddset(&blocked, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, waiting);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- intervals ------------------------------------------------------------------------------ */

static void show_json(const struct top *t, json_t *rates)
{
    json_t *const items = json_object_get(rates, "items");
    while (t->limit > 0 && json_array_size(items) > t->limit) {
        json_array_remove(items, json_array_size(items) - 1);
    }
    json_object_set_new(rates, "atMs", json_integer(when_now()));
    (void)json_dumpf(rates, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
    output_text("\n");
    fflush(stdout);
}

static void show(const struct top *t, json_t *rates)
{
    if (t->ctl->json) {
        show_json(t, rates);
    } else {
        top_screen_draw(t->ctl, rates, t->terminal, t->limit);
    }
}

/* Until then, or until it is stopped; a window that changed its size is drawn anew meanwhile. */
static void wait_until(const struct top *t, int64_t until_ms, const sigset_t *waiting,
                       json_t *shown)
{
    int64_t left_ms;
    while (!stopped && (left_ms = until_ms - now_ms()) > 0) {
        const struct timespec left = {left_ms / 1000, left_ms % 1000 * 1000000};
        ppoll(NULL, 0, &left, waiting);
        if (resized && shown) {
            show(t, shown);
        }
        resized = 0;
    }
}

static int run_intervals(const struct top *t, struct top_source *source, json_t *before,
                         const sigset_t *waiting)
{
    json_t *shown = NULL;
    int64_t next_ms = now_ms() + t->interval_ms;
    int code = CTL_OK;
    for (unsigned long done = 0; !ferror(stdout) && (t->count == 0 || done < t->count); done++) {
        wait_until(t, next_ms, waiting, shown);
        json_t *const after = stopped ? NULL : top_source_read(source);
        if (!after) {
            code = stopped ? CTL_OK : CTL_NEGATIVE;
            break;
        }
        json_decref(shown);
        shown = rates_between(before, after, t->by_flag);
        json_decref(before);
        before = after;
        if (!shown) {
            code = ctl_fail(t->ctl, "the agent's answer is not what it should be");
            break;
        }
        show(t, shown);
        next_ms = next_ms + t->interval_ms > now_ms() ? next_ms + t->interval_ms
                                                      : now_ms() + t->interval_ms;
    }
    json_decref(shown);
    json_decref(before);
    return code;
}

static int run(const struct top *t)
{
    struct top_source source;
    sigset_t waiting;
    int code = top_source_open(&source, t->ctl, t->prefix, t->fleet);
    json_t *const first = code == CTL_OK ? top_source_read(&source) : NULL;
    if (first) {
        catch_signals(t->terminal, &waiting);
        top_screen_begin(t->terminal);
        code = run_intervals(t, &source, first, &waiting);
        top_screen_end(t->terminal);
        if (t->terminal && code != CTL_OK) { /* why was told on the other screen */
            json_decref(top_source_read(&source));
        }
    } else if (code == CTL_OK) {
        code = CTL_NEGATIVE;
    }
    top_source_close(&source);
    return code;
}

/* ---- options -------------------------------------------------------------------------------- */

static int take_interval(struct top *t)
{
    char *end;
    const double seconds = strtod(optarg, &end);
    if (end == optarg || *end || !(seconds >= INTERVAL_LEAST_S && seconds <= INTERVAL_MOST_S)) {
        return ctl_usage(t->ctl, "--interval '%s': write seconds, 0.1 to 3600", optarg);
    }
    t->interval_ms = (int64_t)lround(seconds * 1000);
    return CTL_OK;
}

static int take_number(const struct top *t, const char *name, unsigned long *number)
{
    const size_t digits = strspn(optarg, "0123456789");
    *number = digits > 0 && digits < 10 && !optarg[digits] ? strtoul(optarg, NULL, 10) : 0;
    return *number > 0 ? CTL_OK
                       : ctl_usage(t->ctl, "%s '%s': write a number from 1 on", name, optarg);
}

static int take_option(struct top *t, int option)
{
    switch (option) {
    case OPTION_INTERVAL:
        return take_interval(t);
    case OPTION_COUNT:
        return take_number(t, "--count", &t->count);
    case OPTION_LIMIT:
        return take_number(t, "--limit", &t->limit);
    case OPTION_FLEET:
        t->fleet = true;
        return CTL_OK;
    case OPTION_PREFIX:
        t->prefix = optarg;
        return CTL_OK;
    case OPTION_SORT:
        t->by_flag = strcmp(optarg, "flag") == 0;
        return t->by_flag || strcmp(optarg, "rate") == 0
                   ? CTL_OK
                   : ctl_usage(t->ctl, "--sort '%s': rate or flag", optarg);
    case OPTIONS_WORD:
        return ctl_usage(t->ctl, "'%s' is one word too many; flags are chosen with --prefix",
                         optarg);
    default:
        return CTL_USAGE;
    }
}

int ctl_top(struct ctl *ctl, int argc, char **argv)
{
    struct top t = {.ctl = ctl};
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        const int code = take_option(&t, option);
        if (code != CTL_OK) {
            return code;
        }
    }
    if (t.interval_ms == 0) {
        t.interval_ms = t.fleet ? INTERVAL_OF_FLEET_MS : (int64_t)(INTERVAL_S * 1000);
    }
    t.terminal = !ctl->json && isatty(STDOUT_FILENO) != 0;
    return run(&t);
}
