#include "loop.h"

#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin_api.h"
#include "big_segments_client.h"
#include "collection.h"
#include "ffshm.h"
#include "fleet_client.h"
#include "fleet_view.h"
#include "launchdarkly_client.h"
#include "launchdarkly_settings.h"
#include "notify.h"
#include "operate/definition_keeper.h"
#include "operate/override_keeper.h"
#include "operate/schedule_keeper.h"
#include "operate/trail.h"
#include "pipeline.h"
#include "readers_dir.h"
#include "source/file.h"
#include "storage/state_file.h"

#define SIGNALS 3

/* How long the end waits for what programs have told to be delivered. What is not is kept. */
#define FINISH_MOST_S 3
#define FINISH_LOOK_MS 5

/* How long --once waits for LaunchDarkly. */
#define ONCE_MOST_MS 10000

struct agent {
    const struct config *config;
    struct event_base *base;
    struct publisher *publisher;
    struct pipeline *pipeline;
    struct source_file *source;         /* NULL: no flag files */
    struct launchdarkly_client *client; /* NULL: LaunchDarkly is not in use */
    struct collection *collection;
    struct state_file state;
    struct big_segments_client *big_segments; /* NULL: nobody is asked who is in them */
    struct fleet_client *fleet; /* NULL: what operators change is this host's own affair */
    struct fleet_view *view;    /* NULL: there is no fleet */
    struct override_keeper *overrides;
    struct definition_keeper *definitions;
    struct schedule_keeper *schedules;
    struct trail *trail;     /* NULL: nothing is kept */
    struct admin_api *admin; /* NULL: there is no API */
    struct event *signals[SIGNALS];
    struct event *watchdog;
    struct event *finish;   /* pending: the end waits for deliveries */
    struct event *deadline; /* of --once */
    bool fresh;             /* what LaunchDarkly says now is published */
    bool adopted;           /* an earlier agent's snapshot is there */
    bool ready;             /* and the service manager was told */
    bool gone;              /* the store was removed or replaced */
    char refused[1024];     /* why the files as they are now are not in force; "": they are */
};

/* ---- what the service manager is told ----------------------------------------------------- */

static void to_one_line(char *text)
{
    while ((text = strchr(text, '\n')) != NULL) {
        *text = ' ';
    }
}

static void tell_status(const struct agent *a, const char *first_line)
{
    struct publisher_stats stats;
    char state[2048];
    publisher_stats(a->publisher, &stats);
    const bool serving = stats.generation != 0;
    int length = snprintf(state, sizeof state, "%sSTATUS=", first_line);
    if (serving) {
        char generation[LOG_GENERATION];
        length += snprintf(state + length, sizeof state - (size_t)length,
                           "serving %" PRIu32 " flags, generation %s", stats.flags,
                           log_generation(stats.generation, generation));
    }
    if (a->refused[0]) {
        length +=
            snprintf(state + length, sizeof state - (size_t)length, "%s%s",
                     serving ? "; flag files refused: " : "waiting for flag files: ", a->refused);
    }
    const char *trouble = a->client ? launchdarkly_client_trouble(a->client) : "";
    if (*trouble) {
        snprintf(state + length, sizeof state - (size_t)length, "%sLaunchDarkly: %s",
                 serving || a->refused[0] ? "; " : "waiting for ", trouble);
    }
    to_one_line(state + strlen(first_line));
    notify_send(state);
}

static void tell_ready(struct agent *a)
{
    tell_status(a, a->ready ? "" : "READY=1\n");
    a->ready = true;
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_send("WATCHDOG=1");
}

/* ---- the source's news -------------------------------------------------------------------- */

/* Of the flag files; text: what is wrong with them. */
static void say_state(const struct agent *a, enum image_source_state state, const char *text)
{
    const struct source_state told = {
        .state = state,
        .error = text ? IMAGE_SOURCE_INVALID_DATA : IMAGE_SOURCE_NO_ERROR,
        .error_text = text,
    };
    pipeline_source_state(a->pipeline, CATALOG_FILE, &told);
}

static int on_loaded(void *arg, struct definitions *d, int64_t load_us)
{
    struct agent *a = arg;
    const size_t count = d->count;
    struct timespec start;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    const int result = pipeline_replace(a->pipeline, CATALOG_FILE, d->items, count);
    clock_gettime(CLOCK_MONOTONIC, &end);
    d->count = 0; /* the items are gone either way; the array stays the definitions' */
    if (result != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "load-failed", log_text("cause", "out of memory"));
        say_state(a, IMAGE_SOURCE_INTERRUPTED, "out of memory");
        return -1;
    }
    LOG_EVENT(a->refused[0] ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "loaded",
              log_number("files", (int64_t)a->config->flag_count),
              log_number("items", (int64_t)count), log_number("load_us", load_us),
              log_number("compare_us", (end.tv_sec - start.tv_sec) * 1000000 +
                                           (end.tv_nsec - start.tv_nsec) / 1000));
    a->refused[0] = '\0';
    say_state(a, IMAGE_SOURCE_VALID, NULL);
    return 0;
}

static void on_failed(void *arg, const struct fault *fault, bool repeated)
{
    struct agent *a = arg;
    struct publisher_stats stats;
    log_fault(repeated ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "load-failed", fault);
    fault_text(fault, a->refused, sizeof a->refused);
    to_one_line(a->refused);
    publisher_stats(a->publisher, &stats);
    say_state(a, stats.generation ? IMAGE_SOURCE_INTERRUPTED : IMAGE_SOURCE_INITIALIZING,
              a->refused);
    tell_status(a, "");
}

static void on_told(void *arg, const char *event, const char *path, const char *text)
{
    (void)arg;
    LOG_EVENT(LOG_LEVEL_WARNING, event, log_text("file", path), log_text("text", text));
}

static void on_published(void *arg)
{
    struct agent *a = arg;
    tell_ready(a);
    if (a->view) {
        fleet_view_news(a->view);
    }
    a->fresh = a->client && launchdarkly_client_fresh(a->client);
    if (a->fresh && a->config->once) {
        event_base_loopbreak(a->base);
    }
}

/* Of trouble with LaunchDarkly. */
static void on_news(void *arg)
{
    const struct agent *a = arg;
    tell_status(a, "");
    if (a->config->once && launchdarkly_client_stopped(a->client)) {
        event_base_loopbreak(a->base);
    }
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    const struct agent *a = arg;
    (void)fd, (void)what;
    event_base_loopbreak(a->base);
}

/* Nothing that is published from now on would reach a reader, and a new start is what makes a
 * store.
 */
static void on_gone(void *arg)
{
    struct agent *a = arg;
    LOG_EVENT(LOG_LEVEL_ERROR, "store-gone", log_text("file", config_text(a->config, CONFIG_DIR)),
              log_text("cause", "the store's directory was removed or replaced"),
              log_text("hint", "restart ffagent; running programs keep their old snapshot until "
                               "they ask"));
    if (a->client) {
        launchdarkly_client_finish(a->client); /* what they counted so far is in open files */
    }
    a->gone = true;
    event_base_loopbreak(a->base);
}

/* ---- signals ------------------------------------------------------------------------------ */

static void on_finish(evutil_socket_t fd, short what, void *arg)
{
    struct agent *a = arg;
    (void)fd, (void)what;
    const struct timeval soon = {0, (suseconds_t)FINISH_LOOK_MS * 1000};
    if (launchdarkly_client_finished(a->client) || event_add(a->finish, &soon) != 0) {
        event_base_loopbreak(a->base);
    }
}

/* A second signal does not wait for deliveries. */
static void on_stop(evutil_socket_t number, short what, void *arg)
{
    struct agent *a = arg;
    const struct timeval most = {FINISH_MOST_S, 0};
    (void)what;
    LOG_EVENT(LOG_LEVEL_INFO, "stopping", log_text("signal", number == SIGINT ? "INT" : "TERM"));
    if (!a->client || a->finish) {
        event_base_loopbreak(a->base);
        return;
    }
    launchdarkly_client_finish(a->client);
    a->finish = evtimer_new(a->base, on_finish, a);
    if (a->finish && event_base_loopexit(a->base, &most) == 0) {
        on_finish(-1, 0, a);
    } else {
        event_base_loopbreak(a->base);
    }
}

/* The manager waits for READY, whatever came of it. */
static void tell_reloaded(void *arg)
{
    struct agent *a = arg;
    (void)pipeline_publish(a->pipeline);
    if (a->ready) {
        tell_status(a, "READY=1\n");
    }
}

static void on_reload(evutil_socket_t number, short what, void *arg)
{
    struct agent *a = arg;
    (void)number, (void)what;
    LOG_EVENT(LOG_LEVEL_INFO, "reloading", log_text("signal", "HUP"));
    if (a->ready) {
        notify_reloading();
    }
    if (a->source) {
        (void)source_file_load(a->source); /* published with what follows, or soon */
    }
    if (a->admin) {
        admin_api_reload(a->admin);
    }
    if (!a->client || !launchdarkly_client_look(a->client, tell_reloaded, a)) {
        tell_reloaded(a);
    }
}

static int watch_signal(struct agent *a, unsigned at, int number, event_callback_fn fn)
{
    a->signals[at] = evsignal_new(a->base, number, fn, a);
    return a->signals[at] ? event_add(a->signals[at], NULL) : -1;
}

/* ---- start and stop ----------------------------------------------------------------------- */

static int make_loop(struct agent *a)
{
    /* A peer that went away, or a limit on file sizes, is an error of a write, not the end of the
       agent. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
    a->base = event_base_new();
    if (!a->base || watch_signal(a, 0, SIGTERM, on_stop) != 0 ||
        watch_signal(a, 1, SIGINT, on_stop) != 0 || watch_signal(a, 2, SIGHUP, on_reload) != 0) {
        return -1;
    }
    const uint64_t watchdog_us = notify_watchdog_us();
    if (watchdog_us) {
        const uint64_t half = watchdog_us / 2 > 1000 ? watchdog_us / 2 : 1000;
        const struct timeval every = {(time_t)(half / 1000000), (suseconds_t)(half % 1000000)};
        a->watchdog = event_new(a->base, -1, EV_PERSIST, on_watchdog, NULL);
        return a->watchdog ? event_add(a->watchdog, &every) : -1;
    }
    return 0;
}

static int open_publisher(struct agent *a)
{
    const struct publisher_options options = {
        .dir = config_text(a->config, CONFIG_DIR),
        .is_default_dir = a->config->settings[CONFIG_DIR].layer == CONFIG_BY_DEFAULT,
        .retained = (unsigned)config_number(a->config, CONFIG_RETAIN),
    };
    struct fault fault = {0};
    struct publisher_stats stats;
    char generation[LOG_GENERATION];
    a->publisher = publisher_open(&options, &fault);
    if (!a->publisher) {
        log_fault(LOG_LEVEL_ERROR, "start-failed", &fault);
        return -1;
    }
    if (fault.cause[0]) { /* it opened, but without what was there */
        log_fault(LOG_LEVEL_WARNING, "not-adopted", &fault);
    }
    publisher_stats(a->publisher, &stats);
    a->adopted = stats.generation != 0;
    LOG_EVENT(LOG_LEVEL_INFO, "started", log_text("version", FFSHM_VERSION),
              log_number("pid", getpid()), log_text("dir", options.dir),
              log_number("files", (int64_t)a->config->flag_count),
              log_text("launchdarkly", launchdarkly_part(a->config)),
              log_text("adopted_generation", log_generation(stats.generation, generation)),
              log_number("adopted_flags", stats.flags));
    readers_dir_log(options.dir);
    return 0;
}

static int make_stages(struct agent *a)
{
    const struct source_file_owner owner = {on_loaded, on_failed, on_told, a};
    a->pipeline = pipeline_new(a->base, a->publisher, on_published, a);
    if (!a->pipeline) {
        return -1;
    }
    pipeline_on_gone(a->pipeline, on_gone);
    if (a->config->flag_count > 0) {
        say_state(a, a->adopted ? IMAGE_SOURCE_INTERRUPTED : IMAGE_SOURCE_INITIALIZING, NULL);
        a->source = source_file_new(a->base, a->config->flag_paths, a->config->flag_count, &owner);
        if (!a->source) {
            return -1;
        }
    }
    if (a->config->sdk_key || config_reads_store(a->config)) {
        a->client = launchdarkly_client_new(a->base, a->config, a->pipeline, a->publisher);
        if (!a->client) {
            return -1;
        }
        launchdarkly_client_on_news(a->client, on_news, a);
    }
    a->collection = collection_new(a->base, a->config, a->publisher);
    return a->collection ? 0 : -1;
}

/* --once, and LaunchDarkly is to say what there is. */
static bool waits_for_launchdarkly(const struct agent *a)
{
    return a->config->once && a->client && launchdarkly_client_asks(a->client);
}

/* Nobody else brings anything: what operators have made is all there is. */
static void say_only_operators(struct agent *a)
{
    const struct source_state valid = {.state = IMAGE_SOURCE_VALID};
    if (definition_keeper_count(a->definitions) == 0) {
        pipeline_replace(a->pipeline, CATALOG_ADMIN, NULL, 0);
    }
    pipeline_source_state(a->pipeline, CATALOG_ADMIN, &valid);
}

/* The first load and publish: of the files, and of what LaunchDarkly last said, before any network.
   -1: there is no point in going on. */
static int serve_first(struct agent *a)
{
    const bool loaded = a->source && source_file_load(a->source) == 0;
    const bool restored = a->client && launchdarkly_client_restored(a->client);
    if (a->config->once && a->source && !loaded) {
        return -1;
    }
    const bool only_operators =
        !a->source && !a->client && (!a->fleet || fleet_client_known(a->fleet));
    if (only_operators) {
        say_only_operators(a);
    }
    if (!loaded && !restored && !only_operators && definition_keeper_count(a->definitions) == 0) {
        if (a->adopted) {
            tell_ready(a); /* readers have the last good snapshot */
        }
        return a->config->once && !waits_for_launchdarkly(a) ? -1 : 0; /* the sources try on */
    }
    if (pipeline_publish(a->pipeline) != 0) {
        return a->config->once || !a->adopted ? -1 : 0;
    }
    return 0;
}

/* --once: until LaunchDarkly's definitions are published, or are not going to be. */
static int wait_for_launchdarkly(struct agent *a)
{
    const struct timeval most = {ONCE_MOST_MS / 1000, 0};
    a->deadline = evtimer_new(a->base, on_deadline, a);
    if (!a->deadline || event_add(a->deadline, &most) != 0 ||
        launchdarkly_client_start(a->client) != 0 || event_base_dispatch(a->base) != 0) {
        return -1;
    }
    if (!a->fresh) {
        const char *trouble = launchdarkly_client_trouble(a->client);
        LOG_EVENT(LOG_LEVEL_ERROR, "once-failed",
                  log_text("cause", "LaunchDarkly's definitions are not published"),
                  log_text("trouble", *trouble ? trouble : "no answer in time"),
                  log_text("effect", "what was published before, or is kept, stays in force"));
    }
    return a->fresh ? 0 : -1;
}

static void stop(struct agent *a)
{
    notify_send("STOPPING=1");
    admin_api_free(a->admin);
    collection_free(a->collection); /* before who takes what it collects */
    fleet_view_free(a->view);
    trail_free(a->trail);
    fleet_client_detach(a->fleet);
    override_keeper_free(a->overrides);
    schedule_keeper_free(a->schedules);
    definition_keeper_free(a->definitions);
    fleet_client_free(a->fleet);
    state_file_close(&a->state);
    source_file_free(a->source);
    launchdarkly_client_free(a->client);
    big_segments_client_free(a->big_segments); /* whom the collection tells */
    pipeline_free(a->pipeline);
    if (a->publisher) {
        publisher_close(a->publisher);
    }
    for (unsigned i = 0; i < SIGNALS; i++) {
        if (a->signals[i]) {
            event_free(a->signals[i]);
        }
    }
    if (a->watchdog) {
        event_free(a->watchdog);
    }
    if (a->finish) {
        event_free(a->finish);
    }
    if (a->deadline) {
        event_free(a->deadline);
    }
    if (a->base) {
        event_base_free(a->base);
    }
}

static void log_notices(const struct config *c)
{
    for (size_t i = 0; i < c->notice_count; i++) {
        LOG_EVENT(LOG_LEVEL_WARNING, "no-effect", log_text("variable", c->notices[i].variable),
                  log_text("text", c->notices[i].text));
    }
}

/* LaunchDarkly's client has it open, or has told why it cannot be. The agent goes on without what
   is in such a file. */
static void open_state(struct agent *a)
{
    const char *path = config_text(a->config, CONFIG_STATE);
    const bool keeps = *path && strcmp(path, CONFIG_NO_STATE) != 0;
    struct fault fault = {0};
    if (a->client) {
        a->state.shared = launchdarkly_client_storage(a->client);
    } else if (keeps) {
        a->state.path = path;
        if (state_file_open(&a->state, &fault) != 0) {
            log_fault(LOG_LEVEL_ERROR, "state-failed", &fault);
            a->state.path = NULL;
        }
    }
    if (keeps && !state_file_keeps(&a->state)) {
        LOG_EVENT(LOG_LEVEL_WARNING, "nothing-kept",
                  log_text("text", "kill switches and tokens that are in the state file are not in "
                                   "force, and none can be made"));
    }
}

/* What operators change is kept in the host's own state file, or in the fleet's. */
static struct state_file *state_of_operators(struct agent *a)
{
    return a->fleet ? fleet_client_state(a->fleet) : &a->state;
}

/* What operators have changed is in force from the first snapshot on, with or without an API. */
static int open_keepers(struct agent *a)
{
    const struct operations operations = {a->pipeline, a->publisher, state_of_operators(a)};
    a->overrides = override_keeper_new(a->base, &operations);
    a->definitions = definition_keeper_new(&operations);
    if (a->definitions) {
        a->schedules = schedule_keeper_new(a->base, &operations, a->definitions);
    }
    if (!a->overrides || !a->schedules) {
        LOG_EVENT(LOG_LEVEL_ERROR, "start-failed", log_text("cause", "out of memory"));
        return -1;
    }
    override_keeper_load(a->overrides);
    definition_keeper_load(a->definitions);
    return 0;
}

/* Where counts are kept that are on their way. NULL: nowhere. */
static struct storage *storage_of_counts(struct agent *a)
{
    struct fault fault = {0};
    struct storage *storage =
        a->client ? launchdarkly_client_queue(a->client) : state_file_make(&a->state, &fault);
    if (!storage) {
        log_fault(LOG_LEVEL_WARNING, "state-not-kept", &fault);
    }
    return storage;
}

static void open_view(struct agent *a)
{
    const struct fleet_view_parts parts = {a->config,    a->fleet,      a->pipeline,
                                           a->publisher, a->collection, storage_of_counts(a)};
    a->view = fleet_view_new(a->base, &parts);
}

static void on_tokens(void *arg)
{
    const struct agent *a = arg;
    if (a->admin) {
        admin_api_tokens(a->admin);
    }
}

/* The fleet's state is here for the first time. */
static void on_known(void *arg)
{
    struct agent *a = arg;
    if (!a->source && !a->client) {
        say_only_operators(a);
        (void)pipeline_publish(a->pipeline);
    }
}

/* Until the fleet's state is known, what is missing is not known to be nowhere. */
static int join_fleet(struct agent *a)
{
    const struct fleet_client_parts parts = {a->pipeline,  a->publisher,   &a->state,
                                             a->overrides, a->definitions, a->schedules};
    if (!a->fleet) {
        return 0;
    }
    pipeline_expect(a->pipeline, CATALOG_ADMIN);
    if (fleet_client_known(a->fleet) && definition_keeper_count(a->definitions) == 0) {
        pipeline_replace(a->pipeline, CATALOG_ADMIN, NULL, 0);
    }
    fleet_client_on_tokens(a->fleet, on_tokens, a);
    fleet_client_on_known(a->fleet, on_known, a);
    return fleet_client_attach(a->fleet, a->base, &parts);
}

/* Nobody asks for a trail where there is no API and no LaunchDarkly: no file is made for it then.
 */
static void open_trail(struct agent *a)
{
    const bool asked = a->client || config_bool(a->config, CONFIG_ADMIN_ENABLED);
    struct state_file *state = state_of_operators(a);
    if (state_file_keeps(state)) {
        a->trail = trail_new(a->base, a->pipeline, a->publisher, state, asked && !a->config->once);
        if (!a->trail) {
            LOG_EVENT(LOG_LEVEL_WARNING, "trail-failed", log_text("cause", "out of memory"));
        }
    }
}

/* Without it the agent does what it is for all the same. */
static void start_admin(struct agent *a)
{
    const struct admin_api_agent agent = {
        .config = a->config,
        .pipeline = a->pipeline,
        .publisher = a->publisher,
        .client = a->client,
        .collection = a->collection,
        .state = state_of_operators(a),
        .own_state = &a->state,
        .overrides = a->overrides,
        .definitions = a->definitions,
        .schedules = a->schedules,
        .fleet = a->fleet,
        .big_segments = a->big_segments,
        .hosts = a->view ? fleet_view_hosts(a->view) : NULL,
        .sums = a->view ? fleet_view_sums(a->view) : NULL,
    };
    a->admin = admin_api_new(a->base, &agent);
    if (a->admin) {
        admin_api_start(a->admin);
    }
}

/* Counts are for whoever looks on; whole events for LaunchDarkly alone. */
static void start_collection(struct agent *a)
{
    struct collection_takers takers = {.storage = NULL};
    if (a->client) {
        takers.deliver = launchdarkly_client_deliver(a->client);
        takers.passes_over = launchdarkly_client_forgets(a->client);
        /* What is counted while offline is not told later; what cannot be told now may be. */
        takers.storage = takers.deliver || config_bool(a->config, CONFIG_OFFLINE)
                             ? launchdarkly_client_queue(a->client)
                             : NULL;
    }
    if (a->view) {
        takers.totals = fleet_view_totals(a->view);
        takers.storage = storage_of_counts(a);
    }
    collection_start(a->collection, &takers);
    if (a->client) {
        launchdarkly_client_collected_by(a->client, a->collection);
    }
}

static int start(struct agent *a)
{
    if (make_loop(a) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "start-failed",
                  log_text("cause", "cannot make an event loop: out of memory or descriptors"));
        return -1;
    }
    if (open_publisher(a) != 0) {
        return -1;
    }
    if (make_stages(a) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "start-failed", log_text("cause", "out of memory"));
        return -1;
    }
    a->big_segments = big_segments_client_new(a->base, a->config, a->publisher, a->collection);
    open_state(a);
    if (fleet_client_open(a->base, a->config, &a->fleet) != 0 || open_keepers(a) != 0 ||
        join_fleet(a) != 0) {
        return -1;
    }
    open_trail(a);
    if (a->fleet && !a->config->once) {
        open_view(a);
    }
    if (!a->config->once) {
        start_admin(a); /* who is told READY finds the socket */
    }
    if (serve_first(a) != 0) {
        return -1;
    }
    if (a->config->once) {
        return waits_for_launchdarkly(a) ? wait_for_launchdarkly(a) : 0;
    }
    schedule_keeper_start(a->schedules);
    if (a->fleet && fleet_client_start(a->fleet) != 0) {
        return -1;
    }
    if (a->client && launchdarkly_client_start(a->client) != 0) {
        return -1;
    }
    start_collection(a);
    return 0;
}

int loop_run(const struct config *c)
{
    struct agent a = {.config = c};
    log_notices(c);
    int result = start(&a);
    if (result == 0 && !c->once) {
        result = event_base_dispatch(a.base);
    }
    if (a.gone) {
        result = -1;
    }
    stop(&a);
    LOG_EVENT(LOG_LEVEL_INFO, "stopped", log_number("code", result == 0 ? 0 : 1));
    return result == 0 ? 0 : 1;
}
