/*
 * ctl_change.h - what every command that changes something shares: --reason, --dry-run and --yes,
 * the question at a terminal, the request with them, and its result as JSON or in words.
 *
 * A command that changes something is written like this:
 *
 *     static const struct ctl_option options[] = {
 *         OPTIONS_WORDS("FLAG"),
 *         {"variant", required_argument, "VARIANT", OPTION_VARIANT},
 *         CHANGE_OPTIONS,
 *         OPTIONS_COMMON,
 *     };
 *
 *     struct change change = {0};
 *     while ((option = change_next(ctl, &change, argc, argv, options)) != OPTIONS_END) {
 *         ...                                                as with options_next
 *     }
 *     code = change_need_reason(ctl, &change);               where a reason is required
 *     if (code == CTL_OK) {                                  where it should be asked back
 *         code = change_confirm(ctl, &change, "Delete flag %s?", key);
 *     }
 *     char *path = client_path("/flags/", key, "");
 *     const struct client_request request = {.method = "DELETE", .path = path, .if_match = etag};
 *     const struct change_words words = {.done = "deleted"};
 *     code = change_perform(ctl, &change, &request, change_tell, &words);
 *
 * CHANGE_HELP is the three options in a help text.
 */
#ifndef FFSHM_CTL_CHANGE_H
#define FFSHM_CTL_CHANGE_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_options.h"

enum {
    CHANGE_REASON = 16, /* below OPTIONS_OWN */
    CHANGE_DRY_RUN,
    CHANGE_YES,
};

/* Three of a command's options, before OPTIONS_COMMON. */
/* clang-format off */
#define CHANGE_OPTIONS                                                                             \
    {"reason", required_argument, "TEXT", CHANGE_REASON},                                          \
    {"dry-run", no_argument, NULL, CHANGE_DRY_RUN},                                                \
    {"yes", no_argument, NULL, CHANGE_YES}
/* clang-format on */

#define CHANGE_HELP                                                                                \
    "  --reason TEXT\n"                                                                            \
    "              why: recorded in the audit trail\n"                                             \
    "  --dry-run   ask whether it could be done and what would change; change nothing\n"           \
    "  --yes       do not ask back (nor is asked in a pipe)\n"

/* What the command line says of how to change; borrowed from it. */
struct change {
    const char *reason; /* NULL: none was given, or only white space */
    bool dry_run;
    bool yes;
};

/* As options_next; CHANGE_OPTIONS are put into change and do not come out. */
int change_next(struct ctl *ctl, struct change *change, int argc, char **argv,
                const struct ctl_option *table);

/* CTL_OK: there is a reason. Else reported, CTL_USAGE. */
int change_need_reason(const struct ctl *ctl, const struct change *change);

/* Whether change_confirm would ask. */
bool change_asks(const struct change *change);

/* Who sits at a terminal (stdin and stdout) is asked "QUESTION [y/N] ", unless --yes or --dry-run;
   a script has made up its mind. CTL_OK: go on. Else reported, CTL_NEGATIVE. */
int change_confirm(const struct ctl *ctl, const struct change *change, const char *question, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints the agent's answer for people. */
typedef void change_print_fn(const struct ctl *ctl, const struct change *change, const json_t *body,
                             const void *arg);

/* Asks the agent, with the change's reason and dry run (those of the request are not looked at),
   and prints its answer: as it came, or by print. Returns as client_ask, which has reported. */
int change_perform(const struct ctl *ctl, const struct change *change,
                   const struct client_request *request, change_print_fn *print, const void *arg);

/* What has been done, as a participle. */
struct change_words {
    const char *done;   /* "deleted", "killed until 2026-03-01T09:30:00Z" */
    const char *colour; /* as for output_colour; NULL: green */
    bool brief;         /* without the differences, which were told before */
};

/* A change_print_fn for what the API answers to every change, with a struct change_words:
   "KEY: DONE; version 8; generation 3.5", or "KEY: would be DONE; nothing is stored"; below that
   what else is in it: how many other flags are affected, and the differences. */
change_print_fn change_tell;

#endif
