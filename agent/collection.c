#include "collection.h"

#include <stdlib.h>

#include "collect/sink.h"
#include "delivery_report.h"
#include "log.h"

#define REPORT_MS 1000
#define RING_OF_ASKS (16u << 10)       /* bytes of a program's ring where no events go through it */
#define FLUSH_WITHOUT_DELIVERY_MS 1000 /* nobody is sent a payload with each */

struct collection {
    struct event_base *base;
    const struct config *config;
    struct publisher *publisher;
    struct deliver *deliver;
    void (*asked)(void *arg, const char *key); /* NULL: nobody wants to know */
    void *asked_arg;
    struct fleet_totals *totals;
    struct collector *collector; /* NULL: nothing is collected */
    bool counts;                 /* evaluations; else it is for what programs ask alone */
    struct event *report;        /* what becomes of events, into the control page */
};

struct collection *collection_new(struct event_base *base, const struct config *config,
                                  struct publisher *publisher)
{
    struct collection *c = calloc(1, sizeof *c);
    if (c) {
        *c = (struct collection){.base = base, .config = config, .publisher = publisher};
    }
    return c;
}

static void on_window(void *arg, uint64_t window)
{
    const struct collection *c = arg;
    publisher_telemetry_window(c->publisher, window);
}

/* ---- the report ---------------------------------------------------------------------------- */

static void report_delivery(const struct collection *c)
{
    struct launchdarkly_events_stats events;
    struct collector_stats collected;
    struct image_delivery_report report = {.state = IMAGE_DELIVERY_NONE};
    if (c->deliver && c->collector) {
        launchdarkly_events_stats(c->deliver, &events);
        collector_stats(c->collector, &collected);
        delivery_report_make(&events, &collected, &report);
    }
    publisher_delivery_report(c->publisher, &report);
}

static void on_report(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    report_delivery(arg);
}

static int start_report(struct collection *c)
{
    const struct timeval every = {REPORT_MS / 1000, REPORT_MS % 1000 * 1000L};
    c->report = event_new(c->base, -1, EV_PERSIST, on_report, c);
    return c->report ? event_add(c->report, &every) : -1;
}

/* ---- who takes it ---------------------------------------------------------------------------- */

static void to_event(void *arg, const struct deliver_event *event)
{
    const struct collection *c = arg;
    if (c->deliver) {
        deliver_event(c->deliver, event);
    }
}

static void to_count(void *arg, const struct deliver_count *count)
{
    const struct collection *c = arg;
    if (c->deliver) {
        deliver_count(c->deliver, count);
    }
    if (c->totals) {
        fleet_totals_count(c->totals, count->key, count->variation, count->unknown, count->count);
    }
}

static void to_seen(void *arg, const struct deliver_seen *seen)
{
    const struct collection *c = arg;
    if (c->deliver) {
        deliver_seen(c->deliver, seen);
    }
}

static void to_dropped(void *arg, uint64_t events)
{
    const struct collection *c = arg;
    if (c->deliver) {
        deliver_dropped(c->deliver, events);
    }
}

static int to_keep(void *arg)
{
    const struct collection *c = arg;
    return c->deliver ? deliver_keep(c->deliver) : 0;
}

static int to_flush(void *arg)
{
    const struct collection *c = arg;
    if (c->totals && fleet_totals_flush(c->totals) != 0) {
        return -1;
    }
    return c->deliver ? deliver_flush(c->deliver) : 0;
}

static void to_committed(void *arg)
{
    const struct collection *c = arg;
    if (c->totals) {
        fleet_totals_committed(c->totals);
    }
    if (c->deliver) {
        deliver_committed(c->deliver);
    }
}

static void to_revert(void *arg)
{
    const struct collection *c = arg;
    if (c->totals) {
        fleet_totals_revert(c->totals);
    }
    if (c->deliver) {
        deliver_revert(c->deliver);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The least power of two that is not smaller. */
static uint32_t round_up(uint32_t bytes)
{
    uint32_t power = 1;
    while (power < bytes) {
        power *= 2;
    }
    return power;
}

/* Each flush of events is a payload to LaunchDarkly; without one, counts may be taken sooner. */
static int64_t flush_ms(const struct collection *c)
{
    const bool said = c->config->settings[CONFIG_EVENTS_FLUSH_MS].layer != CONFIG_BY_DEFAULT;
    return c->deliver || said ? config_number(c->config, CONFIG_EVENTS_FLUSH_MS)
                              : FLUSH_WITHOUT_DELIVERY_MS;
}

static void no_window(void *arg, uint64_t window)
{
    (void)arg, (void)window;
}

void collection_on_asks(struct collection *c, void (*asked)(void *arg, const char *key), void *arg)
{
    c->asked = asked;
    c->asked_arg = arg;
}

static int start_collector(struct collection *c, const struct collection_takers *takers)
{
    const uint32_t ring =
        takers->deliver
            ? round_up((uint32_t)config_number(c->config, CONFIG_EVENTS_RING_KIB) * 1024)
            : RING_OF_ASKS;
    struct fault fault = {0};
    const struct collector_options options = {
        .dir = config_text(c->config, CONFIG_DIR),
        .store_epoch = publisher_epoch(c->publisher),
        .flush_ms = flush_ms(c),
        .has_events = takers->deliver != NULL,
        .ring_bytes = ring,
        .passes_over = takers->passes_over,
        .asked = c->asked,
        .asked_arg = c->asked_arg,
        .set_window = c->counts ? on_window : no_window,
        .arg = c,
    };
    publisher_telemetry(c->publisher,
                        (takers->deliver ? IMAGE_WANTS_EVENTS : 0) |
                            (c->asked ? IMAGE_WANTS_MEMBERSHIPS : 0),
                        ring);
    const struct collector_sink sink = {c,       to_event, to_count,     to_seen,  to_dropped,
                                        to_keep, to_flush, to_committed, to_revert};
    c->collector = collector_new_sink(c->base, takers->storage, &sink, &options, &fault);
    if (!c->collector) {
        log_fault(LOG_LEVEL_ERROR, "collect-failed", &fault);
        return -1;
    }
    return 0;
}

void collection_start(struct collection *c, const struct collection_takers *takers)
{
    c->deliver = takers->deliver;
    c->totals = takers->totals;
    c->counts = config_bool(c->config, CONFIG_EVENTS_ENABLED);
    if (!c->counts) {
        publisher_telemetry_window(c->publisher, 0); /* an earlier agent may have counted */
    }
    if (!c->counts && !c->asked) {
        publisher_telemetry(c->publisher, 0, RING_OF_ASKS);
    } else if (start_collector(c, takers) != 0 || (c->deliver && start_report(c) != 0)) {
        publisher_telemetry_window(c->publisher, 0);
        LOG_EVENT(LOG_LEVEL_ERROR, "events-off",
                  log_text("effect", "evaluations are neither counted nor reported"),
                  log_text("hint", "put right what is said above, and restart the agent"));
    }
    report_delivery(c);
}

void collection_free(struct collection *c)
{
    if (!c) {
        return;
    }
    if (c->report) {
        report_delivery(c);
        event_free(c->report);
    }
    collector_free(c->collector);
    free(c);
}

int collection_flush(struct collection *c)
{
    return c->collector ? collector_flush(c->collector) : 0;
}

void collection_forget_contexts(struct collection *c)
{
    if (c->collector) {
        collector_forget_contexts(c->collector);
    }
}

bool collection_stats(const struct collection *c, struct collector_stats *out)
{
    if (c->collector) {
        collector_stats(c->collector, out);
    }
    return c->collector && c->counts;
}
