#include "fleet_totals.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../log.h"
#include "fleet_cells.h"
#include "fleet_ear.h"

#define SINK "fleet-totals" /* in storage */
#define CELLS_OF_ONE 1000   /* of a batch: Redis does nothing else meanwhile */
#define RETRY_MS 500
#define SEEN_S 10800 /* how long a run's last batch is known; longer than any is tried */
#define RUN 33
#define LABEL 96

/* Counts of one minute. As bytes: "COUNT NAME\0" for each cell. */
struct batch {
    struct batch *next;
    int64_t number; /* in storage */
    char run[RUN];  /* of the agent that made it */
    int64_t sequence;
    int64_t minute;
    bool tried; /* Redis may have it */
    size_t cells;
    uint64_t evaluations;
    size_t length;
    char bytes[];
};

struct queue {
    struct batch *first, **last;
};

struct fleet_totals {
    struct event_base *base;
    struct fleet_totals_options options;
    char *prefix, *environment;
    char run[RUN];
    int64_t sequence;
    struct fleet_cells fresh; /* since the last commit */
    uint64_t refused;         /* evaluations of them that found no room */
    struct queue waiting;     /* the first one is the one that is sent */
    struct queue made;        /* by the transaction that is open */
    struct queue gone;        /* to be deleted with the next transaction */
    size_t replaced;          /* the last so many of waiting, by what is made */
    bool flushed;             /* since the transaction began */
    struct event *timer;
    bool sending;         /* an answer is due */
    struct fault trouble; /* logged; cause "": none */
    struct fleet_totals_stats stats;
    struct fleet_ear *ear;
};

/* A script is not undone: what refuses the first count would refuse all, and is found out before
   the batch is said to be counted; a field that is no number costs its own count alone. Answers how
   many evaluations found no place. */
static const char script[] =
    "if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[2]) or '0') then return 0 end\n"
    "local first = redis.pcall('HINCRBY', KEYS[1], ARGV[4], 0)\n"
    "if type(first) == 'table' and first.err and not string.find(first.err, 'hash value') then\n"
    "  return first\n"
    "end\n"
    "redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])\n"
    "local lost = 0\n"
    "for i = 4, #ARGV, 2 do\n"
    "  local sum = redis.pcall('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])\n"
    "  if type(sum) == 'table' and sum.err then lost = lost + ARGV[i + 1] end\n"
    "end\n"
    "redis.call('EXPIRE', KEYS[1], ARGV[2])\n"
    "return lost\n";

static int64_t minute_now(void)
{
    return (int64_t)time(NULL) / 60;
}

char *fleet_totals_key(const char *prefix, const char *environment, int64_t minute)
{
    char *key;
    return asprintf(&key, "{%s:%s}:count:%" PRId64, prefix, environment, minute) < 0 ? NULL : key;
}

static char *counted_key(const struct fleet_totals *t, const char *run)
{
    char *key;
    return asprintf(&key, "{%s:%s}:counted:%s", t->prefix, t->environment, run) < 0 ? NULL : key;
}

/* ---- queues --------------------------------------------------------------------------------- */

static void init(struct queue *q)
{
    *q = (struct queue){NULL, &q->first};
}

static void append(struct queue *q, struct batch *b)
{
    b->next = NULL;
    *q->last = b;
    q->last = &b->next;
}

static struct batch *take(struct queue *q)
{
    struct batch *b = q->first;
    if (b) {
        q->first = b->next;
        q->last = q->first ? q->last : &q->first;
    }
    return b;
}

static void empty(struct queue *q)
{
    struct batch *b;
    while ((b = take(q)) != NULL) {
        free(b);
    }
}

/* Waits no more; deleted from storage later. */
static void let_go(struct fleet_totals *t, struct batch *b)
{
    t->stats.waiting--;
    t->stats.waiting_bytes -= b->length;
    append(&t->gone, b);
}

/* ---- what is counted ------------------------------------------------------------------------ */

void fleet_totals_count(struct fleet_totals *t, const char *key, int64_t variation, bool unknown,
                        uint64_t count)
{
    char *name = fleet_cell_name(key, variation, unknown);
    if (!name || !fleet_cells_add(&t->fresh, name, strlen(name), count)) {
        t->refused += count;
    }
    free(name);
}

/* For each cell of a batch. */
static void each_cell(const struct batch *b,
                      void (*fn)(void *arg, const char *count, size_t digits, const char *name),
                      void *arg)
{
    for (const char *at = b->bytes; at < b->bytes + b->length; at += strlen(at) + 1) {
        const size_t digits = strspn(at, "0123456789");
        fn(arg, at, digits, at + digits + 1);
    }
}

static void add_again(void *arg, const char *count, size_t digits, const char *name)
{
    struct fleet_totals *t = arg;
    const uint64_t evaluations = strtoull(count, NULL, 10);
    (void)digits;
    if (!fleet_cells_add(&t->fresh, name, strlen(name), evaluations)) {
        t->refused += evaluations;
    }
}

/* ---- inside the transaction ----------------------------------------------------------------- */

static bool is_up(const struct fleet_totals *t)
{
    struct redis_link *link = t->options.link(t->options.arg);
    return link && redis_link_is_up(link);
}

/* Redis is away, or takes nothing: what waits of this minute and was never tried becomes one with
 * what is fresh. */
static void merge(struct fleet_totals *t, int64_t minute)
{
    size_t merged = 0;
    t->replaced = 0;
    if (is_up(t) && !t->trouble.cause[0]) {
        return;
    }
    for (const struct batch *b = t->waiting.first; b; b = b->next) {
        const bool fits = b->minute == minute && !b->tried && strcmp(b->run, t->run) == 0;
        merged = fits ? merged + 1 : 0;
    }
    size_t skip = t->stats.waiting - merged;
    for (const struct batch *b = t->waiting.first; b; b = b->next) {
        if (skip > 0) {
            skip--;
        } else {
            each_cell(b, add_again, t);
        }
    }
    t->replaced = merged;
}

/* NULL: nothing is left, or, with *failed, there is no memory. */
static struct batch *make_batch(struct fleet_totals *t, size_t *at, int64_t minute, bool *failed)
{
    const struct fleet_cell *cell;
    size_t end = *at;
    size_t length = 0;
    for (size_t n = 0; n < CELLS_OF_ONE && (cell = fleet_cells_next(&t->fresh, &end)); n++) {
        length += (size_t)snprintf(NULL, 0, "%" PRIu64 " %s", cell->count, cell->name) + 1;
    }
    struct batch *b = length > 0 ? calloc(1, sizeof *b + length) : NULL;
    *failed = length > 0 && !b;
    if (!b) {
        return NULL;
    }
    b->minute = minute;
    snprintf(b->run, sizeof b->run, "%s", t->run);
    b->sequence = ++t->sequence;
    while (*at < end && (cell = fleet_cells_next(&t->fresh, at)) && b->length < length) {
        b->length += (size_t)snprintf(b->bytes + b->length, length - b->length, "%" PRIu64 " %s",
                                      cell->count, cell->name) +
                     1;
        b->evaluations += cell->count;
        b->cells++;
    }
    return b;
}

static int store(const struct fleet_totals *t, struct batch *b)
{
    char label[LABEL];
    struct fault fault = {0};
    snprintf(label, sizeof label, "%s %" PRId64 " %" PRId64, b->run, b->sequence, b->minute);
    return t->options.storage ? storage_queue_add(t->options.storage, STORAGE_OUTBOX, SINK, label,
                                                  b->bytes, b->length, &b->number, &fault)
                              : 0;
}

static int erase(const struct fleet_totals *t, const struct batch *b)
{
    struct fault fault = {0};
    return t->options.storage
               ? storage_queue_delete(t->options.storage, STORAGE_OUTBOX, SINK, b->number, &fault)
               : 0;
}

static int erase_replaced(const struct fleet_totals *t)
{
    size_t skip = t->stats.waiting - t->replaced;
    for (const struct batch *b = t->waiting.first; b; b = b->next) {
        if (skip > 0) {
            skip--;
        } else if (erase(t, b) != 0) {
            return -1;
        }
    }
    return 0;
}

int fleet_totals_flush(struct fleet_totals *t)
{
    const int64_t minute = minute_now();
    size_t at = 0;
    t->flushed = true;
    for (const struct batch *b = t->gone.first; b; b = b->next) {
        if (erase(t, b) != 0) {
            return -1;
        }
    }
    if (t->fresh.count == 0) {
        return 0;
    }
    merge(t, minute);
    while (at < t->fresh.room) {
        bool failed;
        struct batch *b = make_batch(t, &at, minute, &failed);
        if (failed) {
            return -1;
        }
        if (!b) {
            break;
        }
        append(&t->made, b);
        if (store(t, b) != 0) {
            return -1;
        }
    }
    return erase_replaced(t);
}

void fleet_totals_revert(struct fleet_totals *t)
{
    empty(&t->made);
    fleet_cells_clear(&t->fresh);
    t->replaced = 0;
    t->refused = 0;
    t->flushed = false;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void send_next(struct fleet_totals *t);

/* Too old, or too much: the oldest goes, unless its answer is due. */
static void drop_some(struct fleet_totals *t)
{
    const int64_t oldest = minute_now() - FLEET_TOTALS_KEPT_S / 60;
    while (!t->sending && t->waiting.first &&
           (t->waiting.first->minute < oldest || t->stats.waiting_bytes > FLEET_TOTALS_WAITING)) {
        struct batch *b = take(&t->waiting);
        t->stats.dropped += b->evaluations;
        let_go(t, b);
    }
}

static void remove_replaced(struct fleet_totals *t)
{
    struct queue left;
    size_t keep = t->stats.waiting - t->replaced;
    struct batch *b;
    init(&left);
    while ((b = take(&t->waiting)) != NULL) {
        if (keep > 0) {
            keep--;
            append(&left, b);
        } else {
            t->stats.waiting--;
            t->stats.waiting_bytes -= b->length;
            free(b);
        }
    }
    init(&t->waiting);
    while ((b = take(&left)) != NULL) {
        append(&t->waiting, b);
    }
    t->replaced = 0;
}

void fleet_totals_committed(struct fleet_totals *t)
{
    struct batch *b;
    if (!t->flushed) {
        return; /* it was a transaction of others */
    }
    t->flushed = false;
    empty(&t->gone);
    remove_replaced(t);
    while ((b = take(&t->made)) != NULL) {
        t->stats.waiting++;
        t->stats.waiting_bytes += b->length;
        append(&t->waiting, b);
    }
    fleet_cells_clear(&t->fresh);
    t->stats.dropped += t->refused;
    t->refused = 0;
    drop_some(t);
    send_next(t);
}

static void retry_later(struct fleet_totals *t)
{
    const struct timeval wait = {0, RETRY_MS * 1000L};
    event_add(t->timer, &wait);
}

static void tell_trouble(struct fleet_totals *t, const struct fault *fault)
{
    if (strcmp(t->trouble.cause, fault->cause) != 0) {
        t->trouble = *fault;
        log_fault(LOG_LEVEL_WARNING, "fleet-totals-wait", fault);
    }
}

static void on_answer(void *arg, const redisReply *reply, const struct fault *lost)
{
    struct fleet_totals *t = fleet_ear_heard(arg);
    struct fault fault = {0};
    if (!t) {
        return;
    }
    t->sending = false;
    if (reply && reply->type == REDIS_REPLY_INTEGER) {
        struct batch *b = take(&t->waiting);
        const uint64_t refused = reply->integer > 0 ? (uint64_t)reply->integer : 0;
        t->stats.counted += b->evaluations - (refused < b->evaluations ? refused : b->evaluations);
        t->stats.dropped += refused;
        let_go(t, b);
        t->trouble.cause[0] = '\0';
        send_next(t);
        return;
    }
    struct redis_link *link = lost ? NULL : t->options.link(t->options.arg);
    if (link && reply && reply->type == REDIS_REPLY_ERROR) {
        redis_link_refusal(link, reply, &fault);
        tell_trouble(t, &fault);
    }
    retry_later(t);
}

#define WORDS_BEFORE 8

struct words {
    const char *argv[WORDS_BEFORE + 2 * CELLS_OF_ONE];
    size_t lengths[WORDS_BEFORE + 2 * CELLS_OF_ONE];
    int count;
};

static void word(struct words *w, const char *text, size_t length)
{
    w->argv[w->count] = text;
    w->lengths[w->count++] = length;
}

static void add_words(void *arg, const char *count, size_t digits, const char *name)
{
    struct words *w = arg;
    word(w, name, strlen(name));
    word(w, count, digits);
}

static int send_batch(struct fleet_totals *t, struct redis_link *link, const struct batch *b)
{
    char sequence[24];
    char *const count = fleet_totals_key(t->prefix, t->environment, b->minute);
    char *const counted = counted_key(t, b->run);
    struct words *const w = calloc(1, sizeof *w);
    int result = -1;
    if (count && counted && w) {
        static const char kept[] = "7200";
        static const char seen[] = "10800";
        _Static_assert(FLEET_TOTALS_KEPT_S == 7200 && SEEN_S == 10800, "as in the words");
        word(w, "EVAL", 4);
        word(w, script, sizeof script - 1);
        word(w, "2", 1);
        word(w, count, strlen(count));
        word(w, counted, strlen(counted));
        word(w, sequence, (size_t)snprintf(sequence, sizeof sequence, "%" PRId64, b->sequence));
        word(w, kept, sizeof kept - 1);
        word(w, seen, sizeof seen - 1);
        each_cell(b, add_words, w);
        result = redis_link_send(link, on_answer, t->ear, w->count, w->argv, w->lengths);
    }
    free(count);
    free(counted);
    free(w);
    return result;
}

static void send_next(struct fleet_totals *t)
{
    struct redis_link *link = t->options.link(t->options.arg);
    struct batch *b = t->waiting.first;
    if (t->sending || !b) {
        return;
    }
    if (link && redis_link_is_up(link) && send_batch(t, link, b) == 0) {
        b->tried = true;
        t->sending = true;
        t->ear->due++;
    } else {
        retry_later(t);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    drop_some(arg);
    send_next(arg);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* "RUN SEQUENCE MINUTE" */
static bool read_label(struct batch *b, const char *label)
{
    const size_t run = strcspn(label, " ");
    char *end = NULL;
    if (run == 0 || run >= sizeof b->run || !label[run]) {
        return false;
    }
    snprintf(b->run, sizeof b->run, "%.*s", (int)run, label);
    b->sequence = strtoll(label + run + 1, &end, 10);
    if (b->sequence <= 0 || *end != ' ') {
        return false;
    }
    b->minute = strtoll(end + 1, &end, 10);
    return !*end;
}

/* Of an earlier agent; what is not readable is deleted. */
static int on_kept(void *arg, int64_t number, const char *label, const void *bytes, size_t length)
{
    struct fleet_totals *t = arg;
    struct batch *b = calloc(1, sizeof *b + length + 1);
    if (!b) {
        return -1;
    }
    memcpy(b->bytes, bytes, length);
    b->number = number;
    b->tried = true;
    const bool whole = length > 0 && b->bytes[length - 1] == '\0' && read_label(b, label);
    b->length = whole ? length : 0;
    for (const char *at = b->bytes; at < b->bytes + b->length; at += strlen(at) + 1) {
        const size_t digits = strspn(at, "0123456789");
        b->evaluations += strtoull(at, NULL, 10);
        if (++b->cells > CELLS_OF_ONE || digits == 0 || at[digits] != ' ') {
            b->length = 0;
        }
    }
    t->stats.waiting++;
    t->stats.waiting_bytes += b->length;
    if (b->length > 0) {
        append(&t->waiting, b);
    } else {
        let_go(t, b);
    }
    return 0;
}

static int name_run(struct fleet_totals *t)
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return -1;
    }
    snprintf(t->run, sizeof t->run, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    return 0;
}

struct fleet_totals *fleet_totals_new(struct event_base *base,
                                      const struct fleet_totals_options *options,
                                      struct fault *fault)
{
    struct fleet_totals *t = calloc(1, sizeof *t);
    fault_set(fault, "storage", "give the agent more memory", "out of memory");
    if (!t) {
        return NULL;
    }
    t->options = *options;
    init(&t->waiting);
    init(&t->made);
    init(&t->gone);
    t->prefix = strdup(options->prefix);
    t->environment = strdup(options->environment);
    t->timer = evtimer_new(base, on_timer, t);
    t->ear = fleet_ear_new(t);
    if (!t->prefix || !t->environment || !t->timer || !t->ear || name_run(t) != 0 ||
        (options->storage &&
         storage_queue_load(options->storage, STORAGE_OUTBOX, SINK, on_kept, t, fault) != 0)) {
        fleet_totals_free(t);
        return NULL;
    }
    if (t->waiting.first) {
        retry_later(t);
    }
    return t;
}

void fleet_totals_free(struct fleet_totals *t)
{
    if (!t) {
        return;
    }
    fleet_ear_close(t->ear);
    if (t->timer) {
        event_free(t->timer);
    }
    empty(&t->waiting);
    empty(&t->made);
    empty(&t->gone);
    fleet_cells_free(&t->fresh);
    free(t->prefix);
    free(t->environment);
    free(t);
}

void fleet_totals_stats(const struct fleet_totals *t, struct fleet_totals_stats *out)
{
    *out = t->stats;
}
