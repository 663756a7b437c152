/*
 * The file is looked at by name and never opened when it exists: a process that closes any
 * descriptor of a file loses all of its POSIX locks on it, and SQLite's are such. The name cannot
 * change its meaning under our hands, for its directory is this user's alone.
 */
#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *hint_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "make room in that filesystem: `df` shows its size, `du` what fills it";
    case EACCES:
    case EPERM:
    case EROFS:
        return "run the agent as the owner of that directory, or name another one";
    case ENOTDIR:
        return "name a directory above the file";
    default:
        return "";
    }
}

static int refuse(struct fault *fault, const char *path, const char *what, int error)
{
    fault_set(fault, "", hint_of(error), "%s: %s", what, strerror(error));
    if (fault) {
        snprintf(fault->file, sizeof fault->file, "%s", path);
    }
    return -1;
}

static int distrust(struct fault *fault, const char *path, const struct stat *st, bool directory)
{
    const char *hint = directory
                           ? "name a file in a directory that is the agent's alone (chmod 0700)"
                           : "chown it to the agent's user and chmod it 0600, or move it away";
    if (directory ? !S_ISDIR(st->st_mode) : !S_ISREG(st->st_mode)) {
        fault_set(fault, "", "name another one",
                  directory ? "is not a directory" : "is not a file");
    } else if (st->st_uid != geteuid()) {
        fault_set(fault, "", hint, "belongs to user %lu, not to user %lu who runs the agent",
                  (unsigned long)st->st_uid, (unsigned long)geteuid());
    } else if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        fault_set(fault, "", hint, "is writable by others (mode %04o)", st->st_mode & 07777u);
    } else {
        return 0;
    }
    if (fault) {
        snprintf(fault->file, sizeof fault->file, "%s", path);
    }
    return -1;
}

/* The directory and those above it. path is changed for the time of the call. */
static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const int made = mkdir(path, 0700);
        *slash = '/';
        if (made != 0 && errno != EEXIST) {
            return -1;
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

/* Absolute, malloc'ed: SQLite would take "file:..." for a URL. */
static char *directory_of(const char *path, struct fault *fault)
{
    const char *slash = strrchr(path, '/');
    char *given = slash == NULL   ? strdup(".")
                  : slash == path ? strdup("/")
                                  : strndup(path, (size_t)(slash - path));
    struct stat st;
    char *absolute = NULL;
    if (given == NULL || make_directories(given) != 0) {
        refuse(fault, given ? given : path, "cannot make the directory", given ? errno : ENOMEM);
    } else if ((absolute = realpath(given, NULL)) == NULL || stat(absolute, &st) != 0) {
        refuse(fault, given, "cannot use the directory", errno);
        free(absolute);
        absolute = NULL;
    } else if (distrust(fault, absolute, &st, true) != 0) {
        free(absolute);
        absolute = NULL;
    }
    free(given);
    return absolute;
}

static int make_file(const char *path, struct fault *fault)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (errno != EEXIST) {
        return refuse(fault, path, "cannot make the file", errno);
    }
    struct stat st;
    if (lstat(path, &st) != 0) {
        return refuse(fault, path, "cannot look at the file", errno);
    }
    return distrust(fault, path, &st, false);
}

char *private_name(const char *path, struct fault *fault)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (*name == '\0') {
        refuse(fault, path, "cannot make the file", EISDIR);
        return NULL;
    }
    char *directory = directory_of(path, fault);
    if (directory == NULL) {
        return NULL;
    }
    char *absolute = NULL;
    if (asprintf(&absolute, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, name) < 0) {
        absolute = NULL;
        refuse(fault, path, "cannot make the file", ENOMEM);
    }
    free(directory);
    return absolute;
}

char *private_file(const char *path, struct fault *fault)
{
    char *absolute = private_name(path, fault);
    if (absolute && make_file(absolute, fault) != 0) {
        free(absolute);
        absolute = NULL;
    }
    return absolute;
}
