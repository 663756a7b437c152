/*
 * A publish, and what a kill -9 leaves at each step (the numbers are test points):
 *
 *   10  the next snapshot exists in memory   nothing is in the directory
 *   11  the extent is written: nameless,     the kernel frees a nameless file with its maker:
 *       allocated, mapped, verified          nothing is left
 *   12  the head is written likewise         nothing is left
 *   13  the extent has its name              a file that no head names: the next start removes it
 *   14  the head has its name                a head above the generation in ctl, never announced:
 *                                            the next start removes it
 *   15  release store of the generation,     published: the next start adopts it
 *       and wake
 *   16  the live set is the new one          as 15
 *   17  heads that are not retained are      a head too many, or extents that no head names:
 *   18  unlinked, each before the extents    the next start removes them
 *       that only it named
 *
 * Up to 14 a reader can only see the old snapshot, from 15 on only the new one; there is no state
 * from which it could see a part of either. A generation is used once and an extent id is used
 * once, whatever fails, because both are counted on before they become names. An error in a step
 * before 15 undoes the steps before it; the changes stay pending. A reader that has read the old
 * generation and is late finds its head retained, or no file: then it reads the generation again.
 *
 * Nothing is synced to a disk: see store_files.c.
 */
#include "publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "adopt.h"
#include "compaction.h"
#include "control.h"
#include "draft.h"
#include "image_verify.h"
#include "live.h"
#include "retention.h"
#include "store_files.h"
#include "test_point.h"

/* A publish that need not hurry merges by itself when nobody has called publisher_compact for so
   long. */
#define UNHURRIED_EXTENTS 32

struct publisher {
    struct control control;
    struct live *live;
    struct retention retention;
    unsigned retained;
    uint64_t (*realtime_ms)(void);
    uint64_t generation; /* announced and in live.now; 0: none */
    uint64_t next_generation;
    uint64_t publishes;
    uint64_t failures;
    uint64_t compactions;
    uint64_t bytes_written;
};

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t realtime_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

static uint64_t monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static uint64_t live_bytes(const struct live_state *s)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->extent_count; i++) {
        bytes += s->extents[i].ref.live_bytes;
    }
    return bytes;
}

static uint32_t extent_refs(const struct live_state *s,
                            struct image_extent_ref refs[IMAGE_MAX_EXTENTS])
{
    for (uint32_t i = 0; i < s->extent_count; i++) {
        refs[i] = s->extents[i].ref;
    }
    return s->extent_count;
}

/* ---- open and close ---- */

/* What is damaged is published anew: the live set is then empty, and *note says why. What only
   could not be read this time is an error: starting without it would lose versions and slots. */
static int take_over(struct publisher *p, struct fault *note)
{
    const struct image_control *const page = p->control.page;
    const uint64_t announced = atomic_load_explicit(&page->generation, memory_order_relaxed);
    p->live = live_new();
    if (p->live && announced != 0) {
        const int adopted = adopt_snapshot(p->live, &p->control.dir, page->store_epoch, announced,
                                           monotonic_ms(), note);
        if (adopted < 0) {
            return -1;
        }
        if (adopted == 0) {
            p->generation = announced;
        } else {
            live_free(p->live);
            p->live = live_new();
        }
    }
    if (!p->live) {
        store_fault(note, &p->control.dir, NULL, "cannot start", ENOMEM);
        return -1;
    }
    struct image_extent_ref refs[IMAGE_MAX_EXTENTS];
    const uint32_t extents = extent_refs(&p->live->now, refs);
    struct fault fault = {0};
    if (retention_load(&p->retention, &p->control.dir, page->store_epoch, announced, refs, extents,
                       !p->control.foreign, &fault) != 0) {
        *note = fault;
        return -1;
    }
    retention_prune(&p->retention, &p->control.dir, p->retained, live_bytes(&p->live->now));
    return 0;
}

struct publisher *publisher_open(const struct publisher_options *options, struct fault *fault)
{
    *fault = (struct fault){0};
    struct publisher *const p = calloc(1, sizeof *p);
    if (!p) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        return NULL;
    }
    p->retained = options->retained ? options->retained : PUBLISH_RETAINED;
    p->realtime_ms = options->realtime_ms ? options->realtime_ms : realtime_ms;
    if (control_open(&p->control, options->dir, options->is_default_dir, options->fixed_seed,
                     fault) != 0) {
        free(p);
        return NULL;
    }
    struct image_control *const page = p->control.page;
    p->next_generation = (atomic_load_explicit(&page->incarnation, memory_order_relaxed) << 32) + 1;
    atomic_store_explicit(&page->heartbeat_ms, p->realtime_ms(), memory_order_relaxed);
    if (take_over(p, fault) != 0) {
        publisher_close(p);
        return NULL;
    }
    return p;
}

void publisher_close(struct publisher *p)
{
    if (!p) {
        return;
    }
    publisher_agent_state(p, IMAGE_AGENT_STOPPED);
    live_free(p->live);
    retention_free(&p->retention);
    control_close(&p->control);
    free(p);
}

uint64_t publisher_seed(const struct publisher *p)
{
    return p->control.page->set_seed;
}

uint64_t publisher_epoch(const struct publisher *p)
{
    return p->control.page->store_epoch;
}

struct slots *publisher_slots(struct publisher *p)
{
    return p->live->slots;
}

/* ---- the live set ---- */

bool publisher_put(struct publisher *p, enum image_blob_kind kind, const char *key, size_t length,
                   bool auto_version, struct blob *blob)
{
    return live_put(p->live, kind, key, length, auto_version, blob, monotonic_ms());
}

bool publisher_remove(struct publisher *p, enum image_blob_kind kind, const char *key,
                      size_t length)
{
    return live_remove(p->live, kind, key, length, monotonic_ms());
}

int publisher_change(struct publisher *p, size_t items)
{
    return live_change(p->live, items);
}

void publisher_change_keep(struct publisher *p)
{
    live_change_keep(p->live, monotonic_ms());
}

void publisher_change_undo(struct publisher *p)
{
    live_change_undo(p->live, monotonic_ms());
}

void publisher_digest(const struct publisher *p, uint64_t digest[2])
{
    const struct live *const l = p->live;
    digest[0] = l->now.digest[0];
    digest[1] = l->now.digest[1];
    for (uint32_t i = 0; i < l->changed_count; i++) {
        const uint32_t slot = l->changed[i];
        const struct image_blob *const was = live_published(l, slot);
        const struct image_blob *const is = live_coming(l, slot);
        if (was) {
            digest_sub(digest, live_digest(was));
        }
        if (is) {
            digest_add(digest, live_digest(is));
        }
    }
}

static const struct image_blob *coming(const struct publisher *p, enum image_blob_kind kind,
                                       const char *key, size_t length)
{
    const uint32_t slot = slots_find(p->live->slots, kind, key, length);
    return slot < p->live->capacity && p->live->items[slot].kind == kind
               ? live_coming(p->live, slot)
               : NULL;
}

int64_t publisher_version(const struct publisher *p, enum image_blob_kind kind, const char *key,
                          size_t length)
{
    const struct image_blob *const b = coming(p, kind, key, length);
    return b ? b->version : -1;
}

bool publisher_item(const struct publisher *p, enum image_blob_kind kind, const char *key,
                    size_t length, struct publisher_item *out)
{
    const struct image_blob *const b = coming(p, kind, key, length);
    if (!b) {
        return false;
    }
    const void *const blob = b;
    const struct image_flag *const flag = kind == IMAGE_FLAG ? blob : NULL;
    const struct image_segment *const segment = blob;
    const struct image_string from = flag ? flag->provenance : segment->provenance;
    *out = (struct publisher_item){
        .version = b->version,
        .provenance = from.offset ? (const char *)b + from.offset : "",
        .overridden = flag && (flag->flags & IMAGE_FLAG_OVERRIDDEN) != 0,
    };
    return true;
}

void publisher_each(struct publisher *p, publisher_each_fn *fn, void *arg)
{
    for (uint32_t slot = 0; slot < p->live->capacity; slot++) {
        const struct image_blob *const b =
            p->live->items[slot].kind ? live_coming(p->live, slot) : NULL;
        if (b) {
            fn(arg, (enum image_blob_kind)b->kind, (const char *)b + b->key.offset, b->key.length);
        }
    }
}

/* ---- publish ---- */

/* One snapshot on its way into the directory. */
struct publish {
    struct publisher *p;
    struct draft draft;
    struct store_file extent; /* bytes NULL: no new extent */
    struct store_file head;
    char extent_name[STORE_NAME];
    char head_name[STORE_NAME];
    uint64_t generation;
};

static int refuse_image(const struct publish *job, const char *what, const char *why,
                        struct fault *fault)
{
    store_fault(fault, &job->p->control.dir, NULL, what, 0);
    fault_set(fault, "", "report it, with the definition that was changed last",
              "%s does not pass verification: %s", what, why ? why : "unknown");
    return -1;
}

/* assemble_extent failed: which blob, or how much? */
static int explain_extent(const struct publish *job, struct fault *fault)
{
    uint64_t bytes = sizeof(struct image_extent);
    for (size_t i = 0; i < job->draft.count; i++) {
        const struct assemble_blob *const blob = &job->draft.blobs[i];
        const char *why = NULL;
        bytes += blob->size;
        if (image_verify_blob(blob->bytes, blob->size, &why) != 0) {
            const void *const at = blob->bytes;
            const struct image_blob *const b = at;
            const bool has_key = blob->size > IMAGE_TAIL && b->key.offset < blob->size - IMAGE_TAIL;
            store_fault(fault, &job->p->control.dir, NULL, "", 0);
            fault_set(fault, has_key ? (const char *)b + b->key.offset : "",
                      "report it, with this definition", "what was compiled is not valid: %s", why);
            return -1;
        }
    }
    store_fault(fault, &job->p->control.dir, NULL,
                bytes > IMAGE_MAX_FILE ? "more than 1 GiB of definitions changed at once"
                                       : "out of memory",
                0);
    return -1;
}

/* Step 11. */
static int write_extent(struct publish *job, struct fault *fault)
{
    struct publisher *const p = job->p;
    struct draft *const d = &job->draft;
    if (d->count == 0) {
        return 0;
    }
    const uint64_t id = control_extent_id(&p->control);
    struct assembled a;
    if (assemble_extent(d->blobs, d->count, id, p->control.page->store_epoch, &a) != 0) {
        return explain_extent(job, fault);
    }
    const int written = store_file_write(&p->control.dir, a.bytes, a.size, &job->extent, fault);
    assemble_free(&a);
    if (written != 0) {
        return written;
    }
    const char *why = NULL;
    if (image_verify_extent(job->extent.bytes, job->extent.size, &why) != 0) {
        return refuse_image(job, "the new extent", why, fault);
    }
    const void *const image = job->extent.bytes;
    if (draft_place(d, image) != 0) {
        store_fault(fault, &p->control.dir, NULL, "there are too many extents of the largest size",
                    0);
        return -1;
    }
    store_name(job->extent_name, STORE_EXTENT, id);
    return 0;
}

/* Step 12. */
static int write_head(struct publish *job, struct fault *fault)
{
    struct publisher *const p = job->p;
    struct assembled a;
    if (draft_head(&job->draft, job->generation, p->control.page->store_epoch, p->realtime_ms(),
                   &a) != 0) {
        store_fault(fault, &p->control.dir, NULL, "out of memory", 0);
        return -1;
    }
    const int written = store_file_write(&p->control.dir, a.bytes, a.size, &job->head, fault);
    assemble_free(&a);
    if (written != 0) {
        return written;
    }
    const struct live_state *const next = &p->live->next;
    const struct image_extent *images[IMAGE_MAX_EXTENTS];
    for (uint32_t i = 0; i < next->extent_count; i++) {
        images[i] = next->extents[i].image;
    }
    const char *why = NULL;
    if (image_verify_head(job->head.bytes, job->head.size, images, &why) != 0) {
        return refuse_image(job, "the new head", why, fault);
    }
    store_name(job->head_name, STORE_HEAD, job->generation);
    return 0;
}

/* Steps 13 and 14. */
static int name_files(struct publish *job, struct fault *fault)
{
    const struct store_dir *const dir = &job->p->control.dir;
    if (job->extent.bytes && store_link(dir, job->extent.fd, job->extent_name, fault) != 0) {
        return -1;
    }
    FFSHM_TEST_POINT(13);
    if (store_link(dir, job->head.fd, job->head_name, fault) != 0) {
        if (job->extent.bytes) {
            store_unlink(dir, job->extent_name);
        }
        return -1;
    }
    FFSHM_TEST_POINT(14);
    return 0;
}

/* Up to step 10. extent_limit: the most extents that the snapshot may have without a merge. */
static int prepare(struct publish *job, bool with_changes, uint32_t extent_limit,
                   struct fault *fault)
{
    struct publisher *const p = job->p;
    uint64_t mask = 0;
    if (draft_begin(&job->draft, p->live, with_changes, fault) != 0) {
        return -1;
    }
    if (!with_changes || draft_extents(&job->draft) > extent_limit) {
        mask = compaction_choose(&p->live->next);
    }
    if (draft_merge(&job->draft, mask) != 0 || retention_reserve(&p->retention) != 0) {
        store_fault(fault, &p->control.dir, NULL, "out of memory", 0);
        return -1;
    }
    FFSHM_TEST_POINT(10);
    return 0;
}

/* Steps 15 to 18: nothing here can fail. */
static void complete(struct publish *job, bool with_changes)
{
    struct publisher *const p = job->p;
    control_announce(&p->control, job->generation, p->realtime_ms());
    FFSHM_TEST_POINT(15);
    p->generation = job->generation;
    p->publishes++;
    p->bytes_written = job->extent.size + job->head.size;
    job->extent.bytes = NULL; /* the mapping is the live set's now */
    live_commit(p->live, with_changes, monotonic_ms());
    FFSHM_TEST_POINT(16);
    const struct live_state *const now = &p->live->now;
    struct image_extent_ref refs[IMAGE_MAX_EXTENTS];
    retention_add(&p->retention, job->generation, refs, extent_refs(now, refs));
    FFSHM_TEST_POINT(17);
    retention_prune(&p->retention, &p->control.dir, p->retained, live_bytes(now));
}

/* 0; -ENOSPC: the filesystem is full; any other number: another failure. */
static int attempt(struct publisher *p, bool with_changes, uint32_t extent_limit,
                   struct fault *fault)
{
    struct publish job = {
        .p = p, .extent = {NULL, 0, -1}, .head = {NULL, 0, -1}, .generation = p->next_generation++};
    *fault = (struct fault){0};
    int result = control_check(&p->control, fault);
    if (result == 0) {
        result = prepare(&job, with_changes, extent_limit, fault);
    }
    if (result == 0) {
        result = write_extent(&job, fault);
    }
    FFSHM_TEST_POINT(11);
    if (result == 0) {
        draft_drop_dead(&job.draft);
        result = write_head(&job, fault);
    }
    FFSHM_TEST_POINT(12);
    if (result == 0) {
        result = name_files(&job, fault);
    }
    if (result == 0) {
        complete(&job, with_changes);
    }
    store_file_close(&job.extent);
    store_file_close(&job.head);
    draft_free(&job.draft);
    return result;
}

static int publish(struct publisher *p, bool with_changes, uint32_t extent_limit,
                   struct fault *fault)
{
    int result = attempt(p, with_changes, extent_limit, fault);
    if (result == -ENOSPC && p->retention.head_count > 1) {
        /* What is kept for inspection makes room for what is needed. */
        retention_prune(&p->retention, &p->control.dir, 1, live_bytes(&p->live->now));
        result = attempt(p, with_changes, extent_limit, fault);
    }
    if (result != 0) {
        p->failures++;
        atomic_fetch_add_explicit(&p->control.page->publish_failures, 1, memory_order_relaxed);
    }
    return result == 0 ? 0 : -1;
}

int publisher_publish(struct publisher *p, bool urgent, struct fault *fault)
{
    if (p->live->pending_count != 0 || p->generation == 0) {
        const uint32_t limit = urgent ? IMAGE_MAX_EXTENTS : UNHURRIED_EXTENTS;
        if (publish(p, true, limit, fault) != 0) {
            return -1;
        }
    }
    publisher_agent_state(p, IMAGE_AGENT_READY);
    return 0;
}

bool publisher_wants_compaction(const struct publisher *p)
{
    return p->generation != 0 && compaction_wanted(&p->live->now);
}

int publisher_compact(struct publisher *p, struct fault *fault)
{
    if (p->generation == 0 || compaction_choose(&p->live->now) == 0) {
        return 0;
    }
    const int result = publish(p, false, IMAGE_MAX_EXTENTS, fault);
    p->compactions += result == 0;
    return result;
}

/* ---- what is going on ---- */

void publisher_stats(const struct publisher *p, struct publisher_stats *out)
{
    const struct live_state *const now = &p->live->now;
    *out = (struct publisher_stats){
        .generation = p->generation,
        .publishes = p->publishes,
        .published_ms = p->generation ? atomic_load_explicit(&p->control.page->published_ms,
                                                             memory_order_relaxed)
                                      : 0,
        .failures = p->failures,
        .compactions = p->compactions,
        .bytes_written = p->bytes_written,
        .live_bytes = live_bytes(now),
        .extents = now->extent_count,
        .flags = now->flag_count,
        .segments = now->segment_count,
        .slots = now->slot_count,
        .retained_heads = p->retention.head_count,
        .digest = {now->digest[0], now->digest[1]},
    };
    for (uint32_t i = 0; i < now->extent_count; i++) {
        out->extent_bytes += now->extents[i].ref.size;
    }
}

bool publisher_retains(const struct publisher *p, uint64_t generation)
{
    for (uint32_t i = 0; i < p->retention.head_count; i++) {
        if (p->retention.heads[i].generation == generation) {
            return true;
        }
    }
    return false;
}

void publisher_heartbeat(struct publisher *p, enum image_source_state state)
{
    atomic_store_explicit(&p->control.page->source_state, state, memory_order_relaxed);
    atomic_store_explicit(&p->control.page->heartbeat_ms, p->realtime_ms(), memory_order_relaxed);
}

bool publisher_is_gone(const struct publisher *p)
{
    return control_is_gone(&p->control);
}

void publisher_agent_state(struct publisher *p, enum image_agent_state state)
{
    atomic_store_explicit(&p->control.page->agent_state, state, memory_order_release);
}

/* Copies a report into the page, under the sequence that is its first member. */
static void write_report(_Atomic uint32_t *to, const void *from, size_t size)
{
    const uint32_t sequence = atomic_load_explicit(to, memory_order_relaxed) & ~1u;
    atomic_store_explicit(to, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* pairs with the fence of whoever copies it */
    memcpy((char *)to + sizeof *to, (const char *)from + sizeof *to, size - sizeof *to);
    atomic_store_explicit(to, sequence + 2, memory_order_release);
}

void publisher_source_report(struct publisher *p, const struct image_source_report *report)
{
    write_report(&p->control.page->source.sequence, report, sizeof *report);
}

void publisher_delivery_report(struct publisher *p, const struct image_delivery_report *report)
{
    write_report(&p->control.page->delivery.sequence, report, sizeof *report);
}

void publisher_levels_report(struct publisher *p, const struct image_levels_report *report)
{
    write_report(&p->control.page->levels.sequence, report, sizeof *report);
}

void publisher_telemetry(struct publisher *p, uint32_t wants, uint32_t ring_bytes)
{
    struct image_control *const page = p->control.page;
    atomic_store_explicit(&page->telemetry_wants, wants, memory_order_relaxed);
    atomic_store_explicit(&page->telemetry_ring_bytes, ring_bytes, memory_order_relaxed);
}

void publisher_telemetry_window(struct publisher *p, uint64_t window)
{
    /* pairs with the load in each evaluation: with the window comes what is wanted */
    atomic_store_explicit(&p->control.page->telemetry_window, window, memory_order_release);
}

void publisher_big_segments(struct publisher *p, uint64_t id)
{
    /* pairs with the acquire load in lib/big_segments.c: the file is there */
    atomic_store_explicit(&p->control.page->big_segments, id, memory_order_release);
}

struct store_dir publisher_dir(const struct publisher *p)
{
    return p->control.dir;
}
