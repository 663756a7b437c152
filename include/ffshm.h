/*
 * ffshm.h - feature flags at memory speed: the whole public API of libffshm.
 *
 * One agent per host (ffagent) publishes every flag definition as an immutable snapshot in shared
 * memory. This library maps the snapshot read-only and evaluates from it.
 *
 *     struct ffshm *ff = ffshm_open(NULL, NULL);
 *     struct ffshm_context who;
 *     ffshm_context_init(&who, "user", "user-123");
 *     ffshm_context_string(&who, "country", "US");
 *     if (ffshm_bool(ff, "new-checkout", &who, false)) { ... }
 *     ffshm_close(ff);
 *
 * Cost classes
 *   wait-free      bounded work: no system call, no allocation, no clock, no lock. The exceptions:
 *                  a thread's first call registers the thread (a mutex and perhaps one mmap);
 *                  the one call that notices a new snapshot maps it (FFSHM_REFRESH_INLINE) or
 *                  wakes the thread that does (FFSHM_REFRESH_THREAD); and while there is no
 *                  snapshot, or a new one cannot be mapped, calls look at the clock and now and
 *                  then, at most every 10 ms and later every 2 s, try again. While the agent
 *                  collects, a process's first counted evaluation makes a file (0.2 ms), and so
 *                  does a child's after fork; a thread's first one, and the first one of a flag
 *                  version in a thread, block signals for a moment, wait for other threads of the
 *                  process that do the same, and may make that file longer; what is told beside
 *                  the count carries the time, and is lock-free. The first context that a process
 *                  finds no membership of big segments for makes the same file; the one evaluation
 *                  that notices a new file of memberships maps it, as it would a snapshot. With
 *                  big_segment_wait_ms an evaluation that needs a membership may block.
 *   lock-free      the same, but that a thread may have to try again when another one was faster
 *   may map        may open, map, verify and unmap files; never waits for another process
 *   may block      waits, for at most the time that it was given
 *
 * How you can hurt yourself
 *   - A context borrows every string that it is given: they must outlive its last use. It lives on
 *     your stack; do not build one context from two threads at once. Evaluating with it from many
 *     threads is fine.
 *   - What ffshm_evaluate returns lives in the view: it is gone after ffshm_unpin.
 *   - Only ffshm_close, ffshm_refresh, ffshm_wait_ready, ffshm_status, ffshm_environment_id, the
 *     two of big segments' status, ffshm_add_hook and the functions under "tell" take a NULL store;
 *     with NULL every evaluation is a crash. Check what ffshm_open returns.
 *   - A struct ffshm_migration borrows the store and the context until ffshm_migration_track.
 *   - A hook runs inside every evaluation, in whatever thread that is: it must be as safe and as
 *     fast as the evaluations are to be.
 *   - A view that is never unpinned keeps its snapshot in memory for good.
 *   - ffshm_close while another thread still evaluates with the store is a use after free.
 *   - What is told needs the process's file to stay: a program that truncates files in the store's
 *     telemetry/ gets SIGBUS.
 *   - A process that denies itself system calls (seccomp) and is killed for one: see the exceptions
 *     of "wait-free", which may come with a flag version, a thread or an agent at any time. Such a
 *     program opens the store with no_telemetry and FFSHM_REFRESH_MANUAL.
 *   - mlockall(MCL_FUTURE) makes all memory that counting has reserved resident: 8 MiB a
 *     store, and 0.6 to 2.3 KiB more for each flag beyond 2,048.
 *   - Do not remove or replace the store's directory under running readers: they keep the snapshot
 *     that they have. ffshm_refresh takes up a new directory at the same path, and so does the
 *     thread of FFSHM_REFRESH_THREAD, which looks every half minute to a minute; evaluations with
 *     FFSHM_REFRESH_INLINE never do. Mount the directory, not its files, into containers.
 *
 * All functions are safe to call from any thread. `fork` is safe at any time: the child evaluates
 * at once and sees later snapshots; in the child a store opened with FFSHM_REFRESH_THREAD goes on
 * as FFSHM_REFRESH_INLINE. Functions under "evaluate" are safe in signal handlers once the thread
 * has evaluated before. No function sets errno for its caller; none prints, aborts or exits.
 *
 * Since 0.1 unless said otherwise.
 */
#ifndef FFSHM_H
#define FFSHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* struct ffshm_status and the function of that name */
#endif
#endif

#define FFSHM_VERSION_MAJOR 0
#define FFSHM_VERSION_MINOR 1
#define FFSHM_VERSION_PATCH 0
#define FFSHM_VERSION "0.1.0"

#if defined(__GNUC__)
#define FFSHM_API __attribute__((visibility("default")))
#else
#define FFSHM_API
#endif

/* ---- errors ------------------------------------------------------------------------------- */

/* X(name, number, text, what to do). Numbers are stable and never reused. */
#define FFSHM_ERRORS(X)                                                                            \
    X(OK, 0, "no error", "nothing to do")                                                          \
    X(NOT_READY, 1, "no snapshot has been published in the store's directory",                     \
      "start ffagent on that directory, or check FFSHM_DIR")                                       \
    X(FLAG_NOT_FOUND, 2, "no flag has that key", "check the key with `ffctl snapshot dump`")       \
    X(MALFORMED_FLAG, 3, "the flag's definition contradicts itself",                               \
      "see the step that fails with `ffctl explain`")                                              \
    X(INVALID_CONTEXT, 4, "the context has no valid kind or key",                                  \
      "give a non-empty key, and a kind of letters, digits, '.', '_' and '-'")                     \
    X(WRONG_TYPE, 5, "the flag's value has another type", "ask with the function of its type")     \
    X(EXCEPTION, 6, "internal error", "report it, with the output of `ffctl explain`")             \
    X(INVALID_ARGUMENT, 20, "an argument is NULL, empty or out of range", "see the declaration")   \
    X(NO_MEMORY, 21, "out of memory", "raise the process's memory limit")                          \
    X(TIMEOUT, 22, "the time given is over", "wait longer, or look at `ffctl status`")             \
    X(TOO_MANY, 23, "the context is full", "pass fewer attributes, or nest them in one object")    \
    X(BAD_JSON, 24, "not valid JSON of the kind expected here", "validate the text")               \
    X(TOO_SMALL, 25, "the scratch memory is too small", "give at least the length of the JSON")    \
    X(BUSY, 26, "another thread is refreshing", "nothing: it will have the same result")           \
    X(BAD_FILE, 40, "a store file cannot be opened or has the wrong owner, mode or size",          \
      "check the directory's permissions; restart ffagent")                                        \
    X(BAD_FORMAT, 41, "a store file is not one of this format version",                            \
      "run an ffagent and a libffshm of the same major version")                                   \
    X(BAD_CHECKSUM, 42, "a store file is damaged", "restart ffagent; it rebuilds the store")       \
    X(BAD_STRUCTURE, 43, "a store file is inconsistent",                                           \
      "restart ffagent; report it, with the file")

enum ffshm_error {
#define FFSHM_X(name, number, text, hint) FFSHM_##name = (number),
    FFSHM_ERRORS(FFSHM_X)
#undef FFSHM_X
};

/* Text of an error, static storage, never NULL. Wait-free. */
FFSHM_API const char *ffshm_error_text(int error);
/* What to do about it, static storage, never NULL. Wait-free. */
FFSHM_API const char *ffshm_error_hint(int error);
/* Its name without the prefix ("FLAG_NOT_FOUND"), static storage, never NULL. Wait-free. */
FFSHM_API const char *ffshm_error_name(int error);

/* ---- store -------------------------------------------------------------------------------- */

struct ffshm; /* an opened store; thread-safe, fork-safe */

enum ffshm_refresh_mode {
    FFSHM_REFRESH_INLINE = 0, /* the evaluation that notices a new snapshot maps it */
    FFSHM_REFRESH_THREAD = 1, /* a library thread maps it; evaluations never do */
    FFSHM_REFRESH_MANUAL = 2, /* only ffshm_refresh and ffshm_wait_ready do */
};

enum ffshm_verify {
    FFSHM_VERIFY_FULL =
        0, /* checksum and structure of everything mapped (about 0.3 ms a MiB, once an extent) */
    FFSHM_VERIFY_HEADER = 1, /* headers only: for short-lived processes that trust the agent */
};

enum ffshm_log_level { FFSHM_LOG_ERROR = 3, FFSHM_LOG_WARNING = 4, FFSHM_LOG_INFO = 6 };

/* Called from open, refresh, close and ffshm_migration_track, never from an evaluation that does
   not refresh; perhaps by two threads at once; rate-limited. message is valid during the call only.
   Must not call back into the library. With FFSHM_REFRESH_INLINE it runs in the evaluating thread:
   if you evaluate in signal handlers, it must be async-signal-safe. */
typedef void ffshm_log_fn(void *arg, int level, const char *message);

struct ffshm_options {
    size_t size;       /* sizeof(struct ffshm_options), so that later versions can add members */
    int refresh;       /* enum ffshm_refresh_mode */
    int verify;        /* enum ffshm_verify */
    bool no_telemetry; /* tell the agent nothing, and do not count what cannot be told */
    ffshm_log_fn *log;
    void *log_arg;
    /* 0: never. Else an evaluation that needs a big segment's membership which is not known here
       asks the agent for it, and waits for the answer at most that long: it may block then, once
       for each context key that it needs; ffshm_all_flags_json perhaps once or twice for each flag.
       As long as it waits it holds the store's read section, and there is one kind of these in the
       process, for all its stores: who unmaps an earlier snapshot (ffshm_refresh, the thread of
       FFSHM_REFRESH_THREAD, now and then an evaluation with FFSHM_REFRESH_INLINE) waits for it,
       and fork for them. For programs that can afford that. */
    unsigned big_segment_wait_ms;
};

/*
 * Opens the store in `dir`; NULL or "" means $FFSHM_DIR (except in set-user-ID programs), else
 * /run/ffshm/default, else, while that does not exist, /dev/shm/ffshm/default. Anybody can make
 * the last one, so it counts only when root or this process's effective user owns it, and is
 * FFSHM_BAD_FILE otherwise; to use another user's agent there, name it. `options` may be NULL.
 * Never blocks. A missing directory, agent or snapshot is not an error but a state: evaluations
 * return the caller's fallback with FFSHM_NOT_READY until a snapshot appears. Returns NULL only
 * when out of memory or when `options` are invalid. May map. The caller closes.
 */
FFSHM_API struct ffshm *ffshm_open(const char *dir, const struct ffshm_options *options);

/* Unmaps everything and frees the store. NULL is harmless. No other thread may still use it, and
   every view must be unpinned. May map. */
FFSHM_API void ffshm_close(struct ffshm *ff);

/* Waits until a snapshot is there, at most timeout_ms milliseconds (0: looks once; negative: for
   ever). Returns FFSHM_OK, FFSHM_TIMEOUT, or the reason why a published snapshot cannot be used: at
   once when it was refused for good, at the end of the time for what might have passed. May
   block. */
FFSHM_API int ffshm_wait_ready(struct ffshm *ff, int timeout_ms);

/* Looks for a newer snapshot now and maps it. Returns FFSHM_OK (also when there is none),
   FFSHM_NOT_READY, FFSHM_BUSY, or the reason why the newest snapshot was refused; the one in use
   then stays. Also takes up a store that has replaced this one at its path. May map, and may wait
   for evaluations that are under way in other threads. */
FFSHM_API int ffshm_refresh(struct ffshm *ff);

enum ffshm_source_state {
    FFSHM_SOURCE_INITIALIZING = 0,
    FFSHM_SOURCE_VALID = 1,
    FFSHM_SOURCE_INTERRUPTED = 2, /* the last good definitions stay in force */
    FFSHM_SOURCE_OFF = 3,
};

/* What went wrong last with where the agent has its definitions from. */
enum ffshm_source_error {
    FFSHM_SOURCE_NO_ERROR = 0,
    FFSHM_SOURCE_NETWORK_ERROR = 1,
    FFSHM_SOURCE_ERROR_RESPONSE = 2, /* source_error_status: the HTTP status */
    FFSHM_SOURCE_INVALID_DATA = 3,
    FFSHM_SOURCE_STORE_ERROR = 4,
    FFSHM_SOURCE_UNKNOWN_ERROR = 5,
};

/* LaunchDarkly's name of it ("NETWORK_ERROR"); "" for FFSHM_SOURCE_NO_ERROR. Static storage, never
   NULL. Wait-free. */
FFSHM_API const char *ffshm_source_error_name(int error);

#define FFSHM_SOURCE_TEXT 200

struct ffshm_status {
    bool ready;                 /* a snapshot is mapped */
    bool agent_alive;           /* an agent holds the directory; where this process may not open
                                   agent.lock: one was heard within 5 s and has not stopped */
    int source_state;           /* enum ffshm_source_state, as the agent last said */
    int last_error;             /* of the newest refused snapshot; FFSHM_OK when none was */
    uint64_t generation;        /* of the mapped snapshot; 0: none */
    uint64_t newest_generation; /* announced by the agent */
    int64_t snapshot_age_ms;    /* since the mapped snapshot was made; -1: none */
    int64_t agent_silent_ms;    /* since the agent's last heartbeat; -1: never heard */
    uint32_t flags;
    uint32_t segments;
    uint64_t refused;        /* snapshots that failed verification */
    uint64_t refreshes;      /* snapshots mapped */
    uint64_t dropped_events; /* by this process: no room, too large, or nobody collects */
    uint64_t dropped_counts; /* evaluations that this process could not count: no room, or no
                                telemetry/ that it may write, as with a store mounted read-only */
    /* The agent's report of its sources; times are milliseconds of CLOCK_REALTIME. */
    int source_error;         /* enum ffshm_source_error: the last one, also when all is well now */
    int source_error_status;  /* FFSHM_SOURCE_ERROR_RESPONSE: the HTTP status; else 0 */
    uint64_t source_since_ms; /* when source_state became what it is; 0: not known */
    uint64_t source_error_ms; /* of source_error; 0: there was none */
    uint64_t data_as_of_ms;   /* not 0: what is served was received then and kept since (last known
                                 good); 0: it is what the source says now */
    bool telemetry;           /* the agent collects what processes tell */
    char source_error_text[FFSHM_SOURCE_TEXT]; /* about source_error, for people; "" without */
};

/* What the store sees now. Makes system calls; does not block. */
FFSHM_API void ffshm_status(struct ffshm *ff, struct ffshm_status *out);

/* LaunchDarkly's id of the environment that the agent follows, copied as snprintf does; returns its
   length, 0 where it is not known (and for a NULL store). buffer may be NULL when capacity is 0.
   Wait-free. */
FFSHM_API size_t ffshm_environment_id(struct ffshm *ff, char *buffer, size_t capacity);

/*
 * Big segments: segments whose members are not in the snapshot but in a store on the network that
 * the agent asks (LaunchDarkly's Redis store). An evaluation never does. What the agent has learnt
 * lately it keeps in shared memory; a membership that is not there is unknown to this evaluation
 * (FFSHM_BIG_SEGMENTS_STORE_ERROR, and the segment's rules decide), the agent is told, and the next
 * evaluations have it. ffshm_options.big_segment_wait_ms waits for it instead.
 */
struct ffshm_big_segment_status {
    bool configured;             /* the agent has a store to ask */
    bool available;              /* and the store answers */
    bool stale;                  /* it has not been brought up to date for too long, or never was */
    uint64_t last_up_to_date_ms; /* CLOCK_REALTIME, as the store says; 0: not known */
};

/* What the agent last said about the store of big segments. Without an agent that is alive it is
   not available. All false for a NULL store. Makes system calls; does not block. */
FFSHM_API void ffshm_big_segment_status(struct ffshm *ff, struct ffshm_big_segment_status *out);

/* Waits until configured, available or stale is another than in *known, at most timeout_ms
   milliseconds (0: looks once; negative: for ever), and brings *known up to date: for a thread of
   the program's that is to hear of each change. FFSHM_OK: there was one; FFSHM_TIMEOUT;
   FFSHM_INVALID_ARGUMENT for NULL. May block. */
FFSHM_API int ffshm_wait_big_segment_status(struct ffshm *ff,
                                            struct ffshm_big_segment_status *known, int timeout_ms);

/* ---- context ------------------------------------------------------------------------------ */

#define FFSHM_CONTEXT_KINDS 8
#define FFSHM_CONTEXT_ATTRIBUTES 64
#define FFSHM_CONTEXT_PRIVATE 16

/* Who a flag is evaluated for: one or more kinds, each with a key and attributes. About 3 KiB,
   meant for the stack; the members are private. Building costs no allocation and no system call,
   and touches only what is set. */
struct ffshm_context {
    uint16_t kind_count;
    uint16_t attribute_count;
    uint16_t private_count;
    uint16_t error;    /* enum ffshm_error: why the context is invalid */
    uint64_t kind_sum; /* of the kinds' hashes: the same for the same set of kinds */
    uint64_t identity; /* the same for the same kinds and keys */
    struct {
        uint64_t kind_hash;
        const char *kind;
        const char *key;
        const char *name;
        uint32_t key_length;
        uint32_t name_length;
        uint16_t kind_length;
        bool anonymous;
    } kinds[FFSHM_CONTEXT_KINDS];
    uint64_t hashes[FFSHM_CONTEXT_ATTRIBUTES];
    struct {
        const char *name;
        union {
            double number;
            const char *text;
            const char *const *texts;
        } value;
        uint32_t length; /* of text, or number of texts */
        uint16_t name_length;
        uint8_t type;
        uint8_t kind; /* index into kinds */
    } attributes[FFSHM_CONTEXT_ATTRIBUTES];
    struct {
        const char *reference;
        uint32_t kind;
    } privates[FFSHM_CONTEXT_PRIVATE];
};

/*
 * Starts a context of one kind (NULL or "": "user"). Every string given to these functions is
 * borrowed until the context is last used. A NULL or empty key or a malformed kind makes the
 * context invalid: evaluations return the fallback with FFSHM_INVALID_CONTEXT. Calls after
 * ffshm_context_add still speak of the first kind.
 */
FFSHM_API void ffshm_context_init(struct ffshm_context *c, const char *kind, const char *key);

/* Set an attribute; a later value replaces an earlier one. "name" and "anonymous" set the built-in
   attributes (a string and a bool). All return FFSHM_OK, FFSHM_INVALID_ARGUMENT (name NULL or
   empty or beyond 65535 bytes, "key", "kind" or "_meta", a built-in with the wrong type, number not
   finite), FFSHM_TOO_MANY, or FFSHM_BAD_JSON; a failed call leaves the context as it was. A NULL
   string value removes nothing and sets nothing. */
FFSHM_API int ffshm_context_string(struct ffshm_context *c, const char *name, const char *value);
FFSHM_API int ffshm_context_bool(struct ffshm_context *c, const char *name, bool value);
FFSHM_API int ffshm_context_number(struct ffshm_context *c, const char *name, double value);
FFSHM_API int ffshm_context_strings(struct ffshm_context *c, const char *name,
                                    const char *const *values, size_t count);
/* Any JSON value, NUL-terminated; checked here, read during evaluations. A string inside it that
   has escapes may have at most FFSHM_JSON_ESCAPED bytes. null sets nothing. A value that is itself
   a string with escapes is FFSHM_BAD_JSON: give its characters to ffshm_context_string. */
FFSHM_API int ffshm_context_json(struct ffshm_context *c, const char *name, const char *json);
#define FFSHM_JSON_ESCAPED 1024

FFSHM_API int ffshm_context_name(struct ffshm_context *c, const char *name);
FFSHM_API void ffshm_context_anonymous(struct ffshm_context *c, bool anonymous);
/* Marks an attribute as not to leave this host in events. `attribute_reference` is a name or
 * "/path/to". FFSHM_INVALID_ARGUMENT when it is not well-formed, FFSHM_TOO_MANY. */
FFSHM_API int ffshm_context_private(struct ffshm_context *c, const char *attribute_reference);

/* Adds the kinds of `one` with their attributes to `multi`; `one` may go away, its strings may not.
   FFSHM_INVALID_ARGUMENT when a kind is there already or `one` is invalid; FFSHM_TOO_MANY. */
FFSHM_API int ffshm_context_add(struct ffshm_context *multi, const struct ffshm_context *one);

/*
 * LaunchDarkly's context JSON: a single kind, {"kind":"multi"}, or the old user format (no kind).
 * Borrows `json` and `scratch` until the context is last used; unescaped strings are put into
 * `scratch` (length + 64 bytes always suffice). FFSHM_BAD_JSON, FFSHM_INVALID_CONTEXT,
 * FFSHM_TOO_MANY, FFSHM_TOO_SMALL; after an error the context is invalid.
 */
FFSHM_API int ffshm_context_parse(struct ffshm_context *c, const char *json, size_t length,
                                  void *scratch, size_t scratch_size);

/* What is below reads contexts and keeps nothing of them. NULL is an invalid context. */

/*
 * The context as LaunchDarkly's context JSON, compact, with what is private in "_meta". Written
 * into buffer with a terminating NUL; returns the length that the JSON has, as snprintf does: a
 * return >= capacity means that it was cut. buffer may be NULL when capacity is 0. An invalid
 * context is "" and 0. No allocation, no system call; not for signal handlers.
 */
FFSHM_API size_t ffshm_context_to_json(const struct ffshm_context *c, char *buffer,
                                       size_t capacity);

/*
 * The fully qualified key, LaunchDarkly's identity of a context: a user's key as it is; of another
 * kind "kind:key"; of several kinds those, "user" too, in the order of the kinds' bytes, joined
 * with
 * ':'. In all but the first, '%' and ':' of keys are "%25" and "%3A". snprintf conventions as
 * above; an invalid context is "" and 0. Wait-free.
 */
FFSHM_API size_t ffshm_context_key(const struct ffshm_context *c, char *buffer, size_t capacity);

/*
 * Are both the same: kinds, keys, names, whether anonymous, attributes by their values, and what is
 * private? The order of kinds, of attributes, of the members of objects and of private references
 * does not matter, that of arrays does; 1 and 1.0 are equal. An invalid context equals none, not
 * even itself. No allocation, no system call.
 */
FFSHM_API bool ffshm_context_equal(const struct ffshm_context *a, const struct ffshm_context *b);

#define FFSHM_SECURE_MODE_HASH 65 /* bytes: 64 hex digits and a NUL */

/*
 * The hash that a browser's LaunchDarkly SDK shows in secure mode, to prove that it may ask for
 * this context: HMAC-SHA256 of the fully qualified key, keyed with the environment's SDK key, in
 * lower-case hex. FFSHM_OK; FFSHM_INVALID_ARGUMENT (sdk_key NULL or empty, hash NULL) or
 * FFSHM_INVALID_CONTEXT, hash is then "". Keeps no copy of the SDK key, not on the stack either. No
 * allocation, no system call.
 */
FFSHM_API int ffshm_secure_mode_hash(const char *sdk_key, const struct ffshm_context *c,
                                     char hash[FFSHM_SECURE_MODE_HASH]);

/* ---- evaluate ----------------------------------------------------------------------------- */

enum ffshm_reason {
    FFSHM_REASON_ERROR = 0, /* the error member says which */
    FFSHM_REASON_OFF = 1,
    FFSHM_REASON_FALLTHROUGH = 2,
    FFSHM_REASON_TARGET_MATCH = 3,
    FFSHM_REASON_RULE_MATCH = 4,
    FFSHM_REASON_PREREQUISITE_FAILED = 5,
};

enum ffshm_big_segments {
    FFSHM_BIG_SEGMENTS_NONE = 0, /* none was consulted */
    FFSHM_BIG_SEGMENTS_HEALTHY = 1,
    FFSHM_BIG_SEGMENTS_STALE = 2,
    FFSHM_BIG_SEGMENTS_STORE_ERROR = 3,
    FFSHM_BIG_SEGMENTS_NOT_CONFIGURED = 4,
};

/* LaunchDarkly's name of a reason, an error ("" when it is not an evaluation error), a big-segment
   status. Static storage, never NULL. Wait-free. */
FFSHM_API const char *ffshm_reason_name(int reason);
FFSHM_API const char *ffshm_error_kind(int error);
FFSHM_API const char *ffshm_big_segments_name(int status);

/* Why a value was returned. The strings are copies, cut at their buffer's end; ffshm_evaluate gives
 * them whole. */
struct ffshm_detail {
    int reason;       /* enum ffshm_reason */
    int error;        /* enum ffshm_error */
    int big_segments; /* enum ffshm_big_segments */
    int variation;    /* index; -1: the fallback was returned */
    int rule_index;   /* RULE_MATCH; else -1 */
    bool in_experiment;
    int64_t flag_version;       /* 0: no flag */
    uint64_t generation;        /* of the snapshot */
    char variant[64];           /* the variation's key; "" where it has none */
    char rule_id[64];           /* "" where it has none */
    char prerequisite_key[256]; /* PREREQUISITE_FAILED */
};

/*
 * The value of a flag for a context, by key. `fallback` on any doubt: no snapshot, unknown flag,
 * wrong type, invalid context, malformed flag, or a flag that is off without an off variation.
 * Numbers: ffshm_int truncates toward zero and saturates. Wait-free.
 *
 * Neither `ff` nor, under the next headings, a handle, a view or a detail may be NULL: that is a
 * crash and not a fallback. A NULL flag or context is FFSHM_FLAG_NOT_FOUND or
 * FFSHM_INVALID_CONTEXT.
 */
FFSHM_API bool ffshm_bool(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                          bool fallback);
FFSHM_API int64_t ffshm_int(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                            int64_t fallback);
FFSHM_API double ffshm_double(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                              double fallback);

/*
 * As above, copied into buffer with a terminating NUL. Returns the length that the value has, as
 * snprintf does: a return >= capacity means that the copy was cut. buffer may be NULL when
 * capacity is 0. fallback NULL counts as "". ffshm_json accepts a value of any type and gives its
 * compact JSON text. Wait-free.
 */
FFSHM_API size_t ffshm_string(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                              const char *fallback, char *buffer, size_t capacity);
FFSHM_API size_t ffshm_json(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                            const char *fallback, char *buffer, size_t capacity);

/* The same, telling why. `detail` is overwritten. Wait-free. */
FFSHM_API bool ffshm_bool_detail(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                                 bool fallback, struct ffshm_detail *detail);
FFSHM_API int64_t ffshm_int_detail(struct ffshm *ff, const char *flag,
                                   const struct ffshm_context *c, int64_t fallback,
                                   struct ffshm_detail *detail);
FFSHM_API double ffshm_double_detail(struct ffshm *ff, const char *flag,
                                     const struct ffshm_context *c, double fallback,
                                     struct ffshm_detail *detail);
FFSHM_API size_t ffshm_string_detail(struct ffshm *ff, const char *flag,
                                     const struct ffshm_context *c, const char *fallback,
                                     char *buffer, size_t capacity, struct ffshm_detail *detail);
FFSHM_API size_t ffshm_json_detail(struct ffshm *ff, const char *flag,
                                   const struct ffshm_context *c, const char *fallback,
                                   char *buffer, size_t capacity, struct ffshm_detail *detail);

/* A flag resolved once. Make it static and initialise it with FFSHM_FLAG("key"); threads may share
   it, and any number of stores (it is fastest with one). The members are private. */
struct ffshm_flag {
    const char *key;
    uint64_t hash;
    uint64_t slot;
};
#define FFSHM_FLAG(key_literal)                                                                    \
    {                                                                                              \
        (key_literal), 0, 0                                                                        \
    }

/* As by key, without the lookup. Wait-free. */
FFSHM_API bool ffshm_flag_bool(struct ffshm *ff, struct ffshm_flag *flag,
                               const struct ffshm_context *c, bool fallback);
FFSHM_API int64_t ffshm_flag_int(struct ffshm *ff, struct ffshm_flag *flag,
                                 const struct ffshm_context *c, int64_t fallback);
FFSHM_API double ffshm_flag_double(struct ffshm *ff, struct ffshm_flag *flag,
                                   const struct ffshm_context *c, double fallback);
FFSHM_API size_t ffshm_flag_string(struct ffshm *ff, struct ffshm_flag *flag,
                                   const struct ffshm_context *c, const char *fallback,
                                   char *buffer, size_t capacity);
FFSHM_API size_t ffshm_flag_json(struct ffshm *ff, struct ffshm_flag *flag,
                                 const struct ffshm_context *c, const char *fallback, char *buffer,
                                 size_t capacity);

/* ---- several flags, one version, no copies ------------------------------------------------ */

/* `ff` and `view` must not be NULL, except where it says otherwise. */

/* A pinned snapshot. The members are private. A view may be used by any number of threads. */
struct ffshm_view {
    struct ffshm *store;
    const void *snapshot;
};

/* Pins the current snapshot (refreshing as the store's mode says) for any length of time; costs
   memory only. Wait-free. */
FFSHM_API void ffshm_pin(struct ffshm *ff, struct ffshm_view *view);
/* Lets it go. A zeroed view, or a second call, is harmless. May map. */
FFSHM_API void ffshm_unpin(struct ffshm_view *view);

enum ffshm_type { /* JSON types */
                  FFSHM_TYPE_NULL = 0,
                  FFSHM_TYPE_BOOL = 1,
                  FFSHM_TYPE_NUMBER = 2,
                  FFSHM_TYPE_STRING = 3,
                  FFSHM_TYPE_ARRAY = 4,
                  FFSHM_TYPE_OBJECT = 5,
};

/* A flag's value and why. Everything it points to is borrowed from the view until ffshm_unpin. */
struct ffshm_result {
    int reason;       /* enum ffshm_reason */
    int error;        /* enum ffshm_error */
    int big_segments; /* enum ffshm_big_segments */
    int variation;    /* index; -1: there is no value, serve the fallback */
    int rule_index;   /* RULE_MATCH; else -1 */
    bool in_experiment;
    bool boolean;       /* type FFSHM_TYPE_BOOL */
    int type;           /* enum ffshm_type; FFSHM_TYPE_NULL without a value */
    double number;      /* type FFSHM_TYPE_NUMBER */
    const char *string; /* type FFSHM_TYPE_STRING, NUL-terminated; else NULL */
    size_t string_length;
    const char *json; /* the value as compact JSON, NUL-terminated; NULL without a value */
    size_t json_length;
    const char *variant;          /* never NULL; "" where there is none */
    const char *rule_id;          /* never NULL */
    const char *prerequisite_key; /* never NULL */
    int64_t flag_version;
    uint64_t generation;
};

/* Evaluates a flag on the view's snapshot. Wait-free. */
FFSHM_API struct ffshm_result ffshm_evaluate(const struct ffshm_view *view, const char *flag,
                                             const struct ffshm_context *c);
/* Evaluates `count` flags into `results`; returns how many have a value. Wait-free. */
FFSHM_API size_t ffshm_evaluate_many(const struct ffshm_view *view, const char *const *flags,
                                     size_t count, const struct ffshm_context *c,
                                     struct ffshm_result *results);

/* A flag as ffshm_each shows it; borrowed from the view. */
struct ffshm_flag_info {
    const char *key;
    int64_t version;
    bool on;
    bool client_side_id;    /* may be sent to browsers */
    bool mobile_key;        /* may be sent to mobile devices */
    bool overridden;        /* by a kill switch or a pin on this host; provenance tells of it */
    const char *provenance; /* where the definition came from, or "override: kill by ann: why" */
    size_t variation_count;
    size_t tag_count;
    const void *tags; /* private: see ffshm_flag_tag */
};
/* The n-th tag (0-based), NULL beyond the last. Wait-free. */
FFSHM_API const char *ffshm_flag_tag(const struct ffshm_flag_info *info, size_t n);

/* Return false to stop. */
typedef bool ffshm_each_fn(void *arg, const struct ffshm_flag_info *info);

/* Calls fn for every flag of the view, in no particular order. Returns the number of calls. No
 * system call. */
FFSHM_API int ffshm_each(const struct ffshm_view *view, ffshm_each_fn *fn, void *arg);

/* Options of ffshm_all_flags_json, to be added up. */
enum ffshm_all_flags {
    FFSHM_ALL_FLAGS_WITH_REASONS = 1,
    FFSHM_ALL_FLAGS_CLIENT_SIDE_ONLY = 2, /* only flags that may be sent to browsers */
    FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED =
        4, /* version and reason only where the browser's SDK is to send whole events */
};

/*
 * The values of all flags of the view for a context, with what a browser needs to go on from there,
 * as the JSON with which LaunchDarkly's client-side SDKs start ("bootstrap"):
 *
 *     {"flag": value, ..., "$flagsState": {"flag": {"variation", "version", ...}, ...},
 *      "$valid": true}
 *
 * Flags are in no particular order. A flag without a value (an error, or off without an off
 * variation) is null and has no variation. A reason is there when asked for, and in experiments.
 * "$flagsState" also has the flag's trackEvents, trackReason, debugEventsUntilDate, and as
 * prerequisites the keys of those of its own that the evaluation reached, whether or not they may
 * be sent themselves. Without a snapshot or with an invalid context (or NULL) it is
 * {"$flagsState":{},"$valid":false}; there are no other errors. Unknown options are ignored.
 *
 * Written into buffer with a terminating NUL. Returns the length that the JSON has, as snprintf
 * does: a return >= capacity means that it was cut and is no JSON. buffer may be NULL when capacity
 * is 0. The text is the caller's: it outlives the view.
 *
 * Wait-free, except that with FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED it looks at the clock: two
 * calls on one view, to measure and to write, may then differ in length. Not cheap: every flag is
 * evaluated twice, and its prerequisites once more.
 */
FFSHM_API size_t ffshm_all_flags_json(const struct ffshm_view *view, const struct ffshm_context *c,
                                      unsigned options, char *buffer, size_t capacity);

/* ---- tell --------------------------------------------------------------------------------- */

/*
 * While the agent collects, evaluations count themselves and tell, once in a while, with what
 * fallback and for which contexts; flags whose events are to be sent whole are told whole. All of
 * it goes into a file in shared memory that the agent reads; ffshm_all_flags_json alone tells
 * nothing. Below: what a program tells of its own accord.
 *
 * No function here waits for the agent. An event for which there is no room, or that is larger than
 * a quarter of the room there is, is dropped and counted in ffshm_status.dropped_events, and so is
 * every event while no agent collects (but with no_telemetry). Counts of evaluations are not lost
 * that way. `ff` may be NULL.
 */

/* Records an event for metrics and experiments. An event or context that is NULL, or a context that
   is invalid, is no event. Lock-free, but for the exceptions that an evaluation has. */
FFSHM_API void ffshm_track(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                           double value);
/* The same with any JSON, or NULL, and a value or NULL. Text that is no JSON is dropped and
   counted; null is no data; a value that is not finite is none. */
FFSHM_API void ffshm_track_data(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                                const double *value, const char *json);
/* Makes the context known with all its attributes. */
FFSHM_API void ffshm_identify(struct ffshm *ff, const struct ffshm_context *c);
/* Asks the agent to collect and to send now; does not wait for it. A system call. Returns FFSHM_OK,
   also when nothing was told yet; FFSHM_INVALID_ARGUMENT for NULL. */
FFSHM_API int ffshm_flush(struct ffshm *ff);

/* ---- migrations --------------------------------------------------------------------------- */

/* How far a move from an old system to a new one has come, and who is asked at each stage. The
   first of two is authoritative: what it says is the result. */
enum ffshm_stage {
    FFSHM_STAGE_OFF = 0,       /* read old; write old */
    FFSHM_STAGE_DUALWRITE = 1, /* read old; write old, then new */
    FFSHM_STAGE_SHADOW = 2,    /* read old and new; write old, then new */
    FFSHM_STAGE_LIVE = 3,      /* read new and old; write new, then old */
    FFSHM_STAGE_RAMPDOWN = 4,  /* read new; write new, then old */
    FFSHM_STAGE_COMPLETE = 5,  /* read new; write new */
};

enum ffshm_operation { FFSHM_OPERATION_READ = 1, FFSHM_OPERATION_WRITE = 2 };
enum ffshm_origin { FFSHM_ORIGIN_OLD = 1, FFSHM_ORIGIN_NEW = 2 };

/* "off", "dualwrite", ...; "" when it is no stage. Static storage, never NULL. Wait-free. */
FFSHM_API const char *ffshm_stage_name(int stage);
/* The stage of that name, exactly; -1: there is none. Wait-free. */
FFSHM_API int ffshm_stage_parse(const char *name);

/*
 * One operation of a migration, to be told of: filled in by ffshm_migration_stage, then by the
 * functions below, and recorded by ffshm_migration_track. About 1.5 KiB, meant for the stack; the
 * members are private. It holds copies of keys and results, but borrows the store and the context
 * (and so the context's strings), which must outlive ffshm_migration_track.
 *
 * Two threads may ask the two origins and tell of one each (invoked, error, latency) at the same
 * time. Everything else is for one thread at a time, with what others told before it.
 */
struct ffshm_migration {
    struct ffshm *store;
    const struct ffshm_context *context;
    double latency_ms[2]; /* by origin - 1 */
    int64_t flag_version; /* -1: no flag */
    uint32_t invoked;     /* masks of enum ffshm_origin */
    uint32_t errors;
    uint32_t latencies;
    uint32_t refused; /* an argument was out of range */
    int operation;
    int stage;
    int fallback;
    int variation;
    int reason;
    int error;
    int big_segments;
    int rule_index;
    int32_t sampling_ratio;
    int32_t check_ratio;
    int check;      /* 0: not decided; 1: to be checked; 2: not */
    int consistent; /* -1: not told */
    bool in_experiment;
    bool tracked;
    char flag[1025];
    char cause[257]; /* rule id, or key of the prerequisite */
};

/*
 * The stage that a migration flag gives a context: a string flag of a stage's name. Another value
 * is FFSHM_WRONG_TYPE and, as on any doubt, the fallback. It counts as an evaluation with
 * ffshm_string. `m` may be NULL where nothing is to be told, else it is overwritten. A fallback
 * that is no stage counts as FFSHM_STAGE_OFF. Wait-free.
 */
FFSHM_API int ffshm_migration_stage(struct ffshm *ff, const char *flag,
                                    const struct ffshm_context *c, int fallback,
                                    struct ffshm_migration *m);

/* What is being done; the last one told counts. */
FFSHM_API void ffshm_migration_operation(struct ffshm_migration *m, int operation);
/* An origin was asked; that it failed; how long it took. What is told of an origin that was not
   asked makes the whole invalid. Wait-free, for two threads as said above. */
FFSHM_API void ffshm_migration_invoked(struct ffshm_migration *m, int origin);
FFSHM_API void ffshm_migration_error(struct ffshm_migration *m, int origin);
FFSHM_API void ffshm_migration_latency(struct ffshm_migration *m, int origin, double milliseconds);

/* Shall this operation compare what both origins have read? One in the flag's check ratio shall;
   asked again, it says the same. Compare only where both succeeded. */
FFSHM_API bool ffshm_migration_wants_check(struct ffshm_migration *m);
/* Whether they were equal. */
FFSHM_API void ffshm_migration_consistent(struct ffshm_migration *m, bool consistent);

/*
 * Records the operation: an event for LaunchDarkly's migration metrics, one in the flag's sampling
 * ratio. At most once for each ffshm_migration_stage. FFSHM_OK, also when the sampling or the lack
 * of an agent dropped it; FFSHM_INVALID_CONTEXT; FFSHM_INVALID_ARGUMENT, with a line for the log
 * callback that says why, when no operation or no origin was told, something was told of an origin
 * that was not asked (consistency needs both), an argument was out of range, or the flag's key is
 * empty or longer than 1024 bytes. Costs what ffshm_track does.
 */
FFSHM_API int ffshm_migration_track(struct ffshm_migration *m);

/* ---- hooks -------------------------------------------------------------------------------- */

#define FFSHM_HOOKS 16 /* in one store */

/* What a hook is told about an evaluation. Borrowed for the call. */
struct ffshm_hook_evaluation {
    struct ffshm *store;
    const char *flag;                    /* key; NULL when the program gave NULL */
    const struct ffshm_context *context; /* NULL when the program gave NULL */
    const char *method;                  /* the function called: "ffshm_bool" */
    const char *environment_id;          /* "": not known */
    int fallback_type;                   /* enum ffshm_type; FFSHM_TYPE_NULL: there is none, as in
                                            ffshm_evaluate */
    bool integer;                        /* FFSHM_TYPE_NUMBER: it is fallback_integer */
    bool fallback_boolean;
    int64_t fallback_integer;
    double fallback_number;
    const char *fallback_string; /* FFSHM_TYPE_STRING: never NULL */
    const char *fallback_json; /* of ffshm_json: the text given, with FFSHM_TYPE_OBJECT whatever it
                                  is; else NULL */
};

/* What a hook's stages hand on, for one evaluation: zeros at first, then what before_evaluation put
   there. Each hook has its own. */
struct ffshm_hook_data {
    union {
        void *pointer;
        uint64_t number;
        unsigned char bytes[32];
    } as;
};

/* What a hook is told about an event. Borrowed for the call. */
struct ffshm_hook_track {
    struct ffshm *store;
    const char *event;
    const struct ffshm_context *context;
    const char *environment_id; /* "": not known */
    const double *value;        /* NULL: none */
    const char *json;           /* NULL: none */
};

/*
 * Code of the program's that runs around evaluations. Any callback may be NULL. They run in the
 * thread that evaluates, inside its call, which returns after them: what they cost, it costs. They
 * cannot change the result. They may call the library, but not ffshm_close; evaluations of theirs
 * run all hooks again, so a hook that evaluates on the same store must know when to stop.
 */
struct ffshm_hook {
    size_t size;      /* sizeof(struct ffshm_hook), so that later versions can add members */
    const char *name; /* for people; may be NULL */
    void (*before_evaluation)(void *arg, const struct ffshm_hook_evaluation *e,
                              struct ffshm_hook_data *data);
    /* result: what it came to; result->json is NULL when the fallback was returned */
    void (*after_evaluation)(void *arg, const struct ffshm_hook_evaluation *e,
                             const struct ffshm_result *result, struct ffshm_hook_data *data);
    void (*after_track)(void *arg, const struct ffshm_hook_track *t);
    void *arg;
};

/*
 * Adds a hook, for good: the struct is copied, its name and arg must outlive the store. Before
 * evaluations hooks run in the order in which they were added, after them in the reverse. Hooks see
 * evaluations by key, by handle, with detail, in views (one each of ffshm_evaluate_many), stages of
 * migrations, and ffshm_track and ffshm_track_data with a valid context; not ffshm_each and
 * ffshm_all_flags_json. May be called at any time, also while others evaluate: those that began
 * before run without it. FFSHM_OK, FFSHM_INVALID_ARGUMENT, FFSHM_TOO_MANY, FFSHM_NO_MEMORY.
 *
 * With hooks an evaluation is not wait-free and not safe in signal handlers unless they are;
 * without any, they cost a comparison.
 */
FFSHM_API int ffshm_add_hook(struct ffshm *ff, const struct ffshm_hook *hook);

/* For hooks: the value that the program gets (result NULL: its fallback) as compact JSON, snprintf
 * conventions; "null" where there is none. The fallback of ffshm_json is copied as it was given. */
FFSHM_API size_t ffshm_hook_value(const struct ffshm_hook_evaluation *e,
                                  const struct ffshm_result *result, char *buffer, size_t capacity);

#ifdef __cplusplus
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
}
#endif

#endif
