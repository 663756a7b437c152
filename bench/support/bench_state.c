#include "bench_state.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

bool bench_state_in_memory(const char *parent)
{
    struct statfs fs;
    return statfs(parent, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

void bench_state_make(struct bench_state *s, const char *parent)
{
    bench_directory_make(s->dir, parent);
    snprintf(s->file, sizeof s->file, "%s/agent.db", s->dir);
}

void bench_state_remove(const struct bench_state *s)
{
    (void)bench_directory_remove(s->dir);
}
