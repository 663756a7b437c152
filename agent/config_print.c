#include "config_settings.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A path as a YAML scalar: JSON's quoting is YAML's. */
static void print_text(FILE *out, const char *text)
{
    json_t *value = json_string(text);
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    fputs(quoted ? quoted : "\"(not UTF-8)\"", out);
    free(quoted);
    json_decref(value);
}

/* A URL without its user information: that may be a password. */
static void print_url(FILE *out, const char *url)
{
    const char *start = strstr(url, "://");
    const char *authority = start ? start + 3 : url;
    const char *end = authority + strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', (size_t)(end - authority));
    if (!at && !strchr(end, '@')) {
        print_text(out, url);
        return;
    }
    char *shown; /* an '@' further on: perhaps of a password with a '/', and no host before it */
    if (asprintf(&shown, "%.*s***%s", (int)(authority - url), url, at ? at : "") >= 0) {
        print_text(out, shown);
        free(shown);
    }
}

static void print_value(enum config_setting setting, const char *text, FILE *out)
{
    const struct config_setting_info *s = &config_settings[setting];
    if (s->type == CONFIG_NUMBER || s->type == CONFIG_BOOL) {
        fputs(text, out);
    } else if (s->type == CONFIG_REDIS) {
        char shown[CONFIG_REDIS_SHOWN];
        print_text(out, config_redis_shown(text, shown));
    } else if (s->argument && strcmp(s->argument, "URL") == 0) {
        print_url(out, text);
    } else {
        print_text(out, text);
    }
}

/* What comes before a member's name: the mapping that it is in, with the first of its members. */
static const char *begin(enum config_setting setting, FILE *out)
{
    const char *member = config_settings[setting].member;
    const char *dot = strchr(member, '.');
    const char *before = setting > 0 ? config_settings[setting - 1].member : "";
    if (!dot) {
        return member;
    }
    if (strncmp(before, member, (size_t)(dot - member) + 1) != 0) {
        fprintf(out, "%.*s:\n", (int)(dot - member), member);
    }
    fputs("  ", out);
    return dot + 1;
}

static void print_setting(const struct config *c, enum config_setting setting, FILE *out)
{
    const struct config_setting_info *s = &config_settings[setting];
    const struct config_values *v = &c->settings[setting];
    const char *name = begin(setting, out);
    if (s->type == CONFIG_SECRET || !v->count) {
        fprintf(out, "# %s: %s%s\n", name, v->count ? "not shown; from " : "not given",
                v->count ? v->values[0].origin : "");
        return;
    }
    fprintf(out, "%s:%s", name, s->list ? "\n" : "");
    for (size_t i = 0; i < v->count; i++) {
        fputs(s->list ? "    - " : " ", out);
        print_value(setting, v->values[i].text, out);
        fprintf(out, "  # %s\n", v->values[i].origin);
    }
}

void config_print(const struct config *c, FILE *out)
{
    fprintf(out, "# configuration file: %s%s\n", c->file ? c->file : "none",
            c->file_read ? "" : " (not there)");
    for (unsigned i = 0; i < CONFIG_SETTINGS; i++) {
        print_setting(c, (enum config_setting)i, out);
    }
    for (size_t i = 0; i < c->notice_count; i++) {
        fprintf(out, "# environment %s: %s\n", c->notices[i].variable, c->notices[i].text);
    }
}

void config_print_problems(const struct config *c, FILE *out)
{
    for (size_t i = 0; i < c->problem_count; i++) {
        char text[2048];
        fault_text(&c->problems[i], text, sizeof text);
        fprintf(out, "ffagent: %s\n", text);
    }
    if (c->no_memory) {
        fputs("ffagent: out of memory\n", out);
    }
}

static void help_setting(const struct config_setting_info *s, FILE *out)
{
    if (s->option) {
        fprintf(out, "  %s %s\n", s->option, s->argument);
    } else {
        fprintf(out, "  (%s)\n", s->variable);
    }
    for (const char *line = s->help; line;) {
        const char *end = strchr(line, '\n');
        fprintf(out, "      %.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
        line = end ? end + 1 : NULL;
    }
    fprintf(out, "      environment %s, file member %s\n", s->variable, s->member);
}

void config_help(FILE *out)
{
    fputs("usage: ffagent [--dir DIR] [--flags FILE]... [OPTION]...\n"
          "\n"
          "Compiles flag definitions, of files and of LaunchDarkly, into shared memory and keeps\n"
          "them up to date, in the foreground; brings what programs evaluate to LaunchDarkly.\n"
          "An option wins over its environment variable, which wins over the configuration file.\n"
          "\n"
          "Settings\n",
          out);
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        help_setting(&config_settings[i], out);
    }
    fputs("\n"
          "Other options\n"
          "  -c, --config FILE   the configuration file, YAML or JSON; environment FFSHM_CONFIG.\n"
          "                      Default: " CONFIG_DEFAULT_FILE ", if it is there\n"
          "  --check-config      print the effective configuration and where each value comes\n"
          "                      from, load and compile the flag files, tell every problem\n"
          "  --check-storage [FILE]\n"
          "                      look at every page, definition and audit entry of a state file\n"
          "                      that no agent has open (FILE, for example a backup; without it\n"
          "                      the one of the setting state), tell what is there\n"
          "  --once              publish once and exit; waits up to 10 s for LaunchDarkly's\n"
          "                      definitions, and collects no events\n"
          "  -h, --help          this text\n"
          "  -V, --version       the version\n"
          "\n"
          "Environment, understood but not available in this version\n"
          "  FF_ENABLE_METRICS: reported when set\n"
          "Environment of the service manager\n"
          "  NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, JOURNAL_STREAM: as systemd sets them\n"
          "\n"
          "Signals\n"
          "  SIGHUP              load the flag files again, and read the store, now\n"
          "  SIGTERM, SIGINT     stop; what is published stays and goes on being evaluated\n"
          "\n"
          "Exit codes\n"
          "  0  stopped as asked; with --check-config, --check-storage: everything is in order\n"
          "  1  failed while running: the directory is held by another agent or cannot be\n"
          "     written, the first publish failed; with --once: nothing could be published, or\n"
          "     not what LaunchDarkly says now; with --check-storage: the file is damaged, or\n"
          "     cannot be looked at\n"
          "  2  wrong options or configuration; with --check-config: wrong flag files too\n",
          out);
}
