#include "bench_log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 10000u

FILE *bench_log_open(const char *path)
{
    FILE *log = fopen(path, "re");
    if (log) {
        (void)fseek(log, 0, SEEK_END);
    }
    return log;
}

static bool take(const char *line, const char *name, double *value)
{
    const char *found = strstr(line, name);
    char *end = NULL;
    if (found) {
        found += strlen(name);
        *value = strtod(found, &end);
    }
    return found && end != found;
}

static bool parse(const char *line, struct bench_published *p)
{
    return strstr(line, " event=published ") && take(line, " changed=", &p->changed) &&
           take(line, " bytes=", &p->bytes) && take(line, " compile_us=", &p->compile_us) &&
           take(line, " publish_us=", &p->publish_us);
}

bool bench_log_published(FILE *log, struct bench_published *p)
{
    char line[4200];
    for (unsigned waited = 0; waited < PATIENCE_MS;) {
        const long start = ftell(log);
        if (!fgets(line, sizeof line, log) || !strchr(line, '\n')) {
            (void)fseek(log, start, SEEK_SET); /* not yet, or not all of it */
            waited++;
            usleep(1000);
        } else if (parse(line, p)) {
            return true;
        }
    }
    fprintf(stderr, "ffbench: the agent's log does not tell of a publish\n");
    return false;
}
