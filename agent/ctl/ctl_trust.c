/* The rules are those of lib/store_map.c: what it refuses without a word is told here. */
#include "ctl_trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ffshm.h"
#include "image.h"

#define OVERFLOW_UID 65534 /* how a foreign owner shows inside a user namespace */
#define CAUSE 160

int trust_refuse(char why[TRUST_WHY], int error, const char *path, const char *cause)
{
    snprintf(why, TRUST_WHY, "%.340s: %.160s", path, cause);
    return error;
}

int trust_directory(const char *dir, char why[TRUST_WHY])
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return FFSHM_OK;
    }
    return errno == ENOENT ? trust_refuse(why, FFSHM_NOT_READY, dir, "no such directory")
                           : trust_refuse(why, FFSHM_BAD_FILE, dir, strerror(errno));
}

static bool right_mode(const struct stat *file, char cause[CAUSE])
{
    if (!S_ISREG(file->st_mode)) {
        snprintf(cause, CAUSE, "not a regular file");
        return false;
    }
    if (file->st_mode & (S_IWGRP | S_IWOTH)) {
        snprintf(cause, CAUSE, "mode %04o, must not be writable by others",
                 (unsigned)file->st_mode & 07777);
        return false;
    }
    return true;
}

static bool right_owner(const char *path, const struct stat *file, const struct stat *dir,
                        char cause[CAUSE])
{
    if (file->st_uid == 0 || (file->st_uid == dir->st_uid && file->st_uid != OVERFLOW_UID)) {
        return true;
    }
    if (file->st_uid != OVERFLOW_UID) {
        snprintf(cause, CAUSE, "owner %u, must be root or the directory's owner, %u",
                 (unsigned)file->st_uid, (unsigned)dir->st_uid);
        return false;
    }
    const int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EROFS)) {
        return true;
    }
    if (fd >= 0) {
        close(fd);
    }
    snprintf(cause, CAUSE, "an unknown owner, and this process may write it");
    return false;
}

static bool right_size(const struct stat *file, size_t least, char cause[CAUSE])
{
    const uint64_t size = (uint64_t)file->st_size;
    if (size < least || size > IMAGE_MAX_FILE) {
        snprintf(cause, CAUSE, "its size, %llu bytes, is out of range", (unsigned long long)size);
        return false;
    }
    if ((uint64_t)file->st_blocks * 512 < size) {
        snprintf(cause, CAUSE, "it has a hole: %llu of its %llu bytes are there",
                 (unsigned long long)file->st_blocks * 512, (unsigned long long)size);
        return false;
    }
    return true;
}

int trust_open(const char *dir, const char *path, size_t least, size_t *size, int *error,
               char why[TRUST_WHY])
{
    /* O_NONBLOCK: were it a pipe, open would wait for its writer. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        *error = trust_refuse(why, errno == ENOENT ? FFSHM_NOT_READY : FFSHM_BAD_FILE, path,
                              errno == ELOOP ? "a symbolic link" : strerror(errno));
        return -1;
    }
    struct stat file;
    struct stat directory;
    char cause[CAUSE] = "cannot be looked at";
    if (fstat(fd, &file) == 0 && stat(dir, &directory) == 0 && right_mode(&file, cause) &&
        right_owner(path, &file, &directory, cause) && right_size(&file, least, cause)) {
        *size = (size_t)file.st_size;
        return fd;
    }
    *error = trust_refuse(why, FFSHM_BAD_FILE, path, cause);
    close(fd);
    return -1;
}
