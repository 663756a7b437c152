#include "sink.h"

static void to_event(void *arg, const struct deliver_event *event)
{
    if (arg) {
        deliver_event(arg, event);
    }
}

static void to_count(void *arg, const struct deliver_count *count)
{
    if (arg) {
        deliver_count(arg, count);
    }
}

static void to_seen(void *arg, const struct deliver_seen *seen)
{
    if (arg) {
        deliver_seen(arg, seen);
    }
}

static void to_dropped(void *arg, uint64_t events)
{
    if (arg) {
        deliver_dropped(arg, events);
    }
}

static int to_keep(void *arg)
{
    return arg ? deliver_keep(arg) : 0;
}

static int to_flush(void *arg)
{
    return arg ? deliver_flush(arg) : 0;
}

static void to_committed(void *arg)
{
    if (arg) {
        deliver_committed(arg);
    }
}

static void to_revert(void *arg)
{
    if (arg) {
        deliver_revert(arg);
    }
}

struct collector_sink collector_sink_of_deliver(struct deliver *deliver)
{
    return (struct collector_sink){deliver, to_event, to_count,     to_seen,  to_dropped,
                                   to_keep, to_flush, to_committed, to_revert};
}

struct collector *collector_new(struct event_base *base, struct storage *storage,
                                struct deliver *deliver, const struct collector_options *options,
                                struct fault *fault)
{
    const struct collector_sink sink = collector_sink_of_deliver(deliver);
    return collector_new_sink(base, storage, &sink, options, fault);
}
