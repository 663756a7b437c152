#include "redis_wires.h"

#include <stdlib.h>

struct wires {
    redisAsyncContext *context;
    struct event *reading, *writing;
    struct redis_wires_owner owner; /* functions NULL: cut */
};

static void turn(struct wires *w, void (*handle)(redisAsyncContext *), bool reading)
{
    const struct redis_wires_owner owner = w->owner; /* handle() may free w */
    if (owner.before) {
        owner.before(owner.arg, reading);
    }
    handle(w->context);
    if (owner.after) {
        owner.after(owner.arg);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    turn(arg, redisAsyncHandleRead, true);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    turn(arg, redisAsyncHandleWrite, false);
}

static void add_read(void *arg)
{
    event_add(((struct wires *)arg)->reading, NULL);
}

static void del_read(void *arg)
{
    event_del(((struct wires *)arg)->reading);
}

static void add_write(void *arg)
{
    event_add(((struct wires *)arg)->writing, NULL);
}

static void del_write(void *arg)
{
    event_del(((struct wires *)arg)->writing);
}

/* The one place that every end of a connection comes through, in every version of hiredis. */
static void clean_up(void *arg)
{
    struct wires *w = arg;
    if (w->owner.over) {
        w->owner.over(w->owner.arg, w->context);
    }
    event_free(w->reading);
    event_free(w->writing);
    free(w);
}

int redis_wires_attach(redisAsyncContext *c, struct event_base *base,
                       const struct redis_wires_owner *owner)
{
    struct wires *w = calloc(1, sizeof *w);
    if (!w) {
        return -1;
    }
    *w = (struct wires){.context = c, .owner = *owner};
    w->reading = event_new(base, c->c.fd, EV_READ, on_readable, w);
    w->writing = event_new(base, c->c.fd, EV_WRITE, on_writable, w);
    if (!w->reading || !w->writing) {
        if (w->reading) {
            event_free(w->reading);
        }
        if (w->writing) {
            event_free(w->writing);
        }
        free(w);
        return -1;
    }
    c->ev.data = w;
    c->ev.addRead = add_read;
    c->ev.delRead = del_read;
    c->ev.addWrite = add_write;
    c->ev.delWrite = del_write;
    c->ev.cleanup = clean_up;
    event_add(w->reading, NULL);
    event_add(w->writing, NULL);
    return 0;
}

void redis_wires_cut(redisAsyncContext *c)
{
    struct wires *w = c->ev.data;
    if (w) {
        w->owner.before = NULL;
        w->owner.after = NULL;
        w->owner.over = NULL;
    }
    redisAsyncFree(c);
}
