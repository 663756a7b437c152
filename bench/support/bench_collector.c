#include "bench_collector.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "telemetry_file.h"

static struct image_control *control;
static struct telemetry_acks *acks;
static const struct telemetry_header *file;
static char directory[256];

static void *map(const char *name, int flags, size_t size, int protection)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0 || (flags & O_CREAT && posix_fallocate(fd, 0, (off_t)size) != 0)) {
        return NULL;
    }
    void *memory = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

bool bench_collector_open(const char *dir)
{
    char path[512];
    file = NULL; /* of a store before */
    snprintf(directory, sizeof(directory), "%s", dir);
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY, dir);
    if (mkdir(path, 0700) != 0) {
        return false;
    }
    control = map("ctl", O_RDWR, sizeof(*control), PROT_READ | PROT_WRITE);
    acks = map(TELEMETRY_ACKS, O_RDWR | O_CREAT, sizeof(*acks), PROT_READ | PROT_WRITE);
    if (!control || !acks) {
        return false;
    }
    acks->magic = TELEMETRY_ACKS_MAGIC;
    acks->major = TELEMETRY_MAJOR;
    acks->slots = TELEMETRY_ACK_SLOTS;
    acks->store_epoch = control->store_epoch;
    atomic_store(&control->telemetry_ring_bytes, 1u << 20);
    atomic_store(&control->telemetry_wants, IMAGE_WANTS_EVENTS);
    return true;
}

void bench_collector_window(uint64_t window)
{
    atomic_store_explicit(&control->telemetry_window, window, memory_order_release);
}

static bool find_file(void)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY, directory);
    DIR *d = opendir(path);
    for (const struct dirent *e; !file && d && (e = readdir(d));) {
        if (strlen(e->d_name) == TELEMETRY_NAME - 1) {
            snprintf(path, sizeof(path), TELEMETRY_DIRECTORY "/%.40s", e->d_name);
            file = map(path, O_RDONLY, sizeof(*file), PROT_READ);
        }
    }
    if (d) {
        closedir(d);
    }
    return file != NULL;
}

void bench_collector_read(void)
{
    if (!file && !find_file()) {
        return;
    }
    struct telemetry_ack *ack = &acks->entries[file->id[0] % TELEMETRY_ACK_SLOTS];
    atomic_store_explicit(&ack->position, atomic_load(&file->ring_tail), memory_order_release);
    atomic_store_explicit(&ack->id, file->id[0], memory_order_release);
}
