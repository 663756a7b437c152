#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

bool bench_admits(const char *option, const char *value)
{
    return !option || strcmp(option, value) == 0;
}

int bench_each_size(const struct bench_options *o,
                    int (*measure)(const struct bench_options *o, unsigned flags, bool first))
{
    static const unsigned usual[] = {1000, 10000, 100000};
    const unsigned *sizes = o->size_count ? o->sizes : usual;
    const unsigned count = o->size_count ? o->size_count : sizeof usual / sizeof usual[0];
    int result = 0;
    for (unsigned i = 0; i < count && result == 0; i++) {
        result = measure(o, sizes[i], i == 0);
    }
    return result;
}

static bool parse_number(const char *text, unsigned *number)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    *number = (unsigned)value;
    return end != text && *end == '\0' && value > 0 && value <= 100000000;
}

/* list: words with a space between them. */
static bool is_one_of(const char *value, const char *list)
{
    const size_t length = strlen(value);
    for (const char *at = list; length > 0 && (at = strstr(at, value)); at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
            return !strchr(value, ' ');
        }
    }
    return false;
}

static bool take_number(struct bench_options *o, const struct bench_command *c, const char *name,
                        const char *value)
{
    if (strcmp(name, "--flags") == 0 && o->size_count < BENCH_SIZES) {
        unsigned *const size = &o->sizes[o->size_count++];
        const bool good = parse_number(value, size);
        if (good && *size < c->least_flags) {
            fprintf(stderr, "ffbench %s: --flags are at least %u\n", c->name, c->least_flags);
        }
        return good && *size >= c->least_flags;
    }
    if (strcmp(name, "--rounds") == 0) {
        return parse_number(value, &o->rounds);
    }
    if (strcmp(name, "--seconds") == 0) {
        char *end;
        o->seconds = strtod(value, &end);
        return *end == '\0' && o->seconds > 0 && o->seconds <= 3600;
    }
    return false;
}

static bool take_option(struct bench_options *o, const struct bench_command *c, const char *name,
                        const char *value)
{
    const struct {
        const char *name;
        const char **place;
        const char *values; /* "": anything; NULL: not of this subcommand */
    } words[] = {
        {"--case", &o->only_case, c->has_cases ? "" : NULL},
        {"--by", &o->by, c->by},
        {"--context", &o->context, c->context},
        {"--telemetry", &o->telemetry, c->telemetry},
        {"--directory", &o->directory, ""},
        {"--ffagent", &o->ffagent, ""},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(name, words[i].name) != 0 || !words[i].values) {
            continue;
        }
        if (words[i].values[0] && !is_one_of(value, words[i].values)) {
            fprintf(stderr, "ffbench %s: %s is one of: %s\n", c->name, name, words[i].values);
            return false;
        }
        *words[i].place = value;
        return true;
    }
    return take_number(o, c, name, value);
}

bool bench_options_parse(struct bench_options *o, const struct bench_command *c, int argc,
                         char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (i + 1 == argc || !take_option(o, c, argv[i], argv[i + 1])) {
            fprintf(stderr, "ffbench %s: %s%s%s: not an option of it, or not with this value\n",
                    c->name, argv[i], i + 1 < argc ? " " : "", i + 1 < argc ? argv[i + 1] : "");
            return false;
        } else {
            i++;
        }
    }
    return true;
}
