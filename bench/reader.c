#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_clock.h"
#include "bench_fail.h"

/* ---- the process --------------------------------------------------------------------------- */

struct ffshm *reader_open(const struct reader_way *way)
{
    const struct ffshm_options options = {
        .size = sizeof options,
        .verify = way->trusts ? FFSHM_VERIFY_HEADER : FFSHM_VERIFY_FULL,
        .no_telemetry = !way->counts,
    };
    struct ffshm_context c;
    struct ffshm_detail d;
    struct ffshm *ff = ffshm_open(way->store, &options);
    ffshm_context_init(&c, NULL, "user-1");
    (void)ffshm_bool_detail(ff, "feature-000000", &c, false, &d);
    if (d.variation < 0) {
        fprintf(stderr, "ffbench: %s: feature-000000: %s\n", way->store, ffshm_error_text(d.error));
        ffshm_close(ff);
        return NULL;
    }
    return ff;
}

static void evaluate_all(struct ffshm *ff, unsigned flags)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "user-1");
    for (unsigned i = 0; i < flags; i++) {
        char key[32];
        snprintf(key, sizeof key, "feature-%06u", i);
        (void)ffshm_bool(ff, key, &c, false);
    }
}

static int stay(const struct reader_way *way, unsigned flags)
{
    char byte = '.';
    if (write(STDOUT_FILENO, &byte, 1) != 1 || read(STDIN_FILENO, &byte, 1) != 1) {
        return 1;
    }
    struct ffshm *ff = reader_open(way);
    if (!ff) {
        return 1;
    }
    evaluate_all(ff, flags);
    const bool told = write(STDOUT_FILENO, &byte, 1) == 1;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    ffshm_close(ff);
    return told ? 0 : 1;
}

static int once(const struct reader_way *way)
{
    const double opening = bench_now_ns();
    const struct ffshm *ff = reader_open(way);
    const double answered = bench_now_ns();
    printf("%.0f %.0f\n", opening, answered);
    return ff ? 0 : 1; /* as a program that is done: what is mapped goes with the process */
}

int reader_main(int argc, char **argv)
{
    if (argc != 6) {
        return 2;
    }
    const struct reader_way way = {argv[2], argv[3][0] == 'c', argv[4][0] == 't'};
    return argv[5][0] == '-' ? once(&way) : stay(&way, (unsigned)strtoul(argv[5], NULL, 10));
}

/* ---- whoever starts it --------------------------------------------------------------------- */

static void execute(struct reader *r, const struct reader_way *way, const char *flags)
{
    int to[2];
    int from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        bench_fail_errno("pipe");
    }
    r->pid = bench_child();
    if (r->pid == 0) {
        if (dup2(to[0], STDIN_FILENO) < 0 || dup2(from[1], STDOUT_FILENO) < 0) {
            bench_fail_errno("dup2");
        }
        execl("/proc/self/exe", "ffbench", "reader", way->store, way->counts ? "counts" : "quiet",
              way->trusts ? "trusts" : "verifies", flags, (char *)NULL);
        bench_fail_errno("/proc/self/exe");
    }
    close(to[0]);
    close(from[1]);
    r->input = to[1];
    r->output = from[0];
}

static void await_byte(const struct reader *r)
{
    char byte;
    if (read(r->output, &byte, 1) != 1) {
        bench_fail("a reader", "it ended too early");
    }
}

void reader_start(struct reader *r, const struct reader_way *way, unsigned flags)
{
    char text[16];
    snprintf(text, sizeof text, "%u", flags);
    execute(r, way, text);
    await_byte(r);
}

void reader_evaluate(struct reader *r)
{
    if (write(r->input, ".", 1) != 1) {
        bench_fail("a reader", "it ended too early");
    }
    await_byte(r);
}

void reader_end(struct reader *r)
{
    int status;
    close(r->input);
    close(r->output);
    if (waitpid(r->pid, &status, 0) != r->pid || status != 0) {
        bench_fail("a reader", "it ended badly");
    }
}

struct reader_times reader_once(const struct reader_way *way)
{
    struct reader r;
    struct reader_times times = {.executed_ns = bench_now_ns()};
    char text[80] = "";
    size_t length = 0;
    execute(&r, way, "-");
    for (ssize_t more = 1; more > 0 && length + 1 < sizeof text; length += (size_t)more) {
        more = read(r.output, text + length, sizeof text - 1 - length);
        more = more > 0 ? more : 0;
    }
    reader_end(&r);
    if (sscanf(text, "%lf %lf", &times.opening_ns, &times.answered_ns) != 2) {
        bench_fail("a reader", "it ended too early");
    }
    return times;
}
