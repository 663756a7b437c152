/*
 * latency_probe - how long a change is on its way to a running process.
 *
 *   latency_probe DIR FLAG COUNT MS
 *
 * Evaluates the flag again and again. Its value is the time (CLOCK_MONOTONIC, ns) at which the
 * value was sent: at each new one the difference to now is what it took. After COUNT of them, or MS
 * milliseconds, prints "count N median_us N p90_us N most_us N". 1: there were fewer than COUNT.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ffshm.h"

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static size_t measure(struct ffshm *ff, const char *flag, int64_t *took_ns, size_t count,
                      int64_t end)
{
    /* A program that evaluates often and leaves the processor to others in between. */
    const struct timespec pause = {0, 20000};
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "user-1");
    int64_t last = ffshm_int(ff, flag, &who, 0);
    size_t seen = 0;
    for (int64_t now = now_ns(); seen < count && now < end; now = now_ns()) {
        const int64_t sent = ffshm_int(ff, flag, &who, 0);
        if (sent != last) {
            took_ns[seen++] = now_ns() - sent;
            last = sent;
        }
        nanosleep(&pause, NULL);
    }
    return seen;
}

int main(int argc, char **argv)
{
    const size_t count = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
    int64_t *took_ns = calloc(count + 1, sizeof *took_ns);
    struct ffshm *ff = took_ns && count ? ffshm_open(argv[1], NULL) : NULL;
    if (ff == NULL || ffshm_wait_ready(ff, 10000) != FFSHM_OK) {
        fprintf(stderr, "latency_probe DIR FLAG COUNT MS, with a snapshot in DIR\n");
        free(took_ns);
        ffshm_close(ff);
        return 2;
    }
    puts("ready");
    fflush(stdout);
    const int64_t end = now_ns() + strtoll(argv[4], NULL, 10) * 1000000;
    const size_t seen = measure(ff, argv[2], took_ns, count, end);
    if (seen > 0) {
        qsort(took_ns, seen, sizeof *took_ns, by_size);
        printf("count %zu median_us %" PRId64 " p90_us %" PRId64 " most_us %" PRId64 "\n", seen,
               took_ns[seen / 2] / 1000, took_ns[seen * 9 / 10] / 1000, took_ns[seen - 1] / 1000);
    }
    ffshm_close(ff);
    free(took_ns);
    return seen == count ? 0 : 1;
}
