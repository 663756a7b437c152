/*
 * ffagent - publishes feature flags into shared memory. `ffagent --help` tells how.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "check_storage.h"
#include "config.h"
#include "ffshm.h"
#include "log.h"
#include "loop.h"

/* Started with a standard stream closed, the agent would get a file of the store for that number,
   and write its log into it. */
static void open_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

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
    case CONFIG_CHECK_STORAGE:
    case CONFIG_RUN:
        break;
    }
    if (loaded != 0) {
        config_print_problems(c, stderr);
        return 2;
    }
    if (c->action == CONFIG_CHECK_STORAGE) {
        return check_storage(c, stdout, stderr);
    }
    log_setup(c->log_level);
    return loop_run(c);
}

int main(int argc, char **argv)
{
    open_standard_streams();
    struct config config;
    const int loaded = config_load(&config, argc, argv);
    const int code = act(&config, loaded);
    config_free(&config);
    return code;
}
