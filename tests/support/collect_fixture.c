#include "collect_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: %m\n", __FILE__, __LINE__, #condition);                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void set_window(void *arg, uint64_t window)
{
    struct collect_fixture *const f = arg;
    f->window = window;
    f->windows++;
}

void fixture_init(struct collect_fixture *f)
{
    *f = (struct collect_fixture){.windows = 0};
    snprintf(f->dir, sizeof f->dir, "/dev/shm/ffshm-collect-XXXXXX");
    REQUIRE(mkdtemp(f->dir));
    snprintf(f->database, sizeof f->database, "%s/state/agent.db", f->dir);
    f->base = event_base_new();
    REQUIRE(f->base);
    f->options = (struct collector_options){.dir = f->dir,
                                            .store_epoch = FIXTURE_EPOCH,
                                            .flush_ms = 3600000,
                                            .has_events = true,
                                            .set_window = set_window,
                                            .arg = f};
}

bool fixture_try_start(struct collect_fixture *f, struct fault *fault)
{
    if (!f->without_storage) {
        f->storage = storage_open(f->database, fault);
        if (!f->storage) {
            return false;
        }
    }
    recording_sink_init(&f->sink, f->storage);
    const struct collector_sink sink = recording_sink(&f->sink);
    f->collector = collector_new_sink(f->base, f->storage, &sink, &f->options, fault);
    if (!f->collector) {
        recording_sink_free(&f->sink);
        storage_close(f->storage);
        f->storage = NULL;
    }
    return f->collector != NULL;
}

void fixture_start(struct collect_fixture *f)
{
    struct fault fault = {.line = 0};
    if (!fixture_try_start(f, &fault)) {
        char text[1024];
        fault_text(&fault, text, sizeof text);
        fprintf(stderr, "the collector does not start: %s\n", text);
        exit(1);
    }
}

void fixture_stop(struct collect_fixture *f)
{
    if (f->collector) {
        collector_free(f->collector);
        recording_sink_free(&f->sink);
        storage_close(f->storage);
        f->collector = NULL;
        f->storage = NULL;
    }
}

void fixture_free(struct collect_fixture *f)
{
    char command[128];
    fixture_stop(f);
    event_base_free(f->base);
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    REQUIRE(system(command) == 0);
}

/* ---- the loop ----------------------------------------------------------------------------- */

void fixture_run(struct collect_fixture *f, int ms)
{
    const struct timeval time = {ms / 1000, ms % 1000 * 1000L};
    event_base_loopexit(f->base, &time);
    event_base_dispatch(f->base);
}

bool fixture_run_until(struct collect_fixture *f, fixture_condition *condition, void *arg, int ms)
{
    for (int waited = 0; waited < ms && !condition(f, arg); waited += 5) {
        fixture_run(f, 5);
    }
    return condition(f, arg);
}

/* ---- what there is ------------------------------------------------------------------------ */

struct collector_stats fixture_stats(struct collect_fixture *f)
{
    struct collector_stats stats;
    collector_stats(f->collector, &stats);
    return stats;
}

bool fixture_exists(const struct collect_fixture *f, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return lstat(name[0] == '/' ? name : path, &st) == 0;
}

static int count_mark(void *arg, const uint64_t id[2], const void *bytes, size_t length)
{
    (void)id;
    (void)bytes;
    (void)length;
    ++*(unsigned *)arg;
    return 0;
}

unsigned fixture_marks(struct collect_fixture *f)
{
    unsigned marks = 0;
    REQUIRE(storage_mark_load(f->storage, count_mark, &marks, NULL) == 0);
    return marks;
}

bool fixture_ack(const struct collect_fixture *f, uint64_t id, uint64_t *position)
{
    char path[96];
    bool found = false;
    snprintf(path, sizeof path, "%s/acks", f->dir);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct telemetry_acks *const acks = malloc(sizeof *acks);
    REQUIRE(fd >= 0 && acks && read(fd, acks, sizeof *acks) == (ssize_t)sizeof *acks);
    for (unsigned i = 0; i < TELEMETRY_ACK_PROBES && !found; i++) {
        const struct telemetry_ack *const e = &acks->entries[(id + i) % TELEMETRY_ACK_SLOTS];
        found = atomic_load(&e->id) == id;
        *position = found ? atomic_load(&e->position) : 0;
    }
    close(fd);
    free(acks);
    return found;
}
