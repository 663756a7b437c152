#include "telemetry_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

#define RETRIES 100 /* of a call that a signal interrupts */

size_t telemetry_read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    size_t done = 0;
    for (int interrupted = 0; done < size && interrupted < RETRIES;) {
        const ssize_t n = pread(fd, (uint8_t *)bytes + done, size - done, (off_t)(offset + done));
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break;
        } else {
            interrupted++;
        }
    }
    return done;
}

/* ---- header ------------------------------------------------------------------------------- */

static bool is_format(const struct telemetry_header *h)
{
    return h->magic == TELEMETRY_FILE_MAGIC && h->major == TELEMETRY_MAJOR &&
           h->header_size == sizeof *h && h->endian_tag == IMAGE_ENDIAN_TAG;
}

static bool has_sound_parts(const struct telemetry_header *h, uint64_t size)
{
    return h->ring_bytes >= TELEMETRY_RING_LEAST && h->ring_bytes <= TELEMETRY_RING_MOST &&
           (h->ring_bytes & (h->ring_bytes - 1)) == 0 && h->ring_offset == sizeof *h &&
           h->arena_offset == h->ring_offset + h->ring_bytes &&
           h->arena_limit <= TELEMETRY_ARENA_MOST && h->arena_limit % TELEMETRY_UNIT == 0 &&
           size >= h->arena_offset && size <= (uint64_t)h->arena_offset + TELEMETRY_ARENA_MOST;
}

bool telemetry_reader_open(struct telemetry_reader *r, int fd, const uint64_t id[2])
{
    struct telemetry_header h;
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size < 0 ||
        telemetry_read_at(fd, &h, sizeof h, 0) != sizeof h || !is_format(&h) || h.id[0] != id[0] ||
        h.id[1] != id[1] || id[0] == 0 || !has_sound_parts(&h, (uint64_t)st.st_size)) {
        return false;
    }
    *r = (struct telemetry_reader){
        .fd = fd,
        .id = {id[0], id[1]},
        .stamp_key = h.stamp_key,
        .ring_offset = h.ring_offset,
        .ring_bytes = h.ring_bytes,
        .arena_offset = h.arena_offset,
        .arena_limit = h.arena_limit,
    };
    return true;
}

void telemetry_reader_close(struct telemetry_reader *r, struct telemetry_io *io)
{
    if (r->fd >= 0) {
        close(r->fd);
        r->fd = -1;
    }
    io->counters -= r->counted_count;
    free(r->counted);
    free(r->counted_kept);
    r->counted = NULL;
    r->counted_kept = NULL;
    r->counted_count = 0;
}

bool telemetry_read_words(const struct telemetry_reader *r, struct telemetry_words *out)
{
    enum { FIRST = offsetof(struct telemetry_header, ring_tail) };
    uint64_t words[20]; /* from ring_tail to dropped_counts */
    _Static_assert(offsetof(struct telemetry_header, dropped_counts) + 8 == FIRST + sizeof words,
                   "the words of struct telemetry_words");
    if (telemetry_read_at(r->fd, words, sizeof words, FIRST) != sizeof words) {
        return false;
    }
    enum { USED = (offsetof(struct telemetry_header, arena_used) - FIRST) / 8 };
    *out = (struct telemetry_words){words[0], words[USED], words[USED + 1], words[USED + 2],
                                    words[USED + 3]};
    return true;
}

/* ---- transactions ------------------------------------------------------------------------- */

bool telemetry_reader_room(struct telemetry_reader *r, size_t count, struct telemetry_io *io)
{
    if (count <= r->counted_count) {
        return true;
    }
    /* A step of the arena at a time, or twice what there is. */
    size_t more = r->counted_count > 0 ? r->counted_count : TELEMETRY_ARENA_STEP / 64;
    more = r->counted_count + more < count ? count - r->counted_count : more;
    if (more > TELEMETRY_COUNTERS_IN_MEMORY - io->counters) {
        return false;
    }
    const size_t bytes = (r->counted_count + more) * sizeof *r->counted;
    uint64_t *const counted = realloc(r->counted, bytes);
    if (counted) {
        r->counted = counted;
    }
    uint64_t *const kept = counted ? realloc(r->counted_kept, bytes) : NULL;
    if (!kept) {
        return false;
    }
    r->counted_kept = kept;
    memset(counted + r->counted_count, 0, more * sizeof *counted);
    memset(kept + r->counted_count, 0, more * sizeof *kept);
    r->counted_count += more;
    io->counters += more;
    return true;
}

void telemetry_reader_committed(struct telemetry_reader *r)
{
    r->kept = r->now;
    if (r->counts_moved && r->counted_count > 0) {
        memcpy(r->counted_kept, r->counted, r->counted_count * sizeof *r->counted);
    }
    r->ring_moved = false;
    r->counts_moved = false;
    r->unstored = false;
}

bool telemetry_reader_moved(const struct telemetry_reader *r)
{
    return r->ring_moved || r->counts_moved || r->unstored;
}

void telemetry_reader_revert(struct telemetry_reader *r)
{
    r->now = r->kept;
    if (r->counts_moved && r->counted_count > 0) {
        memcpy(r->counted, r->counted_kept, r->counted_count * sizeof *r->counted);
    }
    r->ring_moved = false;
    r->counts_moved = false;
}
