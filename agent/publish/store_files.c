/*
 * A file appears complete or not at all: O_TMPFILE makes an inode without a name, which the kernel
 * frees when its maker dies; fallocate reserves every block (a hole would be SIGBUS in a reader on
 * a full tmpfs); linkat names it. Nothing is synced: a tmpfs has no disk, and after a reboot the
 * agent makes the store anew.
 */
#include "store_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

#define RETRIES 100 /* of a call that a signal interrupts */

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
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (`ulimit -n`)";
    case ENOMEM:
        return "give the agent more memory";
    default:
        return "";
    }
}

void store_fault(struct fault *fault, const struct store_dir *dir, const char *name,
                 const char *what, int error)
{
    if (error != 0) {
        fault_set(fault, "", hint_of(error), "%s: %s", what, strerror(error));
    } else {
        fault_set(fault, "", "", "%s", what);
    }
    if (fault) {
        snprintf(fault->file, sizeof fault->file, "%s%s%s", dir->path, name ? "/" : "",
                 name ? name : "");
        fault->line = 0;
        fault->column = 0;
    }
}

void store_name(char name[STORE_NAME], enum store_letter letter, uint64_t number)
{
    snprintf(name, STORE_NAME, "%c.%016" PRIx64, (char)letter, number);
}

int store_name_parse(const char *name, enum store_letter letter, uint64_t *number)
{
    if (name[0] != (char)letter || name[1] != '.' || strlen(name) != 18) {
        return -1;
    }
    uint64_t n = 0;
    for (const char *digit = name + 2; *digit; digit++) {
        if (*digit >= '0' && *digit <= '9') {
            n = n << 4 | (uint64_t)(*digit - '0');
        } else if (*digit >= 'a' && *digit <= 'f') {
            n = n << 4 | (uint64_t)(*digit - 'a' + 10);
        } else {
            return -1;
        }
    }
    *number = n;
    return 0;
}

static int allocate(int fd, size_t size)
{
    int error = EINTR;
    for (int i = 0; i < RETRIES && error == EINTR; i++) {
        error = fallocate(fd, 0, 0, (off_t)size) == 0 ? 0 : errno;
    }
    return error;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    int interrupted = 0;
    for (size_t done = 0; done < size;) {
        const ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0) {
            return EIO;
        } else if (errno != EINTR || ++interrupted == RETRIES) {
            return errno;
        }
    }
    return 0;
}

int store_nameless(const struct store_dir *dir, unsigned mode, const void *bytes, size_t size,
                   struct fault *fault)
{
    const int fd = openat(dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (fd < 0) {
        const int failed = errno;
        const bool unsupported = failed == EOPNOTSUPP || failed == EISDIR || failed == EINVAL;
        store_fault(fault, dir, NULL,
                    unsupported ? "the filesystem cannot make files without a name (O_TMPFILE)"
                                : "cannot make a file",
                    unsupported ? EOPNOTSUPP : failed);
        return -failed;
    }
    /* Whatever the umask, other users' processes read it. */
    int error = fchmod(fd, mode) == 0 ? 0 : errno;
    const char *what = "cannot set a file's mode";
    if (error == 0) {
        what = "cannot reserve space for a file";
        error = allocate(fd, size);
    }
    if (error == 0) {
        what = "cannot write a file";
        error = write_all(fd, bytes, size);
    }
    if (error != 0) {
        store_fault(fault, dir, NULL, what, error);
        close(fd);
        return -error;
    }
    return fd;
}

int store_link(const struct store_dir *dir, int fd, const char *name, struct fault *fault)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, dir->fd, name, AT_SYMLINK_FOLLOW) != 0) {
        store_fault(fault, dir, name, "cannot name a file", errno);
        return -1;
    }
    return 0;
}

static int map(int fd, size_t size, struct store_file *out)
{
    void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return -1;
    }
    madvise(bytes, size, MADV_DONTDUMP); /* target lists are personal data */
    *out = (struct store_file){bytes, size, -1};
    return 0;
}

int store_file_write(const struct store_dir *dir, const void *bytes, size_t size,
                     struct store_file *out, struct fault *fault)
{
    *out = (struct store_file){NULL, 0, -1};
    const int fd = store_nameless(dir, 0444, bytes, size, fault);
    if (fd < 0) {
        return fd;
    }
    if (map(fd, size, out) != 0) {
        store_fault(fault, dir, NULL, "cannot map a file", errno);
        close(fd);
        return -1;
    }
    out->fd = fd;
    return 0;
}

static bool acceptable(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           (st->st_uid == 0 || st->st_uid == geteuid()) && st->st_size > 0 &&
           st->st_size <= (off_t)IMAGE_MAX_FILE && st->st_blocks * 512 >= st->st_size;
}

int store_file_map(const struct store_dir *dir, const char *name, struct store_file *out,
                   struct fault *fault)
{
    *out = (struct store_file){NULL, 0, -1};
    const int fd = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO)) {
        return 1;
    }
    struct stat st;
    int result = 1;
    if (fd < 0 || fstat(fd, &st) != 0) {
        store_fault(fault, dir, name, "cannot open a file of the store", errno);
        result = -1;
    } else if (acceptable(&st)) {
        result = map(fd, (size_t)st.st_size, out);
        if (result != 0) {
            store_fault(fault, dir, name, "cannot map a file of the store", errno);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

void store_file_why(const struct store_dir *dir, const char *name, char *why, size_t capacity)
{
    struct stat st;
    if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        snprintf(why, capacity, "is not there");
    } else if (!S_ISREG(st.st_mode)) {
        snprintf(why, capacity, "is not a file");
    } else if (st.st_uid != 0 && st.st_uid != geteuid()) {
        snprintf(why, capacity, "belongs to uid %lu", (unsigned long)st.st_uid);
    } else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        snprintf(why, capacity, "can be written by other users");
    } else {
        snprintf(why, capacity, "has the wrong size, or a hole");
    }
}

void store_file_close(struct store_file *f)
{
    if (f->bytes) {
        munmap((void *)(uintptr_t)f->bytes, f->size);
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    *f = (struct store_file){NULL, 0, -1};
}

void store_unlink(const struct store_dir *dir, const char *name)
{
    unlinkat(dir->fd, name, 0);
}

int store_scan(const struct store_dir *dir, store_scan_fn *fn, void *arg, struct fault *fault)
{
    const int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        store_fault(fault, dir, NULL, "cannot list the directory", errno);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    int result = 0;
    errno = 0;
    for (const struct dirent *e = readdir(stream); e && result == 0; e = readdir(stream)) {
        result = fn(arg, e->d_name);
        errno = 0;
    }
    if (result == 0 && errno != 0) {
        store_fault(fault, dir, NULL, "cannot list the directory", errno);
        result = -1;
    }
    closedir(stream);
    return result;
}
