#include "readers_dir.h"

#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "log.h"

/* Where programs look that nobody has told a directory. */
#define DIR_OF_READERS "/run/ffshm/default"
#define SECOND_DIR_OF_READERS "/dev/shm/ffshm/default"

/* Which programs do not look there by themselves (lib/store.c: choose_dir; lib/store_map.c:
   open_dir)? NULL: they all do. */
static const char *who_needs_dir(const char *dir)
{
    if (strcmp(dir, DIR_OF_READERS) == 0) {
        return NULL;
    }
    if (strcmp(dir, SECOND_DIR_OF_READERS) != 0 || access(DIR_OF_READERS, F_OK) == 0) {
        return "programs do not look there by themselves: set FFSHM_DIR for them";
    }
    return geteuid() == 0 ? NULL
                          : "programs of other users do not look there by themselves: set "
                            "FFSHM_DIR for them";
}

void readers_dir_log(const char *dir)
{
    char absolute[PATH_MAX];
    struct statfs filesystem;
    const char *const path = realpath(dir, absolute) ? absolute : dir;
    const char *const who = who_needs_dir(path);
    if (who) {
        LOG_EVENT(LOG_LEVEL_INFO, "readers-need", log_text("FFSHM_DIR", path),
                  log_text("text", who));
    }
    if (statfs(dir, &filesystem) == 0 && filesystem.f_type != TMPFS_MAGIC) {
        LOG_EVENT(LOG_LEVEL_WARNING, "not-tmpfs", log_text("dir", path),
                  log_text("text", "the store is not on tmpfs: publishing, and the first look of "
                                   "each program, may wait for a disk"),
                  log_text("hint", "use a directory below /run or /dev/shm"));
    }
}
