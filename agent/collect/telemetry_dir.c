#include "telemetry_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Root reads every file. Another agent reads those of other users because they get the directory's
   group, which is its own. */
#define MODE_OF_ROOT 01733
#define MODE_OF_USER 03733

static const char *hint_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "make room in that filesystem: `df` shows its size, `du` what fills it";
    case EACCES:
    case EPERM:
    case EROFS:
        return "run the agent as the owner of that directory, or choose another with --dir";
    case EOPNOTSUPP:
    case EISDIR:
        return "use a directory on tmpfs, such as one below /dev/shm or /run";
    case ELOOP:
    case ENOTDIR:
    case EEXIST:
        return "remove it; the agent makes it anew";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (`ulimit -n`)";
    default:
        return "";
    }
}

static void set_file(struct fault *fault, const char *path, const char *name)
{
    if (fault) {
        snprintf(fault->file, sizeof fault->file, "%s%s%s", path, name ? "/" : "",
                 name ? name : "");
        fault->line = 0;
        fault->column = 0;
    }
}

void telemetry_fault(struct fault *fault, const char *path, const char *name, const char *what,
                     int error)
{
    fault_set(fault, "", hint_of(error), "%s: %s", what, strerror(error));
    set_file(fault, path, name);
}

int telemetry_open_store(const char *path, struct fault *fault)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        telemetry_fault(fault, path, NULL, "cannot open the directory", errno);
    }
    return fd;
}

/* A directory that is ours gets the group and mode that it has to have. */
static int set_up(int fd, const char *path, struct fault *fault)
{
    const unsigned mode = geteuid() == 0 ? MODE_OF_ROOT : MODE_OF_USER;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        telemetry_fault(fault, path, TELEMETRY_DIRECTORY, "cannot look at the directory", errno);
        return -1;
    }
    if (st.st_uid != geteuid()) {
        fault_set(fault, "", "remove it, or run the agent as that user",
                  "the directory belongs to uid %lu, not to the agent's uid %lu",
                  (unsigned long)st.st_uid, (unsigned long)geteuid());
        set_file(fault, path, TELEMETRY_DIRECTORY);
        return -1;
    }
    if (st.st_gid != getegid() && fchown(fd, (uid_t)-1, getegid()) != 0) {
        telemetry_fault(fault, path, TELEMETRY_DIRECTORY, "cannot set the group", errno);
        return -1;
    }
    if (fchmod(fd, mode) != 0) {
        telemetry_fault(fault, path, TELEMETRY_DIRECTORY, "cannot set the mode", errno);
        return -1;
    }
    return 0;
}

int telemetry_open_dir(int store, const char *path, struct fault *fault)
{
    if (mkdirat(store, TELEMETRY_DIRECTORY, 0700) != 0 && errno != EEXIST) {
        telemetry_fault(fault, path, TELEMETRY_DIRECTORY, "cannot make the directory", errno);
        return -1;
    }
    const int fd =
        openat(store, TELEMETRY_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        const bool other = errno == ELOOP || errno == ENOTDIR;
        telemetry_fault(fault, path, TELEMETRY_DIRECTORY,
                        other ? "is not a directory of its own" : "cannot open the directory",
                        errno);
        return -1;
    }
    if (set_up(fd, path, fault) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- names -------------------------------------------------------------------------------- */

bool telemetry_name_parse(const char *name, uint64_t id[2])
{
    uint64_t words[2] = {0, 0};
    for (unsigned i = 0; i < 32; i++) {
        const char c = name[i];
        if (c >= '0' && c <= '9') {
            words[i / 16] = words[i / 16] << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            words[i / 16] = words[i / 16] << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    id[0] = words[0];
    id[1] = words[1];
    return name[32] == '\0';
}

void telemetry_name(char name[TELEMETRY_NAME], const uint64_t id[2])
{
    snprintf(name, TELEMETRY_NAME, "%016" PRIx64 "%016" PRIx64, id[0], id[1]);
}

bool telemetry_name_is_temporary(const char *name)
{
    return strncmp(name, "tmp.", 4) == 0;
}
