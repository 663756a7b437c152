/*
 * ffagent - publishes feature flags into shared memory. `ffagent --help` tells how.
 */
#include <stdio.h>

#include "config.h"
#include "ffshm.h"
#include "log.h"
#include "loop.h"

static int act(struct config *c, int loaded)
{
    switch (c->action) {
    case CONFIG_HELP:
        config_help(stdout);
        return 0;
    case CONFIG_VERSION:
        printf("ffagent %s\n", FFSHM_VERSION);
        return 0;
    case CONFIG_CHECK:
        return config_check(c, stdout, stderr);
    case CONFIG_RUN:
        break;
    }
    if (loaded != 0) {
        config_print_problems(c, stderr);
        return 2;
    }
    log_setup(c->log_level);
    return loop_run(c);
}

int main(int argc, char **argv)
{
    struct config config;
    const int loaded = config_load(&config, argc, argv);
    const int code = act(&config, loaded);
    config_free(&config);
    return code;
}
