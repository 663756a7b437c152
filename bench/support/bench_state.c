#include "bench_state.h"

#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>

bool bench_state_in_memory(const char *parent)
{
    struct statfs fs;
    return statfs(parent, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

bool bench_state_make(struct bench_state *s, const char *parent)
{
    snprintf(s->dir, sizeof s->dir, "%.200s/ffbench-state.XXXXXX", parent);
    if (!mkdtemp(s->dir)) {
        perror(s->dir);
        return false;
    }
    snprintf(s->file, sizeof s->file, "%s/agent.db", s->dir);
    return true;
}

void bench_state_remove(const struct bench_state *s)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    if (system(command) != 0) {
        fprintf(stderr, "ffbench: %s stays\n", s->dir);
    }
}
