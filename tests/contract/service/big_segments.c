/*
 * big_segments.c - a client's store of big segments, and how it does.
 */
#include <stdio.h>
#include <time.h>

#include "service.h"

#define AWAIT_MS 2000
#define HEARD_MS 200 /* for the agent to say what it was told */
#define STEP_MS 2

static void socket_path(const struct client *c, char path[CLIENT_PATH + 16])
{
    snprintf(path, CLIENT_PATH + 16, "%s/redis.sock", c->dir);
}

void client_big_segments_url(const struct client *c, char url[CLIENT_PATH + 32])
{
    char path[CLIENT_PATH + 16];
    socket_path(c, path);
    snprintf(url, CLIENT_PATH + 32, "unix://%s", path);
}

int client_big_segments_add(struct client *c, const json_t *configuration, struct outcome *outcome)
{
    const json_t *settings = member(configuration, "bigSegments");
    const char *callback = member_text(settings, "callbackUri");
    char path[CLIENT_PATH + 16];
    if (!settings) {
        return 0;
    }
    socket_path(c, path);
    c->bridge = callback ? bridge_new(path, callback) : NULL;
    if (!c->bridge) {
        outcome_fail(outcome, callback ? 500 : 400, "bigSegments: %s",
                     callback ? "no bridge to it" : "no callbackUri");
        return -1;
    }
    return 0;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* A store that does not answer looks like one that was not asked yet, except from the other side.
 */
void client_big_segments_await(struct client *c)
{
    struct ffshm_big_segment_status status = {.configured = false};
    int heard = 0;
    for (int waited = 0; c->bridge && waited < AWAIT_MS && heard < HEARD_MS; waited += STEP_MS) {
        ffshm_big_segment_status(c->ff, &status);
        if (status.available) {
            return;
        }
        heard += bridge_polled(c->bridge) ? STEP_MS : 0;
        pause_ms(STEP_MS);
    }
}

void command_big_segment_status(struct client *c, const json_t *params, struct outcome *outcome)
{
    struct ffshm_big_segment_status status;
    (void)params;
    ffshm_big_segment_status(c->ff, &status);
    outcome->answer = json_pack("{s:b, s:b}", "available", status.available, "stale", status.stale);
}
