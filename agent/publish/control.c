/*
 * Taking a directory, and what a kill -9 leaves at each step (the numbers are test points):
 *
 *   1  mkdir                  an empty directory: the next start finds it
 *   2  lock agent.lock        the kernel releases the lock of a dead process
 *   3  make a control page    nameless, complete with its magic: gone with its maker
 *   4  name it                "ctl" when there is none: done. Over an invalid one: first "ctl.new",
 *                             which the next start removes, then the old page is marked MOVED with
 * a generation that no snapshot has, so that its readers look again, then rename: there is always
 * exactly one ctl 5  incarnation + 1        a number is skipped, none is used twice
 *
 * The lock is an open-file-description lock: it belongs to this open file and not to the process,
 * so that no other open and close in the process drops it, and F_OFD_GETLK tells whether an agent
 * runs without ever holding it. Its file is mode 0600: whoever can open it for reading can take a
 * read lock, and so keep every agent out.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image_verify.h"
#include "test_point.h"

#define CTL "ctl"
#define CTL_NEW "ctl.new"
#define LOCK "agent.lock"
#define CTL_MODE 0644 /* the agent opens it for writing again; readers ask that others cannot */
#define LOCK_MODE 0600

/* mkdir -p: what exists stays as it is, what is made is 0755 whatever the umask. */
static int make_directories(char *path, struct fault *fault)
{
    for (char *end = path + 1;; end++) {
        if (*end != '/' && *end != '\0') {
            continue;
        }
        const char was = *end;
        *end = '\0';
        const struct store_dir dir = {-1, path};
        if (mkdir(path, 0755) == 0) {
            if (chmod(path, 0755) != 0) {
                store_fault(fault, &dir, NULL, "cannot set the directory's mode", errno);
                return -1;
            }
        } else if (errno != EEXIST && errno != EISDIR) {
            const int error = errno;
            struct stat st;
            /* A parent that cannot be written may be there all the same (EROFS, EACCES). */
            if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
                store_fault(fault, &dir, NULL, "cannot make the directory", error);
                return -1;
            }
        }
        *end = was;
        if (was == '\0') {
            return 0;
        }
    }
}

static int fault_open(const struct store_dir *dir, struct fault *fault)
{
    store_fault(fault, dir, NULL, "", 0);
    fault_set(fault, "", "choose a directory of the agent's own, mode 0755", "%s",
              "every user may replace what is in this directory");
    return -1;
}

static int fault_owner(const struct store_dir *dir, uid_t owner, struct fault *fault)
{
    store_fault(fault, dir, NULL, "", 0);
    fault_set(fault, "", "remove it, or choose another with --dir",
              "the directory belongs to uid %lu, not to this agent's user %lu",
              (unsigned long)owner, (unsigned long)geteuid());
    return -1;
}

/* Its owner can replace whatever is in a directory, and readers take files of root and of that
   owner only: an agent that is neither publishes for nobody, or what somebody else likes. */
static int check_directory(const struct store_dir *dir, const struct stat *st, struct fault *fault)
{
    if (st->st_mode & S_IWOTH) {
        return fault_open(dir, fault);
    }
    return st->st_uid == geteuid() ? 0 : fault_owner(dir, st->st_uid, fault);
}

/* Below a directory that all may write, such as /dev/shm, anybody may have made the parent first,
   also as a symlink. The path is cut at its parent while this looks. */
static int check_parent(char *path, struct fault *fault)
{
    char *const end = strrchr(path, '/');
    if (!end || end == path) {
        return 0;
    }
    *end = '\0';
    const struct store_dir parent = {-1, path};
    struct stat name;
    struct stat st;
    int result = make_directories(path, fault);
    if (result == 0 && (lstat(path, &name) != 0 || stat(path, &st) != 0)) {
        store_fault(fault, &parent, NULL, "cannot look at the directory", errno);
        result = -1;
    }
    if (result == 0) {
        const uid_t user = geteuid();
        const uid_t owner = name.st_uid == 0 || name.st_uid == user ? st.st_uid : name.st_uid;
        if (owner != 0 && owner != user) {
            result = fault_owner(&parent, owner, fault);
        } else if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) {
            result = fault_open(&parent, fault);
        }
    }
    *end = '/';
    return result;
}

static int open_directory(struct control *c, const char *path, bool is_default, struct fault *fault)
{
    char *const own = strdup(path);
    c->dir = (struct store_dir){-1, own};
    if (!own || own[0] == '\0') {
        store_fault(fault, &(struct store_dir){-1, ""}, NULL, "no directory is given",
                    own ? EINVAL : ENOMEM);
        return -1;
    }
    if ((is_default && check_parent(own, fault) != 0) || make_directories(own, fault) != 0) {
        return -1;
    }
    FFSHM_TEST_POINT(1);
    c->dir.fd = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (c->dir.fd < 0 || fstat(c->dir.fd, &st) != 0) {
        store_fault(fault, &c->dir, NULL, "cannot open the directory", errno);
        return -1;
    }
    c->dir_device = st.st_dev;
    c->dir_inode = st.st_ino;
    return check_directory(&c->dir, &st, fault);
}

/* An agent holds a write lock. A read lock is somebody's who could open the file before it was
   0600, and the pid in it then a dead agent's. */
static void fault_held(const struct control *c, struct fault *fault)
{
    char text[32] = "";
    struct flock writer = {.l_type = F_RDLCK, .l_whence = SEEK_SET}; /* conflicts with writers */
    const bool held = fcntl(c->lock_fd, F_OFD_GETLK, &writer) != 0 || writer.l_type == F_WRLCK;
    const ssize_t n = pread(c->lock_fd, text, sizeof text - 1, 0);
    const long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    store_fault(fault, &c->dir, NULL, "", 0);
    if (!held) {
        fault_set(fault, "", "end that process: `fuser agent.lock` in this directory tells which",
                  "%s", "a process that is no agent holds a read lock on agent.lock");
    } else if (pid > 0) {
        fault_set(fault, "", "stop that agent, or give this one another --dir",
                  "another agent runs on this directory, with pid %ld", pid);
    } else {
        fault_set(fault, "", "stop that agent, or give this one another --dir", "%s",
                  "another agent runs on this directory");
    }
}

static int take_lock(struct control *c, struct fault *fault)
{
    c->lock_fd = openat(c->dir.fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);
    if (c->lock_fd < 0) {
        store_fault(fault, &c->dir, LOCK, "cannot open the lock file", errno);
        return -1;
    }
    /* Before it is locked, so that nobody who holds it against us can get hold of it again. */
    if (fchmod(c->lock_fd, LOCK_MODE) != 0) {
        store_fault(fault, &c->dir, LOCK, "cannot set the lock file's mode", errno);
        return -1;
    }
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(c->lock_fd, F_OFD_SETLK, &whole) != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            fault_held(c, fault);
        } else {
            store_fault(fault, &c->dir, LOCK, "cannot lock the lock file", errno);
        }
        return -1;
    }
    FFSHM_TEST_POINT(2);
    char text[32];
    const int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Written before it is cut: a full tmpfs has no page to give back once it took one. */
    if (pwrite(c->lock_fd, text, (size_t)n, 0) != n || ftruncate(c->lock_fd, n) != 0) {
        store_fault(fault, &c->dir, LOCK, "cannot write the lock file", errno);
        return -1;
    }
    return 0;
}

static struct image_control *map_page(int fd)
{
    void *const page =
        mmap(NULL, sizeof(struct image_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

struct highest {
    uint64_t generation;
    uint64_t extent_id;
};

static int note_highest(void *arg, const char *name)
{
    struct highest *const h = arg;
    uint64_t n;
    if (store_name_parse(name, STORE_HEAD, &n) == 0 && n > h->generation) {
        h->generation = n;
    }
    if (store_name_parse(name, STORE_EXTENT, &n) == 0 && n > h->extent_id) {
        h->extent_id = n;
    }
    return 0;
}

/* The first state of a page. Readers of an earlier page may know generations and extents by number:
   the new page goes on after the highest that has left a name. */
static int first_page(const struct control *c, uint64_t fixed_seed, struct image_control *page,
                      struct fault *fault)
{
    struct highest highest = {0, 0};
    uint64_t random[2] = {fixed_seed, fixed_seed};
    if (store_scan(&c->dir, note_highest, &highest, fault) != 0) {
        return -1;
    }
    if (fixed_seed == 0 && getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        store_fault(fault, &c->dir, CTL, "cannot get random numbers", errno);
        return -1;
    }
    page->magic = IMAGE_CONTROL_MAGIC;
    page->major = IMAGE_MAJOR;
    page->minor = IMAGE_MINOR;
    page->header_size = sizeof *page;
    page->endian_tag = IMAGE_ENDIAN_TAG;
    page->store_epoch = random[0];
    page->set_seed = random[1];
    atomic_init(&page->next_extent_id, highest.extent_id < UINT64_MAX ? highest.extent_id + 1 : 1);
    /* A foreign name with an absurd number must not use the numbers up. */
    const uint64_t incarnation = highest.generation >> 32;
    atomic_init(&page->incarnation, incarnation < UINT32_MAX / 2 ? incarnation : 0);
    return 0;
}

/* An unusable page that some reader may have mapped: sends it to look for another. */
static void retire_page(int old_fd)
{
    struct stat st;
    if (old_fd < 0 || fstat(old_fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_size < (off_t)sizeof(struct image_control)) {
        return;
    }
    struct image_control *const old = map_page(old_fd);
    if (old) {
        atomic_store_explicit(&old->agent_state, IMAGE_AGENT_MOVED, memory_order_relaxed);
        /* Pairs with the acquire load of generation in lib/store.c: a reader that notices the
           number sees MOVED. */
        atomic_store_explicit(&old->generation, UINT64_MAX, memory_order_release);
        munmap(old, sizeof *old);
    }
}

static int create_page(struct control *c, int old_fd, bool exists, uint64_t fixed_seed,
                       struct fault *fault)
{
    static const struct image_control zero;
    struct image_control page;
    memcpy(&page, &zero, sizeof page);
    if (first_page(c, fixed_seed, &page, fault) != 0) {
        return -1;
    }
    const int fd = store_nameless(&c->dir, CTL_MODE, &page, sizeof page, fault);
    if (fd < 0) {
        return -1;
    }
    FFSHM_TEST_POINT(3);
    c->page = map_page(fd);
    int result = c->page ? 0 : -1;
    if (!c->page) {
        store_fault(fault, &c->dir, CTL, "cannot map the control page", errno);
    } else if (!exists) {
        result = store_link(&c->dir, fd, CTL, fault);
    } else {
        store_unlink(&c->dir, CTL_NEW);
        result = store_link(&c->dir, fd, CTL_NEW, fault);
        FFSHM_TEST_POINT(4);
        if (result == 0) {
            retire_page(old_fd);
            result = renameat(c->dir.fd, CTL_NEW, c->dir.fd, CTL);
            if (result != 0) {
                store_fault(fault, &c->dir, CTL, "cannot replace the control page", errno);
            }
        }
    }
    close(fd);
    c->created = true;
    return result;
}

/* An existing page stays when readers accept it: right type, size, mode, and contents. 0; 1: it has
   to be replaced; -1: it could not be looked at this time, which is no reason to replace it. */
static int adopt_page(struct control *c, int fd, struct fault *fault)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        store_fault(fault, &c->dir, CTL, "cannot open the control page", errno);
        return -1;
    }
    if (!S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof(struct image_control) ||
        st.st_blocks * 512 < st.st_size || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return 1;
    }
    struct image_control *const page = map_page(fd);
    if (!page) {
        store_fault(fault, &c->dir, CTL, "cannot map the control page", errno);
        return -1;
    }
    const uint64_t generation = atomic_load_explicit(&page->generation, memory_order_relaxed);
    if (image_verify_control(page, sizeof *page, NULL) != 0 || generation >> 32 >= UINT32_MAX / 2 ||
        atomic_load_explicit(&page->incarnation, memory_order_relaxed) >= UINT32_MAX / 2) {
        munmap(page, sizeof *page);
        return 1;
    }
    c->page = page;
    return 0;
}

/* A name that cannot be opened because of what it is, and not because of the moment. */
static bool is_no_page(int error)
{
    return error == ENOENT || error == ELOOP || error == ENXIO || error == EISDIR ||
           error == ENODEV;
}

static int open_page(struct control *c, uint64_t fixed_seed, struct fault *fault)
{
    const int fd = openat(c->dir.fd, CTL, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && !is_no_page(errno)) {
        store_fault(fault, &c->dir, CTL, "cannot open the control page", errno);
        return -1;
    }
    const bool exists = fd >= 0 || errno != ENOENT;
    c->foreign = !exists;
    int result = fd < 0 ? 1 : adopt_page(c, fd, fault);
    if (result > 0) {
        result = create_page(c, fd, exists, fixed_seed, fault);
    }
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

int control_open(struct control *c, const char *path, bool is_default, uint64_t fixed_seed,
                 struct fault *fault)
{
    *c = (struct control){.dir = {-1, NULL}, .lock_fd = -1};
    if (open_directory(c, path, is_default, fault) != 0 || take_lock(c, fault) != 0 ||
        open_page(c, fixed_seed, fault) != 0) {
        control_close(c);
        return -1;
    }
    store_unlink(&c->dir, CTL_NEW);
    struct stat st;
    if (fstatat(c->dir.fd, CTL, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        store_fault(fault, &c->dir, CTL, "cannot open the control page", errno);
        control_close(c);
        return -1;
    }
    c->device = st.st_dev;
    c->inode = st.st_ino;
    struct image_control *const page = c->page;
    const uint64_t last = atomic_load_explicit(&page->generation, memory_order_relaxed) >> 32;
    const uint64_t incarnation = atomic_load_explicit(&page->incarnation, memory_order_relaxed);
    atomic_store_explicit(&page->incarnation, (incarnation > last ? incarnation : last) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&page->agent_state, IMAGE_AGENT_STARTING, memory_order_release);
    FFSHM_TEST_POINT(5);
    return 0;
}

int control_check(const struct control *c, struct fault *fault)
{
    struct stat st;
    if (fstatat(c->dir.fd, CTL, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == c->device &&
        st.st_ino == c->inode) {
        return 0;
    }
    store_fault(fault, &c->dir, CTL, "", 0);
    fault_set(fault, "", "start the agent again: it makes the store anew", "%s",
              "somebody removed or replaced the files of the store");
    return -1;
}

/* -1: the name cannot be looked at, which says nothing. */
static int is_same(int dir_fd, const char *name, dev_t device, ino_t inode, int flags)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, flags) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    }
    return st.st_dev == device && st.st_ino == inode;
}

bool control_is_gone(const struct control *c)
{
    return is_same(AT_FDCWD, c->dir.path, c->dir_device, c->dir_inode, 0) == 0 ||
           is_same(c->dir.fd, CTL, c->device, c->inode, AT_SYMLINK_NOFOLLOW) == 0;
}

void control_close(struct control *c)
{
    if (c->page) {
        munmap(c->page, sizeof *c->page);
    }
    if (c->lock_fd >= 0) {
        close(c->lock_fd);
    }
    if (c->dir.fd >= 0) {
        close(c->dir.fd);
    }
    free((void *)(uintptr_t)c->dir.path);
    *c = (struct control){.dir = {-1, NULL}, .lock_fd = -1};
}

void control_announce(struct control *c, uint64_t generation, uint64_t now_ms)
{
    struct image_control *const page = c->page;
    atomic_store_explicit(&page->published_ms, now_ms, memory_order_relaxed);
    atomic_fetch_add_explicit(&page->publish_count, 1, memory_order_relaxed);
    /* Pairs with the acquire load of generation in lib/store.c: whoever sees the number finds the
       files, complete. */
    atomic_store_explicit(&page->generation, generation, memory_order_release);
    atomic_fetch_add_explicit(&page->wake, 1, memory_order_release);
    syscall(SYS_futex, &page->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

uint64_t control_extent_id(struct control *c)
{
    return atomic_fetch_add_explicit(&c->page->next_extent_id, 1, memory_order_relaxed);
}
