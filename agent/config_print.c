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

static void print_setting(const struct config *c, enum config_setting setting, FILE *out)
{
    const struct config_values *v = &c->settings[setting];
    fprintf(out, "%s:", config_settings[setting].member);
    if (!v->count) {
        fputs(config_settings[setting].list ? " []  # not given\n" : " \"\"  # not given\n", out);
        return;
    }
    if (config_settings[setting].list) {
        fputc('\n', out);
    }
    for (size_t i = 0; i < v->count; i++) {
        fputs(config_settings[setting].list ? "  - " : " ", out);
        if (setting == CONFIG_RETAIN) {
            fputs(v->values[i].text, out);
        } else {
            print_text(out, v->values[i].text);
        }
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
    fprintf(out, "  %s %s\n", s->option, s->argument);
    for (const char *line = s->help; line;) {
        const char *end = strchr(line, '\n');
        fprintf(out, "      %.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
        line = end ? end + 1 : NULL;
    }
    fprintf(out, "      environment %s, configuration file %s\n", s->variable, s->member);
}

void config_help(FILE *out)
{
    fputs("usage: ffagent [--dir DIR] --flags FILE [--flags FILE]... [OPTION]...\n"
          "\n"
          "Compiles flag files into shared memory and keeps them up to date, in the foreground.\n"
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
          "  --once              publish once and exit\n"
          "  -h, --help          this text\n"
          "  -V, --version       the version\n"
          "\n"
          "Environment, understood but not available in this version\n"
          "  LAUNCHDARKLY_SDK_KEY, LAUNCHDARKLY_ENVIRONMENT (other than for the default\n"
          "  directory), REDIS_URL, FF_CACHE_TTL_SECONDS, FF_ENABLE_METRICS: reported when set\n"
          "Environment of the service manager\n"
          "  NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, JOURNAL_STREAM: as systemd sets them\n"
          "\n"
          "Signals\n"
          "  SIGHUP              load the flag files again, now\n"
          "  SIGTERM, SIGINT     stop; what is published stays and goes on being evaluated\n"
          "\n"
          "Exit codes\n"
          "  0  stopped as asked; with --check-config: everything is in order\n"
          "  1  failed while running: the directory is held by another agent or cannot be\n"
          "     written, the first publish failed; with --once: nothing could be published\n"
          "  2  wrong options or configuration; with --check-config: wrong flag files too\n",
          out);
}
