#include "inspect_readers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect_maps.h"

#define LINE_MOST (2 * PATH_MAX) /* bytes; what is longer is no file of a store */
#define LINES_MOST 1000000u      /* of one file of /proc */
#define CANDIDATES 64u           /* mappings of one process that may be of the store */

struct head {
    uint64_t generation;
    dev_t device;
    uint64_t inode;
};

struct held {
    pid_t pid;
    uint64_t generation;
};

struct search {
    struct readers *out;
    size_t capacity;
    char dir[PATH_MAX]; /* its real path */
    dev_t device;       /* of the control page; inode 0: there is none */
    uint64_t inode;
    struct held *held; /* snapshots by their locks */
    size_t held_count;
};

/* One more, in an array that grows at powers of two. NULL: no memory. */
static void *grow(void *array, size_t count, size_t size)
{
    return count & (count - 1) ? array : reallocarray(array, count ? count * 2 : 1, size);
}

/* ---- lines of a file of /proc --------------------------------------------------------------- */

typedef void line_fn(void *arg, char *line);

/* Calls fn for each line; a part of one that is too long is none. 0, or an errno. */
static int each_line(int at, const char *name, line_fn *fn, void *arg)
{
    char line[LINE_MOST];
    const int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    FILE *const in = fd < 0 ? NULL : fdopen(fd, "r");
    if (!in) {
        const int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    errno = 0;
    bool whole = true;
    for (unsigned i = 0; i < LINES_MOST && fgets(line, sizeof line, in); i++) {
        const bool begins = whole;
        whole = strchr(line, '\n') != NULL;
        if (begins && whole) {
            fn(arg, line);
        }
    }
    const int error = ferror(in) ? errno : 0;
    fclose(in);
    return error;
}

/* The file's first bytes, NUL-terminated; the number of them. */
static size_t read_front(int at, const char *name, char *buffer, size_t size)
{
    const int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? 0 : read(fd, buffer, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    buffer[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* ---- locks ---------------------------------------------------------------------------------- */

struct locks {
    struct search *search;
    struct head *heads;
    size_t head_count;
    bool failed;
};

static void on_lock(void *arg, char *line)
{
    struct locks *const l = arg;
    struct search *const s = l->search;
    struct maps_lock lock;
    if (!maps_parse_lock(line, &lock)) {
        return;
    }
    for (size_t i = 0; i < l->head_count; i++) {
        if (l->heads[i].inode != lock.inode || l->heads[i].device != lock.device) {
            continue;
        }
        struct held *const more = grow(s->held, s->held_count, sizeof *more);
        if (!more) {
            l->failed = true;
            return;
        }
        s->held = more;
        s->held[s->held_count++] = (struct held){lock.pid, l->heads[i].generation};
    }
}

static int list_heads(struct locks *l, const char *dir)
{
    DIR *const directory = opendir(dir);
    const struct dirent *entry;
    if (!directory) {
        return -1;
    }
    while ((entry = readdir(directory)) != NULL) {
        struct stat st;
        size_t unused;
        struct head head;
        if (maps_kind(entry->d_name, &unused, &head.generation) != MAPS_HEAD ||
            fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        struct head *const more = grow(l->heads, l->head_count, sizeof *more);
        if (!more) {
            l->failed = true;
            break;
        }
        head.device = st.st_dev;
        head.inode = st.st_ino;
        l->heads = more;
        l->heads[l->head_count++] = head;
    }
    closedir(directory);
    return 0;
}

static int read_locks(struct search *s, int proc)
{
    struct locks l = {.search = s};
    const int listed = list_heads(&l, s->dir);
    if (listed == 0 && l.head_count > 0) {
        (void)each_line(proc, "locks", on_lock, &l); /* without them less is seen */
    }
    free(l.heads);
    if (l.failed) {
        errno = ENOMEM;
    }
    return l.failed ? -1 : listed;
}

/* ---- one process ---------------------------------------------------------------------------- */

static void add_generation(struct reader *r, uint64_t generation)
{
    unsigned at = r->count;
    while (at > 0 && r->generations[at - 1] >= generation) {
        if (r->generations[--at] == generation) {
            return;
        }
    }
    if (r->count < READERS_GENERATIONS) {
        memmove(&r->generations[at + 1], &r->generations[at],
                (r->count - at) * sizeof *r->generations);
        r->generations[at] = generation;
        r->count++;
    } else if (at > 0) {
        memmove(&r->generations[0], &r->generations[1], (at - 1) * sizeof *r->generations);
        r->generations[at - 1] = generation;
    }
}

/* What a process maps that may be of the store. */
struct candidate {
    enum maps_kind kind;
    uint64_t generation;
    struct maps_line line;
    size_t directory; /* bytes of path */
    char *path;       /* owned */
};

struct mapped {
    const struct search *search;
    struct candidate of[CANDIDATES];
    size_t count;
    bool writes; /* to the control page */
};

static bool is_control(const struct search *s, const struct maps_line *line)
{
    return s->inode != 0 && line->inode == s->inode && line->device == s->device;
}

static void on_mapping(void *arg, char *line)
{
    struct mapped *const m = arg;
    struct candidate c = {.kind = MAPS_OTHER};
    if (m->count == CANDIDATES || !maps_parse(line, &c.line)) {
        return;
    }
    c.kind = maps_kind(c.line.path, &c.directory, &c.generation);
    if (is_control(m->search, &c.line)) { /* the agent made it before it had a name */
        m->writes = m->writes || c.line.writable;
        c.kind = MAPS_CONTROL;
    }
    if (c.kind == MAPS_OTHER || (c.path = strdup(c.line.path)) == NULL) {
        return;
    }
    c.line.path = NULL;
    m->of[m->count++] = c;
}

static bool same_directory(const struct candidate *a, const struct candidate *b)
{
    return a->line.device == b->line.device && a->directory == b->directory &&
           memcmp(a->path, b->path, a->directory) == 0;
}

/* The control page among them; NULL: it is another store's, or none. */
static const struct candidate *find_control(const struct mapped *m, bool *replaced)
{
    const struct search *const s = m->search;
    const struct candidate *old = NULL;
    *replaced = false;
    for (size_t i = 0; i < m->count; i++) {
        const struct candidate *const c = &m->of[i];
        if (c->kind != MAPS_CONTROL) {
            continue;
        }
        if (is_control(s, &c->line)) {
            return c;
        }
        if (strlen(s->dir) == c->directory && memcmp(s->dir, c->path, c->directory) == 0) {
            old = c;
        }
    }
    *replaced = old != NULL;
    return old;
}

static bool read_mapped(const struct mapped *m, struct reader *r)
{
    const struct candidate *const control = find_control(m, &r->replaced);
    for (size_t i = 0; control && i < m->count; i++) {
        const struct candidate *const c = &m->of[i];
        if (c->kind == MAPS_HEAD && same_directory(c, control)) {
            add_generation(r, c->generation);
        }
    }
    r->writes = m->writes;
    return control != NULL;
}

static bool read_held(const struct search *s, struct reader *r)
{
    for (size_t i = 0; i < s->held_count; i++) {
        if (s->held[i].pid == r->pid) {
            add_generation(r, s->held[i].generation);
            r->by_lock = true;
        }
    }
    return r->by_lock;
}

/* The words of its command line; else its name. */
static void read_command(int process, struct reader *r)
{
    size_t length = read_front(process, "cmdline", r->command, sizeof r->command);
    if (length == 0) {
        (void)read_front(process, "comm", r->command, sizeof r->command);
        r->command[strcspn(r->command, "\n")] = '\0';
        return;
    }
    while (length > 0 && r->command[length - 1] == '\0') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        r->command[i] = r->command[i] == '\0' ? ' ' : r->command[i];
    }
}

static bool is_kernel(int process)
{
    char stat[512];
    return read_front(process, "stat", stat, sizeof stat) > 0 && maps_is_kernel(stat);
}

/* Is it a reader? What cannot be looked at is counted. */
static bool look(struct search *s, int process, struct reader *r)
{
    struct mapped *const m = calloc(1, sizeof *m);
    if (!m) {
        return false;
    }
    m->search = s;
    const int error = each_line(process, "maps", on_mapping, m);
    bool found = error == 0 && read_mapped(m, r);
    if (error == EACCES || error == EPERM) {
        found = read_held(s, r);
        s->out->unseen += !found && !is_kernel(process);
    }
    for (size_t i = 0; i < m->count; i++) {
        free(m->of[i].path);
    }
    free(m);
    return found;
}

static int add(struct search *s, const struct reader *r)
{
    struct readers *const out = s->out;
    struct reader *const more = grow(out->of, out->count, sizeof *more);
    if (!more) {
        errno = ENOMEM;
        return -1;
    }
    out->of = more;
    out->of[out->count++] = *r;
    return 0;
}

static int look_at(struct search *s, int proc, const char *name)
{
    struct reader r = {.pid = (pid_t)strtol(name, NULL, 10)};
    struct stat st;
    const int process = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = 0;
    if (process < 0) {
        return 0; /* it has ended */
    }
    if (fstat(process, &st) == 0 && look(s, process, &r)) {
        r.uid = st.st_uid;
        read_command(process, &r);
        result = add(s, &r);
    }
    close(process);
    return result;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int by_pid(const void *a, const void *b)
{
    const pid_t x = ((const struct reader *)a)->pid;
    const pid_t y = ((const struct reader *)b)->pid;
    return (x > y) - (x < y);
}

static int look_at_all(struct search *s, DIR *proc)
{
    const struct dirent *entry;
    int result = 0;
    for (unsigned i = 0; result == 0 && (entry = readdir(proc)) != NULL;) {
        if (entry->d_name[strspn(entry->d_name, "0123456789")] != '\0') {
            continue;
        }
        if (i++ == READERS_MOST) {
            s->out->cut = true;
            break;
        }
        result = look_at(s, dirfd(proc), entry->d_name);
    }
    if (s->out->count > 1) {
        qsort(s->out->of, s->out->count, sizeof *s->out->of, by_pid);
    }
    return result;
}

static int prepare(struct search *s, const char *dir)
{
    struct stat st;
    char path[PATH_MAX + 8];
    if (!realpath(dir, s->dir)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/ctl", s->dir);
    if (lstat(path, &st) == 0) {
        s->device = st.st_dev;
        s->inode = st.st_ino;
    }
    return 0;
}

int readers_find(const char *proc, const char *dir, struct readers *out)
{
    *out = (struct readers){.of = NULL};
    struct search *const s = calloc(1, sizeof *s);
    DIR *const processes = opendir(proc);
    int result = -1;
    if (s && processes) {
        s->out = out;
        result = prepare(s, dir) != 0 || read_locks(s, dirfd(processes)) != 0
                     ? -1
                     : look_at_all(s, processes);
        free(s->held);
    }
    const int error = errno;
    if (processes) {
        closedir(processes);
    }
    free(s);
    errno = error;
    return result;
}

void readers_free(struct readers *r)
{
    free(r->of);
    *r = (struct readers){.of = NULL};
}
