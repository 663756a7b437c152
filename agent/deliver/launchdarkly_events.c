#include "launchdarkly_events.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../log.h"
#include "diagnostics.h"
#include "event_buffer.h"
#include "event_format.h"
#include "event_keys.h"
#include "event_summary.h"
#include "outbox.h"

#define CAPACITY 10000u
#define BUFFER_BYTES (64u << 20) /* of the events that wait: they may be large */
#define KEYS 1000u
#define KEYS_FLUSH_MS INT64_C(300000)
#define DIAGNOSTIC_MS INT64_C(900000)
#define DIAGNOSTIC_LEAST_MS INT64_C(60000)
#define OUTBOX_BYTES (64u << 20)
#define PAYLOAD_BYTES (5u << 20)
#define RETRY_MS INT64_C(1000)
#define LATER_MS INT64_C(30000)
#define LATER_MOST_MS INT64_C(300000)
#define FORGET_MS INT64_C(600000) /* a flag that is not evaluated any more */
#define TELL_MS 60000             /* between lines about the same trouble */

#define SPOOL_EVENTS "events"
#define SPOOL_SUMMARY "summary"

/* What goes back with a transaction that failed. */
struct tally {
    uint64_t events;  /* that were written */
    uint64_t dropped; /* events; by processes, too */
    uint64_t lost;    /* evaluations that could not be counted */
    uint64_t deduplicated;
    uint64_t last_batch; /* events in the last payload or payloads */
    int64_t flush_ms;    /* of the last flush, CLOCK_REALTIME */
    int64_t spooled;     /* the last number in the spool; 0: it is empty */
};

struct deliver {
    struct storage *storage;
    struct event_rules rules;
    struct event_buffer buffer;
    struct event_summary *summary;
    struct event_keys *keys;
    struct outbox *outbox;
    struct diagnostics *diagnostics; /* NULL: not wanted */
    struct event *keys_timer;
    struct tally now;
    struct tally committed;
    size_t payload_most_bytes;
    void (*contexts_forgotten)(void *arg);
    void *arg;
    struct timeval keys_flush;
    int64_t forgot_ms;  /* when flags were looked through last */
    int64_t told_ms[3]; /* enum trouble, CLOCK_MONOTONIC */
    bool gzip;
    bool no_memory; /* in this transaction: it must be taken back */
    bool stopped;
};

enum trouble { TROUBLE_FULL, TROUBLE_LOST, TROUBLE_STORAGE };

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Is it time for a line about this? */
static bool may_tell(struct deliver *d, enum trouble trouble)
{
    const int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (d->told_ms[trouble] != 0 && now - d->told_ms[trouble] < TELL_MS) {
        return false;
    }
    d->told_ms[trouble] = now;
    return true;
}

/* ---- events ------------------------------------------------------------------------------- */

static void drop(struct deliver *d)
{
    d->now.dropped++;
    if (event_buffer_full(&d->buffer) && may_tell(d, TROUBLE_FULL)) {
        LOG_EVENT(LOG_LEVEL_WARNING, "events-dropped",
                  log_text("cause", "more events than there is room for until the next flush"),
                  log_number("capacity", (int64_t)d->buffer.capacity),
                  log_text("hint", "a larger capacity, or a shorter flush interval"));
    }
}

static void put(struct deliver *d, const struct deliver_event *event, enum event_kind kind)
{
    char *text;
    if (event_buffer_full(&d->buffer)) {
        drop(d);
    } else if (event_format(&d->rules, event, kind, &text) != 0) {
        d->no_memory = true;
    } else if (text) {
        d->now.events++;
        d->no_memory |= event_buffer_add(&d->buffer, text) != 0;
    }
}

/* Marks the context as seen. true: it had been, or that cannot be told. */
static bool is_known(struct deliver *d, const json_t *context)
{
    size_t length;
    char *const key = event_context_key(context, &length);
    if (!key) {
        d->no_memory = true;
        return true;
    }
    const bool known = event_keys_see(d->keys, key, length);
    free(key);
    return known;
}

/* The first event of a context is preceded by one that tells of the context. */
static void put_index(struct deliver *d, const struct deliver_event *event)
{
    if (is_known(d, event->context)) {
        d->now.deduplicated++;
    } else {
        put(d, event, EVENT_INDEX);
    }
}

/* Debugging ends by whichever clock is ahead: ours, or that of LaunchDarkly. */
static bool is_debugged(const struct deliver *d, const struct deliver_event *event)
{
    return event->debug && event->debug_until_ms > clock_ms(CLOCK_REALTIME) &&
           event->debug_until_ms > outbox_server_ms(d->outbox);
}

void deliver_event(struct deliver *d, const struct deliver_event *event)
{
    if (d->stopped || d->no_memory) {
        return;
    }
    if (!event_well_formed(event)) {
        drop(d);
        return;
    }
    switch (event->type) {
    case DELIVER_INDEX:
        put_index(d, event);
        break;
    case DELIVER_IDENTIFY:
        (void)is_known(d, event->context);
        put(d, event, EVENT_IDENTIFY);
        break;
    case DELIVER_CUSTOM:
        put_index(d, event);
        put(d, event, EVENT_CUSTOM);
        break;
    case DELIVER_MIGRATION:
        put(d, event, EVENT_MIGRATION_OP);
        break;
    case DELIVER_EVALUATION:
        put_index(d, event);
        if (event->feature) {
            put(d, event, EVENT_FEATURE);
        }
        if (is_debugged(d, event)) {
            put(d, event, EVENT_DEBUG);
        }
        break;
    }
}

static void tell_lost(struct deliver *d, uint64_t before)
{
    if (d->now.lost > before && may_tell(d, TROUBLE_LOST)) {
        LOG_EVENT(LOG_LEVEL_WARNING, "evaluations-not-counted",
                  log_text("cause", "too many flags, or versions of them, or a key not in UTF-8"),
                  log_number("flags", (int64_t)event_summary_flags(d->summary)));
    }
}

void deliver_count(struct deliver *d, const struct deliver_count *count)
{
    const uint64_t before = d->now.lost;
    if (d->stopped || d->no_memory || count->count == 0) {
        return;
    }
    d->no_memory |=
        event_summary_count(d->summary, count, clock_ms(CLOCK_MONOTONIC), &d->now.lost) != 0;
    tell_lost(d, before);
}

void deliver_seen(struct deliver *d, const struct deliver_seen *seen)
{
    if (!d->stopped && !d->no_memory) {
        d->no_memory |= event_summary_seen(d->summary, seen, clock_ms(CLOCK_MONOTONIC)) != 0;
    }
}

void deliver_dropped(struct deliver *d, uint64_t events)
{
    d->now.dropped += events;
}

/* ---- the spool ---------------------------------------------------------------------------- */

/* Takes the text over. */
static int spool(struct deliver *d, const char *label, char *text, size_t length,
                 struct fault *fault)
{
    const int result = storage_queue_add(d->storage, STORAGE_SPOOL, OUTBOX_SINK, label, text,
                                         length, &d->now.spooled, fault);
    free(text);
    return result;
}

static int keep_events(struct deliver *d, struct fault *fault)
{
    size_t length;
    if (d->buffer.kept == d->buffer.count) {
        return 0;
    }
    char *const lines = event_buffer_lines(&d->buffer, d->buffer.kept, &length);
    if (!lines) {
        return -1;
    }
    d->buffer.kept = d->buffer.count;
    return spool(d, SPOOL_EVENTS, lines, length, fault);
}

static int keep_summary(struct deliver *d, struct fault *fault)
{
    char *text;
    if (event_summary_keep(d->summary, &text) != 0) {
        return -1;
    }
    return text ? spool(d, SPOOL_SUMMARY, text, strlen(text), fault) : 0;
}

static int load_spooled(void *arg, int64_t number, const char *label, const void *bytes,
                        size_t length)
{
    struct deliver *const d = arg;
    d->now.spooled = number;
    if (label && strcmp(label, SPOOL_EVENTS) == 0) {
        return event_buffer_load(&d->buffer, bytes, length);
    }
    if (label && strcmp(label, SPOOL_SUMMARY) == 0) {
        const int result = event_summary_load(d->summary, bytes, length, clock_ms(CLOCK_MONOTONIC));
        if (result <= 0) {
            return result;
        }
    }
    LOG_EVENT(LOG_LEVEL_WARNING, "events-not-understood", log_number("number", number),
              log_text("hint", "left in storage by another version: they are not sent"));
    return 0; /* it goes with the next flush */
}

/* ---- flushing ----------------------------------------------------------------------------- */

/* How many of the texts (the summary is the last one, or NULL) go into one payload. */
static size_t fit(const struct deliver *d, char *const *texts, size_t events, bool summary)
{
    const size_t count = payload_fit(texts, events, d->payload_most_bytes);
    const size_t all = events + summary;
    if (count < events || !summary) {
        return count;
    }
    return events == 0 || payload_fit(texts, all, d->payload_most_bytes) == all ? all : events;
}

/* Everything that waits, in as many payloads as it takes. */
static int add_payloads(struct deliver *d, char *const *texts, size_t events, bool summary,
                        struct fault *fault)
{
    while (events > 0 || summary) {
        struct payload_body body;
        const size_t count = fit(d, texts, events, summary);
        if (payload_join(texts, count, d->gzip, &body) != 0 ||
            outbox_add(d->outbox, &body, fault) != 0) {
            return -1;
        }
        summary = summary && count <= events;
        events -= count <= events ? count : events;
        texts += count;
    }
    return 0;
}

static int make_payloads(struct deliver *d, struct fault *fault)
{
    const int64_t end = clock_ms(CLOCK_REALTIME);
    /* It may have been set back, and then nothing is to be dated into the future. */
    const int64_t start = d->now.flush_ms < end ? d->now.flush_ms : end;
    const size_t first = d->buffer.taken;
    const size_t events = d->buffer.count - first;
    char *summary = NULL;
    char **const texts = malloc((events + 1) * sizeof *texts);
    int result = -1;
    if (texts && event_summary_take(d->summary, start, end, &summary) == 0) {
        for (size_t i = 0; i < events; i++) {
            texts[i] = d->buffer.events[first + i];
        }
        texts[events] = summary;
        result = add_payloads(d, texts, events, summary != NULL, fault);
        if (events > 0 || summary) {
            d->now.last_batch = events + (summary != NULL);
        }
    }
    free(summary);
    free(texts);
    event_buffer_take(&d->buffer);
    d->now.flush_ms = end;
    return result;
}

static int empty_spool(struct deliver *d, struct fault *fault)
{
    if (d->now.spooled == 0) {
        return 0;
    }
    const int64_t last = d->now.spooled;
    d->now.spooled = 0;
    return storage_queue_delete_to(d->storage, STORAGE_SPOOL, OUTBOX_SINK, last, fault);
}

/* The result of a transaction's step; what went wrong is told. */
static int step(struct deliver *d, int result, struct fault *fault)
{
    if (result != 0 && may_tell(d, TROUBLE_STORAGE)) {
        if (fault->cause[0] == '\0') {
            fault_set(fault, "", "", "no memory for events");
        }
        log_fault(LOG_LEVEL_ERROR, "events-not-kept", fault);
    }
    return result;
}

int deliver_keep(struct deliver *d)
{
    struct fault fault = {0};
    if (d->stopped) {
        return 0;
    }
    int result = d->no_memory ? -1 : keep_events(d, &fault);
    if (result == 0) {
        result = keep_summary(d, &fault);
    }
    return step(d, result, &fault);
}

int deliver_flush(struct deliver *d)
{
    struct fault fault = {0};
    int result = d->no_memory ? -1 : 0;
    if (result == 0 && !d->stopped) {
        result = make_payloads(d, &fault);
    }
    if (result == 0) {
        result = empty_spool(d, &fault);
    }
    return step(d, result, &fault);
}

/* ---- the end of a transaction ------------------------------------------------------------- */

static void forget_flags(struct deliver *d)
{
    const int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (now - d->forgot_ms >= TELL_MS) {
        d->forgot_ms = now;
        event_summary_forget(d->summary, now - FORGET_MS);
    }
}

void deliver_committed(struct deliver *d)
{
    event_buffer_commit(&d->buffer);
    event_summary_commit(d->summary);
    event_keys_commit(d->keys);
    d->committed = d->now;
    forget_flags(d);
    if (!d->stopped) {
        outbox_commit(d->outbox);
    }
}

void deliver_revert(struct deliver *d)
{
    event_buffer_revert(&d->buffer);
    event_summary_revert(d->summary);
    event_keys_revert(d->keys);
    outbox_revert(d->outbox);
    d->now = d->committed;
    d->no_memory = false;
}

/* ---- LaunchDarkly says no ------------------------------------------------------------------ */

/* Between transactions. What is in the spool goes with the next flush. */
static void on_refused(void *arg, long status)
{
    struct deliver *const d = arg;
    char *summary;
    if (d->stopped) {
        return;
    }
    LOG_EVENT(LOG_LEVEL_ERROR, "event-delivery-stopped", log_number("status", status),
              log_text("hint", "check the SDK key, and restart the agent"));
    d->stopped = true;
    d->now.dropped += d->buffer.count;
    if (event_summary_take(d->summary, 0, 0, &summary) == 0) {
        free(summary);
    }
    event_summary_commit(d->summary);
    event_buffer_take(&d->buffer);
    event_buffer_commit(&d->buffer);
    d->committed = d->now;
    outbox_stop(d->outbox);
    if (d->diagnostics) {
        diagnostics_stop(d->diagnostics);
    }
}

/* ---- life --------------------------------------------------------------------------------- */

static void on_keys_timer(evutil_socket_t fd, short what, void *arg)
{
    struct deliver *const d = arg;
    (void)fd;
    (void)what;
    event_add(d->keys_timer, &d->keys_flush);
    event_keys_clear(d->keys);
    if (d->contexts_forgotten) {
        d->contexts_forgotten(d->arg);
    }
}

static void on_counts(void *arg, struct diagnostics_counts *out)
{
    const struct deliver *const d = arg;
    out->dropped_events = d->committed.dropped;
    out->deduplicated_contexts = d->committed.deduplicated;
    out->events_in_last_batch = d->committed.last_batch;
}

static int begin_rules(struct deliver *d, const struct launchdarkly_events_options *options)
{
    const char *const *const references = options->private_attributes;
    d->rules.privacy.all_private = options->all_private;
    d->rules.omit_anonymous = options->omit_anonymous;
    d->rules.value = options->value;
    d->rules.arg = options->arg;
    for (size_t i = 0; references && references[i]; i++) {
        if (event_references_add(&d->rules.privacy.references, references[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static int begin_sending(struct deliver *d, struct event_base *base, struct http *http,
                         const struct launchdarkly_events_options *options)
{
    const struct outbox_options outbox = {
        .base_uri = options->base_uri,
        .headers = options->headers,
        .most_bytes = options->outbox_most_bytes ? options->outbox_most_bytes : OUTBOX_BYTES,
        .retry_ms = or_default(options->retry_ms, RETRY_MS),
        .later_ms = or_default(options->later_ms, LATER_MS),
        .later_most_ms = or_default(options->later_most_ms, LATER_MOST_MS),
        .refused = on_refused,
        .arg = d,
    };
    const int64_t interval = or_default(options->diagnostic_interval_ms, DIAGNOSTIC_MS);
    const struct diagnostics_options diagnostics = {
        .base_uri = options->base_uri,
        .headers = options->headers,
        .sdk_key_suffix = options->sdk_key_suffix,
        .init = options->diagnostic_init,
        .interval_ms = interval < DIAGNOSTIC_LEAST_MS ? DIAGNOSTIC_LEAST_MS : interval,
        .retry_ms = outbox.retry_ms,
        .gzip = options->gzip,
        .counts = on_counts,
        .refused = on_refused,
        .arg = d,
    };
    d->outbox = outbox_new(base, http, d->storage, &outbox);
    if (options->diagnostics) {
        d->diagnostics = diagnostics_new(base, http, &diagnostics);
    }
    return d->outbox && (d->diagnostics || !options->diagnostics) ? 0 : -1;
}

static int begin(struct deliver *d, struct event_base *base, struct http *http,
                 const struct launchdarkly_events_options *options, struct fault *fault)
{
    const int64_t keys_ms = or_default(options->context_keys_flush_ms, KEYS_FLUSH_MS);
    d->buffer.capacity = options->capacity ? options->capacity : CAPACITY;
    d->buffer.most_bytes = BUFFER_BYTES;
    d->payload_most_bytes =
        options->payload_most_bytes ? options->payload_most_bytes : PAYLOAD_BYTES;
    d->gzip = options->gzip;
    d->contexts_forgotten = options->contexts_forgotten;
    d->arg = options->arg;
    d->keys_flush = (struct timeval){keys_ms / 1000, (keys_ms % 1000) * 1000};
    d->now.flush_ms = clock_ms(CLOCK_REALTIME);
    d->summary = event_summary_new(options->value, options->arg);
    d->keys =
        event_keys_new(options->context_keys_capacity ? options->context_keys_capacity : KEYS);
    d->keys_timer = evtimer_new(base, on_keys_timer, d);
    if (!d->summary || !d->keys || !d->keys_timer || begin_rules(d, options) != 0 ||
        event_add(d->keys_timer, &d->keys_flush) != 0 ||
        begin_sending(d, base, http, options) != 0 ||
        storage_queue_load(d->storage, STORAGE_SPOOL, OUTBOX_SINK, load_spooled, d, fault) != 0 ||
        outbox_load(d->outbox, fault) != 0) {
        return -1;
    }
    d->committed = d->now;
    return 0;
}

struct deliver *launchdarkly_events_new(struct event_base *base, struct http *http,
                                        struct storage *storage,
                                        const struct launchdarkly_events_options *options,
                                        struct fault *fault)
{
    struct deliver *const d = calloc(1, sizeof *d);
    *fault = (struct fault){0};
    if (d) {
        d->storage = storage;
    }
    if (!d || begin(d, base, http, options, fault) != 0) {
        if (fault->cause[0] == '\0') {
            fault_set(fault, "", "", "no memory for events, or what was kept of them is damaged");
        }
        launchdarkly_events_free(d);
        return NULL;
    }
    return d;
}

int launchdarkly_events_forget(struct storage *storage, struct fault *fault)
{
    return storage_queue_delete_to(storage, STORAGE_SPOOL, OUTBOX_SINK, INT64_MAX, fault) |
           storage_queue_delete_to(storage, STORAGE_OUTBOX, OUTBOX_SINK, INT64_MAX, fault);
}

void launchdarkly_events_free(struct deliver *d)
{
    if (!d) {
        return;
    }
    diagnostics_free(d->diagnostics);
    outbox_free(d->outbox);
    if (d->keys_timer) {
        event_free(d->keys_timer);
    }
    event_keys_free(d->keys);
    event_summary_free(d->summary);
    event_buffer_free(&d->buffer);
    event_references_free(&d->rules.privacy.references);
    free(d);
}

void launchdarkly_events_stream_init(struct deliver *d, int64_t time_ms, bool failed,
                                     int64_t duration_ms)
{
    if (d->diagnostics) {
        diagnostics_stream_init(d->diagnostics, time_ms, failed, duration_ms);
    }
}

bool launchdarkly_events_idle(const struct deliver *d)
{
    return d->stopped || outbox_idle(d->outbox);
}

void launchdarkly_events_stats(const struct deliver *d, struct launchdarkly_events_stats *out)
{
    const struct outbox_stats *const o = outbox_stats(d->outbox);
    *out = (struct launchdarkly_events_stats){
        .events = d->committed.events,
        .payloads = o->payloads,
        .failures = o->failures,
        .dropped_events = d->committed.dropped,
        .dropped_payloads = o->dropped_payloads,
        .outbox_bytes = o->bytes,
        .stopped = d->stopped,
        .last_status = o->last_status,
        .last_error = o->last_error,
    };
}
