#include "ctl_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/spelling.h"
#include "ctl_files.h"
#include "ctl_options.h"
#include "ctl_past.h"
#include "ctl_trouble.h"
#include "inspect/inspect_shown.h"
#include "json.h"

enum {
    OPTION_CONTEXT = OPTIONS_OWN,
    OPTION_KEY,
    OPTION_KIND,
    OPTION_ATTR,
    OPTION_DEFAULT,
    OPTION_FLAGS,
    OPTION_BATCH,
    OPTION_RAW,
    OPTION_TYPE,
    OPTION_AT,
    OPTION_WITH_REASONS,
    OPTION_CLIENT_SIDE_ONLY,
    OPTION_DETAILS_ONLY_FOR_TRACKED,
};

/* Ends the option table of each of these commands. */
/* clang-format off */
#define BIG_SEGMENT_WAIT_MS 2000 /* a person asks: better later than not known */

#define OPTIONS_QUERY                                                                              \
    {"context", required_argument, "JSON", OPTION_CONTEXT},                                        \
    {"key", required_argument, "KEY", OPTION_KEY},                                                 \
    {"kind", required_argument, "user", OPTION_KIND},                                              \
    {"attr", required_argument, "NAME=VALUE", OPTION_ATTR},                                        \
    {"flags", required_argument, "FILE...", OPTION_FLAGS},                                         \
    OPTIONS_COMMON
/* clang-format on */

static const struct ctl_option eval_options[] = {
    OPTIONS_WORDS("FLAG"),
    {"batch", no_argument, "FILE", OPTION_BATCH},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"type", required_argument, "bool|int|double|string|any|json", OPTION_TYPE},
    {"default", required_argument, "true|false|null", OPTION_DEFAULT},
    {"at", required_argument, "GENERATION", OPTION_AT},
    OPTIONS_QUERY,
};
static const struct ctl_option explain_options[] = {
    OPTIONS_WORDS("FLAG"),
    {"default", required_argument, "true|false|null", OPTION_DEFAULT},
    {"at", required_argument, "GENERATION", OPTION_AT},
    OPTIONS_QUERY,
};
static const struct ctl_option flags_state_options[] = {
    {"with-reasons", no_argument, NULL, OPTION_WITH_REASONS},
    {"client-side-only", no_argument, NULL, OPTION_CLIENT_SIDE_ONLY},
    {"details-only-for-tracked", no_argument, NULL, OPTION_DETAILS_ONLY_FOR_TRACKED},
    OPTIONS_QUERY,
};

static const struct syntax {
    const char *command;
    const struct ctl_option *options;
    bool one_flag; /* takes a flag's key */
} syntaxes[] = {
    {"eval", eval_options, true},
    {"explain", explain_options, true},
    {"flags-state", flags_state_options, false},
};

static const struct syntax *syntax_of(const struct ctl *ctl)
{
    const struct syntax *syntax = syntaxes;
    while (strcmp(syntax->command, ctl->command) != 0) {
        syntax++; /* only the commands above come here */
    }
    return syntax;
}

const char query_help_context[] =
    "  --context JSON      the context: LaunchDarkly's JSON of one kind, of several, or of a user\n"
    "  --key KEY           or: the context's key ...\n"
    "  --kind KIND         ... its kind (default: user) ...\n"
    "  --attr NAME=VALUE   ... and attributes, any number. true, false, numbers, [...] and {...}\n"
    "                      are taken as JSON, everything else as a string\n"
    "  --attr NAME:=JSON   an attribute whose value is JSON in any case: --attr 'zip:=\"01234\"'\n";
const char query_help_default[] = "  --default JSON      the fallback value (default: null)\n";
const char query_help_flags[] =
    "  --flags FILE...     compile these files in memory and evaluate without any agent\n";
const char query_help_at[] =
    "  --at WHEN           on the snapshot of then, if it is retained: a generation (3.5, as\n"
    "                      `ffctl snapshot list` prints it) or a time (2026-03-01T09:30:00Z,\n"
    "                      '2026-03-01 09:30' by this host's zone, '2h ago', or milliseconds\n"
    "                      since 1970)\n";

/* A JSON string. What is not UTF-8 stays, for ffshm_context_parse to refuse. */
static void write_string(FILE *out, const char *text, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputs(c == '"' || c == '\\' ? "\\" : "", out);
            fputc(c, out);
        }
    }
    fputc('"', out);
}

/* true, false, a number, an array or an object. */
static bool plain_json(const char *text)
{
    struct json_slice slice;
    return json_check(text, strlen(text), 0, &slice, NULL) == FFSHM_OK &&
           slice.type != JSON_STRING && slice.type != JSON_NULL;
}

static int add_attribute(const struct ctl *ctl, struct query *q, const char *text)
{
    const char *const equals = strchr(text, '=');
    const bool forced = equals && equals > text && equals[-1] == ':';
    const size_t length = equals ? (size_t)(equals - text) - (forced ? 1 : 0) : 0;
    if (length == 0) {
        return ctl_usage(ctl, "--attr '%s': write NAME=VALUE or NAME:=JSON", text);
    }
    if ((length == 3 && strncmp(text, "key", 3) == 0) ||
        (length == 4 && strncmp(text, "kind", 4) == 0)) {
        return ctl_usage(ctl, "--attr '%s': use --%.*s", text, (int)length, text);
    }
    const char *const value = equals + 1;
    struct json_slice slice;
    if (forced && json_check(value, strlen(value), 0, &slice, NULL) != FFSHM_OK) {
        return ctl_usage(ctl, "--attr '%s': what follows := is not JSON", text);
    }
    if (!q->attributes_stream) {
        q->attributes_stream = open_memstream(&q->attributes, &q->attributes_length);
        if (!q->attributes_stream) {
            return ctl_fail(ctl, "out of memory");
        }
    }
    fputc(',', q->attributes_stream);
    write_string(q->attributes_stream, text, length);
    fputc(':', q->attributes_stream);
    if (forced || plain_json(value)) {
        fputs(value, q->attributes_stream);
    } else {
        write_string(q->attributes_stream, value, strlen(value));
    }
    return fflush(q->attributes_stream) == 0 ? CTL_OK : ctl_fail(ctl, "out of memory");
}

static int add_file(const struct ctl *ctl, struct query *q, const char *file)
{
    const char **const more = reallocarray(q->files, q->file_count + 1, sizeof *q->files);
    if (!more) {
        return ctl_fail(ctl, "out of memory");
    }
    q->files = more;
    q->files[q->file_count++] = file;
    return CTL_OK;
}

/* A word: right after --flags one more file, else the flag's key or the batch's input. */
static int add_word(const struct ctl *ctl, struct query *q, const char *word, bool after_flags)
{
    if (after_flags) {
        return add_file(ctl, q, word);
    }
    if (!syntax_of(ctl)->one_flag) {
        return ctl_usage(ctl, "all flags are meant: what is '%s'?", word);
    }
    if (q->flag) {
        return ctl_usage(ctl, "one flag at a time: '%s' is one too many", word);
    }
    q->flag = word;
    return CTL_OK;
}

static int take_option(struct ctl *ctl, struct query *q, int option, bool *after_flags)
{
    const bool more_files = *after_flags;
    *after_flags = option == OPTION_FLAGS || (option == OPTIONS_WORD && more_files);
    switch (option) {
    case OPTION_CONTEXT:
        q->context = optarg;
        return CTL_OK;
    case OPTION_KEY:
        q->key = optarg;
        return CTL_OK;
    case OPTION_KIND:
        q->kind = optarg;
        return CTL_OK;
    case OPTION_ATTR:
        return add_attribute(ctl, q, optarg);
    case OPTION_DEFAULT:
        q->fallback = optarg;
        return CTL_OK;
    case OPTION_FLAGS:
        return add_file(ctl, q, optarg);
    case OPTION_BATCH:
        q->batch = true;
        return CTL_OK;
    case OPTION_RAW:
        q->raw = true;
        return CTL_OK;
    case OPTION_TYPE:
        q->type = type_parse(optarg, strlen(optarg));
        return q->type == TYPE_UNKNOWN
                   ? ctl_usage(ctl, "--type '%s': bool, int, double, string, any or json", optarg)
                   : CTL_OK;
    case OPTION_AT:
        q->at = optarg;
        return past_check(ctl, optarg);
    case OPTION_WITH_REASONS:
        q->all_flags |= FFSHM_ALL_FLAGS_WITH_REASONS;
        return CTL_OK;
    case OPTION_CLIENT_SIDE_ONLY:
        q->all_flags |= FFSHM_ALL_FLAGS_CLIENT_SIDE_ONLY;
        return CTL_OK;
    case OPTION_DETAILS_ONLY_FOR_TRACKED:
        q->all_flags |= FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED;
        return CTL_OK;
    case OPTIONS_WORD:
        return add_word(ctl, q, optarg, more_files);
    default:
        return CTL_USAGE;
    }
}

static int check_batch(const struct ctl *ctl, struct query *q)
{
    if (q->context || q->key || q->kind || q->attributes || q->fallback || q->raw ||
        q->type != TYPE_ANY) {
        return ctl_usage(ctl, "with --batch, context and default come from the input's lines");
    }
    q->input = q->flag && strcmp(q->flag, "-") != 0 ? q->flag : NULL;
    return CTL_OK;
}

static int check(const struct ctl *ctl, struct query *q)
{
    if (q->at && q->file_count > 0) {
        return ctl_usage(ctl, "--at asks for a published snapshot, --flags for none: choose one");
    }
    if (q->batch) {
        return check_batch(ctl, q);
    }
    const bool one_flag = syntax_of(ctl)->one_flag;
    if (one_flag && !q->flag && q->file_count > 1) {
        q->flag = q->files[--q->file_count]; /* --flags FILE... FLAG */
    }
    if (one_flag && !q->flag) {
        return ctl_usage(ctl, "which flag?");
    }
    if ((q->context != NULL) == (q->key != NULL)) {
        return ctl_usage(ctl, "give the context: either --context JSON or --key KEY");
    }
    if (q->context && (q->kind || q->attributes)) {
        return ctl_usage(ctl, "--kind and --attr go with --key; put them into --context");
    }
    size_t at;
    struct json_slice slice;
    if (q->fallback && json_check(q->fallback, strlen(q->fallback), 0, &slice, &at) != FFSHM_OK) {
        return ctl_usage(ctl,
                         "--default '%s': not JSON (at byte %zu); a string needs its quotes: "
                         "--default '\"text\"'",
                         q->fallback, at);
    }
    return CTL_OK;
}

/* CTL_OK, or the exit code; *help says that help was asked for. */
static int parse(struct ctl *ctl, int argc, char **argv, struct query *q, bool *help)
{
    *q = (struct query){0};
    *help = false;
    const struct ctl_option *const table = syntax_of(ctl)->options;
    bool after_flags = false;
    int option;
    while ((option = options_next(ctl, argc, argv, table)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            *help = true;
            return CTL_OK;
        }
        const int code = take_option(ctl, q, option, &after_flags);
        if (code != CTL_OK) {
            return code;
        }
    }
    return check(ctl, q);
}

static void release(struct query *q)
{
    if (q->attributes_stream) {
        fclose(q->attributes_stream);
    }
    free(q->attributes);
    free(q->files);
    *q = (struct query){0};
}

static void log_message(void *arg, int level, const char *message)
{
    const struct ctl *const ctl = arg;
    if (level <= FFSHM_LOG_WARNING && !ctl->opening) {
        ctl_fail(arg, "%s", message);
    }
}

static void report_trouble(const struct ctl *ctl, struct ffshm *store)
{
    struct ffshm_status status;
    struct trouble trouble;
    ffshm_status(store, &status);
    trouble_find(files_dir(ctl->dir), &status, &trouble);
    if (trouble.error) {
        ctl_fail(ctl, "%s; %s", trouble.cause, trouble.hint);
    }
}

static int open_store(struct ctl *ctl, const struct query *q, struct compiled *out)
{
    *out = (struct compiled){0};
    if (q->file_count > 0) {
        struct fault fault;
        if (compile_files(q->files, q->file_count, out, &fault) != 0) {
            char text[2048];
            fault_text(&fault, text, sizeof text);
            return ctl_fail(ctl, "%s", text);
        }
        return CTL_OK;
    }
    const struct ffshm_options how = {
        .size = sizeof how,
        .no_telemetry = true,
        .log = log_message,
        .log_arg = ctl,
        .big_segment_wait_ms = BIG_SEGMENT_WAIT_MS,
    };
    ctl->opening = true; /* report_trouble says it once, and better */
    out->store = ffshm_open(ctl->dir, &how);
    if (!out->store) {
        return ctl_fail(ctl, "%s", ffshm_error_text(FFSHM_NO_MEMORY));
    }
    if (ffshm_wait_ready(out->store, 0) != FFSHM_OK) {
        report_trouble(ctl, out->store);
    }
    ctl->opening = false;
    return CTL_OK;
}

static void close_store(struct compiled *store)
{
    compile_free(store);
}

int query_pin(const struct ctl *ctl, const struct query *q, struct ffshm *store,
              struct ffshm_view *view)
{
    if (q->at) {
        return past_pin(ctl, q->at, store, view);
    }
    ffshm_pin(store, view);
    return CTL_OK;
}

static bool offer_key(void *arg, const struct ffshm_flag_info *info)
{
    if (shown_is_plain(info->key)) {
        spelling_offer(arg, info->key);
    }
    return true;
}

void query_report_unknown(const struct ctl *ctl, const struct ffshm_view *view, const char *flag)
{
    struct spelling spelling = {.word = flag};
    ffshm_each(view, offer_key, &spelling);
    if (spelling.best) {
        ctl_fail(ctl, "no flag \"%s\"; did you mean %s?", flag, spelling.best);
    } else {
        ctl_fail(ctl, "no flag \"%s\"", flag);
    }
}

/* {"kind": ..., "key": ..., attributes...} */
static char *context_of_options(const struct query *q)
{
    const char *const kind = q->kind ? q->kind : "user";
    char *text = NULL;
    size_t length = 0;
    FILE *const out = open_memstream(&text, &length);
    if (!out) {
        return NULL;
    }
    fputs("{\"kind\":", out);
    write_string(out, kind, strlen(kind));
    fputs(",\"key\":", out);
    write_string(out, q->key, strlen(q->key));
    fputs(q->attributes ? q->attributes : "", out);
    fputs("}", out);
    if (fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}

int query_context(const struct ctl *ctl, const struct query *q, struct query_context *out)
{
    *out = (struct query_context){0};
    ffshm_context_init(&out->context, NULL, NULL);
    out->json = q->context ? strdup(q->context) : context_of_options(q);
    if (!out->json) {
        return ctl_fail(ctl, "out of memory");
    }
    const size_t length = strlen(out->json);
    out->scratch = malloc(length + 64);
    if (!out->scratch) {
        return ctl_fail(ctl, "out of memory");
    }
    size_t at;
    struct json_slice slice;
    const int error =
        ffshm_context_parse(&out->context, out->json, length, out->scratch, length + 64);
    if (error && json_check(out->json, length, 0, &slice, &at) != FFSHM_OK) {
        ctl_fail(ctl, "the context is refused: not JSON (at byte %zu): '%s'", at, out->json);
    } else if (error) {
        ctl_fail(ctl, "the context is refused: %s; %s", ffshm_error_text(error),
                 ffshm_error_hint(error));
    }
    return CTL_OK;
}

void query_context_free(struct query_context *c)
{
    free(c->json);
    free(c->scratch);
    *c = (struct query_context){0};
}

int query_run(struct ctl *ctl, int argc, char **argv, int (*help)(void),
              int (*answer)(struct ctl *ctl, const struct query *q, struct ffshm *store))
{
    struct query q;
    bool asked_help;
    int code = parse(ctl, argc, argv, &q, &asked_help);
    if (asked_help) {
        code = help();
    } else if (code == CTL_OK) {
        struct compiled store;
        code = open_store(ctl, &q, &store);
        if (code == CTL_OK) {
            code = answer(ctl, &q, store.store);
            close_store(&store);
        }
    }
    release(&q);
    return code;
}
