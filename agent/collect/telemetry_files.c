#include "telemetry_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "acks.h"

#define UNFINISHED_S 10 /* a file under its temporary name, that nobody holds */
#define REFUSED_S 60    /* one that nobody holds, and for which no room is to come */
#define USERS_MOST 1024 /* remembered without files */

/* ---- users -------------------------------------------------------------------------------- */

/* NULL: no memory. Users without files make room for others; at worst something is told twice. */
static struct telemetry_user *user_of(struct telemetry_files *fs, uid_t uid)
{
    struct telemetry_user *spare = NULL;
    for (size_t i = 0; i < fs->user_count; i++) {
        if (fs->users[i].uid == uid) {
            return &fs->users[i];
        }
        if (fs->users[i].files == 0 && fs->user_count >= USERS_MOST) {
            spare = &fs->users[i];
        }
    }
    if (!spare) {
        struct telemetry_user *const grown =
            realloc(fs->users, (fs->user_count + 1) * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        fs->users = grown;
        spare = &grown[fs->user_count++];
    }
    *spare = (struct telemetry_user){uid, 0, 0};
    return spare;
}

static void refuse(struct telemetry_files *fs, enum telemetry_refusal why, uid_t uid)
{
    struct telemetry_user *const user = user_of(fs, uid);
    fs->refused++;
    fs->refused_in_scan++;
    if (user && !(user->told & 1u << why)) {
        user->told |= 1u << why;
        fs->owner.refused(fs->owner.arg, why, uid);
    }
}

/* ---- the table ---------------------------------------------------------------------------- */

static struct telemetry_file **bucket_of(struct telemetry_files *fs, uint64_t id)
{
    return &fs->buckets[id % TELEMETRY_BUCKETS];
}

struct telemetry_file *telemetry_files_get(const struct telemetry_files *fs, const uint64_t id[2])
{
    struct telemetry_file *f = fs->buckets[id[0] % TELEMETRY_BUCKETS];
    while (f && (f->reader.id[0] != id[0] || f->reader.id[1] != id[1])) {
        f = f->next;
    }
    return f;
}

/* Half an id is what acks has: two files with the same one cannot both be served. */
static bool has_twin(const struct telemetry_files *fs, uint64_t id)
{
    const struct telemetry_file *f = fs->buckets[id % TELEMETRY_BUCKETS];
    while (f && (f->reader.id[0] != id || f->unusable)) {
        f = f->next;
    }
    return f != NULL;
}

static bool insert(struct telemetry_files *fs, struct telemetry_file *f)
{
    struct telemetry_user *const user = user_of(fs, f->uid);
    if (user && fs->count == fs->capacity) {
        const size_t capacity = fs->capacity ? 2 * fs->capacity : 64;
        struct telemetry_file **const grown =
            realloc(fs->files, capacity * sizeof(struct telemetry_file *));
        fs->capacity = grown ? capacity : fs->capacity;
        fs->files = grown ? grown : fs->files;
    }
    if (!user || fs->count == fs->capacity) {
        return false;
    }
    struct telemetry_file **const bucket = bucket_of(fs, f->reader.id[0]);
    f->next = *bucket;
    *bucket = f;
    f->index = fs->count;
    fs->files[fs->count++] = f;
    user->files++;
    return true;
}

static void forget(struct telemetry_files *fs, struct telemetry_file *f)
{
    struct telemetry_file **at = bucket_of(fs, f->reader.id[0]);
    struct telemetry_user *const user = user_of(fs, f->uid);
    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
    fs->files[f->index] = fs->files[--fs->count];
    fs->files[f->index]->index = f->index;
    user->files--; /* it has files, so it is there */
    telemetry_reader_close(&f->reader, fs->io);
    free(f);
}

void telemetry_files_remove(struct telemetry_files *fs, struct telemetry_file *f)
{
    char name[TELEMETRY_NAME];
    struct stat st;
    telemetry_name(name, f->reader.id);
    if (fstatat(fs->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == f->inode) {
        unlinkat(fs->dir, name, 0);
    }
    fs->has_room = true;
    forget(fs, f);
}

void telemetry_files_free(struct telemetry_files *fs)
{
    while (fs->count > 0) {
        forget(fs, fs->files[fs->count - 1]);
    }
    if (fs->scan) {
        closedir(fs->scan);
    }
    free(fs->files);
    free(fs->users);
    fs->files = NULL;
    fs->users = NULL;
    fs->scan = NULL;
}

/* ---- taking up ---------------------------------------------------------------------------- */

static bool is_held(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) != 0;
}

bool telemetry_file_is_dead(struct telemetry_file *file)
{
    file->closed = false;
    file->dead = file->dead || !is_held(file->reader.fd);
    file->reader.skips = file->reader.skips || file->dead;
    return file->dead;
}

static bool is_older(const struct stat *st, time_t seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - st->st_ctim.tv_sec >= seconds;
}

/* Takes fd over. NULL: no memory, and fd is still the caller's. */
static struct telemetry_file *new_file(struct telemetry_files *fs, int fd, const struct stat *st,
                                       const uint64_t id[2])
{
    struct telemetry_file *const f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    f->unusable = has_twin(fs, id[0]) || !telemetry_reader_open(&f->reader, fd, id);
    if (f->unusable) {
        f->reader = (struct telemetry_reader){.id = {id[0], id[1]}};
        fs->io->tally.malformed++;
    }
    f->reader.fd = fd;
    f->uid = st->st_uid;
    f->inode = st->st_ino;
    f->ack = ACKS_NO_SLOT;
    if (!insert(fs, f)) {
        free(f);
        return NULL;
    }
    return f;
}

/* Does one of the dead have the room? It is read and removed soon, and then the next one has it. */
static bool has_room_soon(const struct telemetry_files *fs, uid_t uid, bool of_anybody)
{
    for (size_t i = 0; i < fs->count; i++) {
        if (fs->files[i]->dead && (of_anybody || fs->files[i]->uid == uid)) {
            return true;
        }
    }
    return false;
}

/* fd is closed, or the file's. */
static void take_up(struct telemetry_files *fs, int fd, const struct stat *st, const char *name,
                    const uint64_t id[2])
{
    const struct telemetry_user *const user = user_of(fs, st->st_uid);
    const bool too_many = fs->count >= fs->most;
    if (!user || too_many || user->files >= fs->per_user) {
        refuse(fs,
               !user      ? TELEMETRY_NO_ROOM
               : too_many ? TELEMETRY_TOO_MANY
                          : TELEMETRY_TOO_MANY_OF_USER,
               st->st_uid);
        if (user && is_older(st, REFUSED_S) && !is_held(fd) &&
            !has_room_soon(fs, st->st_uid, too_many)) {
            unlinkat(fs->dir, name, 0);
        }
        close(fd);
        return;
    }
    struct telemetry_file *const f = new_file(fs, fd, st, id);
    if (!f) {
        refuse(fs, TELEMETRY_NO_ROOM, st->st_uid);
        close(fd);
    } else if (!f->unusable && !fs->owner.found(fs->owner.arg, f)) {
        refuse(fs, TELEMETRY_NO_ROOM, st->st_uid);
        forget(fs, f);
    }
}

static void refuse_unopened(struct telemetry_files *fs, const char *name, int error)
{
    struct stat st;
    if (fstatat(fs->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
        return;
    }
    const bool permitted = error != EACCES && error != EPERM;
    errno = error;
    refuse(fs, permitted ? TELEMETRY_NO_ROOM : TELEMETRY_UNREADABLE, st.st_uid);
}

void telemetry_files_offer(struct telemetry_files *fs, const char *name)
{
    uint64_t id[2];
    const bool temporary = telemetry_name_is_temporary(name);
    if (!temporary && (!telemetry_name_parse(name, id) || telemetry_files_get(fs, id))) {
        return;
    }
    const int fd = openat(fs->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0) {
        if (errno != ENOENT && errno != ELOOP && errno != ENXIO && !temporary) {
            refuse_unopened(fs, name, errno);
        }
        return;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        close(fd);
    } else if (!temporary) {
        take_up(fs, fd, &st, name, id);
    } else {
        if (is_older(&st, UNFINISHED_S) && !is_held(fd)) {
            unlinkat(fs->dir, name, 0);
        }
        close(fd);
    }
}

bool telemetry_files_scan(struct telemetry_files *fs, unsigned most)
{
    if (!fs->scan) {
        const int fd = openat(fs->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fs->scan = fd < 0 ? NULL : fdopendir(fd);
        if (!fs->scan) {
            if (fd >= 0) {
                close(fd);
            }
            return true; /* the next scan may have more luck */
        }
        fs->refused_in_scan = 0;
        fs->has_room = false;
    }
    for (unsigned i = 0; i < most; i++) {
        const struct dirent *const e = readdir(fs->scan);
        if (!e) {
            closedir(fs->scan);
            fs->scan = NULL;
            fs->refused = fs->refused_in_scan;
            return true;
        }
        telemetry_files_offer(fs, e->d_name);
    }
    return false;
}
