#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blob_fixture.h"
#include "image_verify.h"
#include "publish/publisher.h"

/* ---- a directory per test ---- */

struct rig {
    char base[64];
    char dir[80]; /* does not exist before the first publisher_open */
    struct publisher *p;
    struct fault fault;
};

static uint64_t fixed_time(void)
{
    return 1700000000000;
}

static struct publisher *try_open(struct rig *r, unsigned retained)
{
    const struct publisher_options options = {
        .dir = r->dir, .retained = retained, .fixed_seed = 42, .realtime_ms = fixed_time};
    return publisher_open(&options, &r->fault);
}

static void open_rig(struct rig *r, unsigned retained)
{
    r->p = try_open(r, retained);
    if (!r->p) {
        fail_msg("publisher_open: %s: %s", r->fault.file, r->fault.cause);
    }
}

/* As after kill -9: nothing is tidied up but what the kernel does. */
static void reopen(struct rig *r, unsigned retained)
{
    publisher_close(r->p);
    open_rig(r, retained);
}

static void begin(struct rig *r)
{
    memset(r, 0, sizeof *r);
    snprintf(r->base, sizeof r->base, "/dev/shm/ffshm-test-XXXXXX");
    assert_non_null(mkdtemp(r->base));
    snprintf(r->dir, sizeof r->dir, "%s/a/b", r->base);
}

static void remove_all(const char *path)
{
    DIR *const d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char inner[PATH_MAX];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (unlink(inner) != 0) {
            remove_all(inner);
        }
    }
    if (d) {
        closedir(d);
    }
    rmdir(path);
}

static void end(struct rig *r)
{
    publisher_close(r->p);
    remove_all(r->base);
}

static void path_of(const struct rig *r, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", r->dir, name);
}

static unsigned count_files(const struct rig *r, const char *prefix)
{
    unsigned n = 0;
    DIR *const d = opendir(r->dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    }
    closedir(d);
    return n;
}

static void write_file(const struct rig *r, const char *name, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    path_of(r, name, path);
    unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

/* ---- what a reader sees ---- */

struct view {
    const struct image_control *ctl;
    const struct image_head *head; /* verified; NULL: nothing is published */
    size_t head_size;
    const struct image_extent *extents[IMAGE_MAX_EXTENTS];
};

static const void *map_file(const struct rig *r, const char *name, size_t *size)
{
    char path[PATH_MAX];
    path_of(r, name, path);
    const int fd = open(path, O_RDONLY);
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_blocks * 512 >= st.st_size);
    assert_int_equal(st.st_mode & 0222, strcmp(name, "ctl") == 0 ? 0200 : 0);
    void *const bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    close(fd);
    *size = (size_t)st.st_size;
    return bytes;
}

static void view_open(const struct rig *r, struct view *v)
{
    size_t size;
    *v = (struct view){.ctl = map_file(r, "ctl", &size)};
    assert_int_equal(image_verify_control(v->ctl, size, NULL), 0);
    const uint64_t generation = atomic_load(&v->ctl->generation);
    if (generation == 0) {
        return;
    }
    char name[32];
    snprintf(name, sizeof name, "s.%016llx", (unsigned long long)generation);
    v->head = map_file(r, name, &v->head_size);
    assert_int_equal(image_verify_head_header(v->head, v->head_size, NULL), 0);
    assert_int_equal(v->head->generation, generation);
    assert_int_equal(v->head->store_epoch, v->ctl->store_epoch);
    const void *const at = (const uint8_t *)v->head + v->head->extents_offset;
    const struct image_extent_ref *const refs = at;
    for (uint32_t i = 0; i < v->head->extent_count; i++) {
        snprintf(name, sizeof name, "x.%016llx", (unsigned long long)refs[i].id);
        v->extents[i] = map_file(r, name, &size);
        assert_int_equal(image_verify_extent(v->extents[i], size, NULL), 0);
    }
    assert_int_equal(image_verify_head(v->head, v->head_size, v->extents, NULL), 0);
    /* No extent without a live blob, and the live bytes are what they are said to be. */
    uint64_t live[IMAGE_MAX_EXTENTS] = {0};
    const void *const table = (const uint8_t *)v->head + v->head->slots_offset;
    const struct image_slot *const slots = table;
    for (uint32_t i = 0; i <= v->head->slot_count; i++) {
        const struct image_slot s =
            i < v->head->slot_count
                ? slots[i]
                : (struct image_slot){v->head->index_extent, v->head->index_offset};
        if (s.offset != 0) {
            const void *const b = (const uint8_t *)v->extents[s.extent] + s.offset;
            live[s.extent] += ((const struct image_blob *)b)->size;
        }
    }
    for (uint32_t i = 0; i < v->head->extent_count; i++) {
        assert_true(live[i] != 0);
        assert_int_equal(live[i], refs[i].live_bytes);
    }
}

static void view_close(struct view *v)
{
    for (uint32_t i = 0; v->head && i < v->head->extent_count; i++) {
        munmap((void *)(uintptr_t)v->extents[i], v->extents[i]->file_size);
    }
    if (v->head) {
        munmap((void *)(uintptr_t)v->head, v->head_size);
    }
    munmap((void *)(uintptr_t)v->ctl, sizeof *v->ctl);
}

/* The flag by the key index, or NULL. */
static const struct image_flag *view_flag(const struct view *v, const char *key)
{
    const void *const x =
        (const uint8_t *)v->extents[v->head->index_extent] + v->head->index_offset;
    const struct image_index *const index = x;
    const void *const entries_at = (const uint8_t *)x + index->entries_offset;
    const struct image_index_entry *const entries = entries_at;
    const void *const table = (const uint8_t *)v->head + v->head->slots_offset;
    const struct image_slot *const slots = table;
    const uint64_t hash = hash_bytes(key, strlen(key));
    for (uint64_t i = hash & (index->capacity - 1);; i = (i + 1) & (index->capacity - 1)) {
        if (entries[i].slot == IMAGE_NO_SLOT) {
            return NULL;
        }
        if (entries[i].hash == (uint32_t)(hash >> 32)) {
            const struct image_slot s = slots[entries[i].slot];
            const void *const blob = (const uint8_t *)v->extents[s.extent] + s.offset;
            const struct image_flag *const f = blob;
            assert_string_equal((const char *)f + f->blob.key.offset, key);
            return f;
        }
    }
}

static const char *view_value(const struct view *v, const char *key)
{
    const struct image_flag *const f = view_flag(v, key);
    if (!f) {
        return NULL;
    }
    const void *const at = (const uint8_t *)f + f->variations_offset;
    const struct image_variation *const variation = at;
    return (const char *)f + variation->text.offset;
}

static void expect(const struct rig *r, const char *key, const char *value)
{
    struct view v;
    view_open(r, &v);
    const char *const found = view_value(&v, key);
    if (value) {
        assert_non_null(found);
        assert_string_equal(found, value);
    } else {
        assert_null(found);
    }
    view_close(&v);
}

/* ---- changes ---- */

static struct fixture fixture;

static bool put_sized(struct rig *r, const char *key, const char *value, bool auto_version,
                      size_t extra)
{
    fixture_flag(&fixture, key, auto_version ? 0 : 1, value, extra); /* 0: as compiled */
    struct blob blob = fixture_blob(&fixture);
    const bool changed = publisher_put(r->p, IMAGE_FLAG, key, strlen(key), auto_version, &blob);
    assert_null(blob.bytes);
    return changed;
}

static bool put(struct rig *r, const char *key, const char *value)
{
    return put_sized(r, key, value, true, 0);
}

static bool put_segment(struct rig *r, const char *key)
{
    /* Its clauses name slot 3, the segment "seg", which must therefore be that one's. */
    fixture_rich_segment(&fixture, key);
    struct image_segment *const s = fixture_at(&fixture, 0);
    s->rule_count = 0;
    struct blob blob = fixture_blob(&fixture);
    return publisher_put(r->p, IMAGE_SEGMENT, key, strlen(key), false, &blob);
}

static bool take_away(struct rig *r, const char *key)
{
    return publisher_remove(r->p, IMAGE_FLAG, key, strlen(key));
}

static void publish(struct rig *r)
{
    if (publisher_publish(r->p, true, &r->fault) != 0) {
        fail_msg("publisher_publish: %s", r->fault.cause);
    }
}

static void put_many(struct rig *r, unsigned count, size_t extra)
{
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "flag-%u", i);
        put_sized(r, key, "first", true, extra);
    }
    publish(r);
}

static struct publisher_stats stats_of(const struct rig *r)
{
    struct publisher_stats s;
    publisher_stats(r->p, &s);
    return s;
}

/* ---- tests ---- */

static void the_first_publish_may_be_empty(void **state)
{
    (void)state;
    struct rig r;
    struct view v;
    begin(&r);
    open_rig(&r, 0);
    view_open(&r, &v);
    assert_null(v.head);
    assert_int_equal(atomic_load(&v.ctl->agent_state), IMAGE_AGENT_STARTING);
    view_close(&v);
    publish(&r);
    view_open(&r, &v);
    assert_non_null(v.head);
    assert_int_equal(v.head->generation, (UINT64_C(1) << 32) + 1);
    assert_int_equal(v.head->created_ms, fixed_time());
    assert_int_equal(v.head->flag_count, 0);
    assert_null(view_flag(&v, "x"));
    assert_int_equal(atomic_load(&v.ctl->agent_state), IMAGE_AGENT_READY);
    assert_int_equal(atomic_load(&v.ctl->published_ms), fixed_time());
    assert_int_equal(v.ctl->set_seed, 42);
    assert_int_equal(publisher_seed(r.p), 42);
    view_close(&v);
    publish(&r); /* nothing changed */
    assert_int_equal(stats_of(&r).publishes, 1);
    end(&r);
}

static void flags_appear_change_and_go(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    assert_true(put(&r, "a", "one"));
    assert_true(put(&r, "b", "one"));
    assert_true(put_segment(&r, "s"));
    publish(&r);
    expect(&r, "a", "one");
    expect(&r, "c", NULL);
    assert_true(put(&r, "a", "two"));
    expect(&r, "a", "one"); /* not before it is published */
    publish(&r);
    expect(&r, "a", "two");
    expect(&r, "b", "one");
    assert_true(take_away(&r, "b"));
    assert_false(take_away(&r, "b"));
    assert_true(publisher_remove(r.p, IMAGE_SEGMENT, "s", 1));
    publish(&r);
    expect(&r, "b", NULL);
    assert_int_equal(stats_of(&r).flags, 1);
    assert_int_equal(stats_of(&r).segments, 0);
    assert_true(put(&r, "b", "again"));
    publish(&r);
    expect(&r, "b", "again");
    assert_true(take_away(&r, "a"));
    assert_true(take_away(&r, "b"));
    publish(&r);
    const struct publisher_stats s = stats_of(&r);
    assert_int_equal(s.digest[0] | s.digest[1], 0);
    end(&r);
}

static void versions_count_changes_of_content(void **state)
{
    (void)state;
    struct rig r;
    struct view v;
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    view_open(&r, &v);
    assert_int_equal(view_flag(&v, "a")->blob.version, 1);
    view_close(&v);
    assert_false(put(&r, "a", "one"));
    assert_true(put(&r, "a", "two"));
    assert_true(put(&r, "a", "three")); /* the published version + 1, however often */
    publish(&r);
    view_open(&r, &v);
    assert_int_equal(view_flag(&v, "a")->blob.version, 2);
    view_close(&v);
    /* An item with a version of its own keeps it. */
    fixture_flag(&fixture, "a", 77, "four", 0);
    struct blob blob = fixture_blob(&fixture);
    assert_true(publisher_put(r.p, IMAGE_FLAG, "a", 1, false, &blob));
    publish(&r);
    view_open(&r, &v);
    assert_int_equal(view_flag(&v, "a")->blob.version, 77);
    view_close(&v);
    end(&r);
}

/* As of operators: each version has its number, and some serve the same. */
static bool put_version(struct rig *r, int64_t version, const char *value)
{
    fixture_flag(&fixture, "a", 0, value, 0);
    struct blob blob = fixture_blob(&fixture);
    blob_set_version(&blob, version); /* not in its digest */
    const bool changed = publisher_put(r->p, IMAGE_FLAG, "a", 1, true, &blob);
    assert_null(blob.bytes);
    return changed;
}

static void another_version_that_is_stated_is_published_also_of_the_same_content(void **state)
{
    (void)state;
    struct rig r;
    struct view v;
    begin(&r);
    open_rig(&r, 0);
    put_version(&r, 5, "one");
    publish(&r);
    const struct publisher_stats before = stats_of(&r);
    assert_false(put_version(&r, 5, "one"));
    assert_true(put_version(&r, 6, "one"));
    assert_false(put_version(&r, 6, "one"));
    assert_false(put(&r, "a", "one")); /* where none is stated, any is right */
    publish(&r);
    const struct publisher_stats after = stats_of(&r);
    assert_int_equal(after.publishes, before.publishes + 1);
    assert_memory_equal(after.digest, before.digest, sizeof after.digest);
    view_open(&r, &v);
    assert_int_equal(view_flag(&v, "a")->blob.version, 6);
    view_close(&v);
    assert_true(put_version(&r, 7, "one"));
    assert_true(put_version(&r, 6, "one")); /* back to what is published */
    publish(&r);
    assert_int_equal(stats_of(&r).publishes, after.publishes);
    end(&r);
}

static void changes_that_come_back_publish_nothing(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    assert_true(put(&r, "a", "two"));
    assert_true(put(&r, "a", "one"));
    assert_true(take_away(&r, "a"));
    assert_true(put(&r, "a", "one"));
    assert_true(put(&r, "new", "x"));
    assert_true(take_away(&r, "new"));
    assert_false(take_away(&r, "new"));
    publish(&r);
    assert_int_equal(stats_of(&r).publishes, 1);
    assert_true(put(&r, "new", "x"));
    publish(&r);
    expect(&r, "new", "x");
    expect(&r, "a", "one");
    end(&r);
}

static void one_change_writes_one_blob_and_the_slot_table(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put_many(&r, 1000, 700);
    const struct publisher_stats before = stats_of(&r);
    put_sized(&r, "flag-500", "second", true, 700);
    publish(&r);
    const struct publisher_stats after = stats_of(&r);
    assert_int_equal(after.extents, before.extents + 1);
    assert_true(after.bytes_written < 1000 * sizeof(struct image_slot) + 2048);
    expect(&r, "flag-500", "second");
    expect(&r, "flag-499", "first");
    put_sized(&r, "flag-500", "third", true, 700); /* in place of the extent that is dead now */
    publish(&r);
    assert_int_equal(stats_of(&r).extents, after.extents);
    end(&r);
}

static void the_digest_is_of_the_content_and_not_of_the_way_to_it(void **state)
{
    (void)state;
    struct rig a;
    struct rig b;
    begin(&a);
    begin(&b);
    open_rig(&a, 0);
    open_rig(&b, 0);
    put(&a, "x", "1");
    put(&a, "y", "2");
    publish(&a);
    put(&b, "y", "9");
    put(&b, "z", "3");
    publish(&b);
    put(&b, "x", "1");
    publish(&b);
    put(&b, "y", "2");
    take_away(&b, "z");
    publish(&b);
    const struct publisher_stats one = stats_of(&a);
    const struct publisher_stats two = stats_of(&b);
    assert_memory_equal(one.digest, two.digest, sizeof one.digest);
    assert_true((one.digest[0] | one.digest[1]) != 0);
    end(&a);
    end(&b);
}

static void collect(void *arg, enum image_blob_kind kind, const char *key, size_t length)
{
    char *const text = arg;
    char item[64];
    snprintf(item, sizeof item, "%d:%.*s ", (int)kind, (int)length, key);
    strcat(text, item);
}

static void each_tells_what_will_be_there(void **state)
{
    (void)state;
    struct rig r;
    char text[256] = "";
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "1");
    put(&r, "b", "1");
    put_segment(&r, "s");
    publish(&r);
    take_away(&r, "a");
    put(&r, "c", "1");
    publisher_each(r.p, collect, text);
    assert_string_equal(text, "1:b 2:s 1:c ");
    end(&r);
}

static void a_restart_adopts_what_was_published(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put_many(&r, 50, 10);
    put_segment(&r, "s");
    put(&r, "flag-7", "second");
    publish(&r);
    const struct publisher_stats before = stats_of(&r);
    const uint32_t slot = slots_find(publisher_slots(r.p), IMAGE_FLAG, "flag-7", 6);
    put(&r, "flag-8", "never published");
    reopen(&r, 0);
    assert_string_equal(r.fault.cause, "");
    const struct publisher_stats after = stats_of(&r);
    assert_int_equal(after.generation, before.generation);
    assert_memory_equal(after.digest, before.digest, sizeof after.digest);
    assert_int_equal(after.flags, 50);
    assert_int_equal(after.segments, 1);
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_int_equal(slots_find(publisher_slots(r.p), IMAGE_FLAG, "flag-7", 6), slot);
    assert_false(put(&r, "flag-7", "second"));
    assert_false(put_sized(&r, "flag-8", "first", true, 10));
    publish(&r); /* the same content */
    assert_int_equal(stats_of(&r).generation, before.generation);
    struct view v;
    view_open(&r, &v);
    assert_int_equal(atomic_load(&v.ctl->agent_state), IMAGE_AGENT_READY);
    view_close(&v);
    assert_true(put(&r, "flag-7", "third"));
    publish(&r);
    assert_int_equal(stats_of(&r).generation, (UINT64_C(2) << 32) + 1);
    view_open(&r, &v);
    assert_int_equal(view_flag(&v, "flag-7")->blob.version, 3);
    view_close(&v);
    expect(&r, "flag-8", "first");
    end(&r);
}

/* A flag that refers to a flag and a segment that are not there. */
static void a_restart_keeps_the_slots_that_blobs_refer_to(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    struct slots *slots = publisher_slots(r.p);
    put(&r, "first", "1");
    fixture_rich_flag(&fixture, "rich");
    struct blob blob = fixture_blob(&fixture);
    /* The fixture names slot 2 ("pre") and slot 3 ("seg"). */
    assert_int_equal(slots_take(slots, IMAGE_FLAG, "unused", 6, 0), 1);
    blob.references = malloc(2 * sizeof *blob.references);
    blob.references[0] = slots_take(slots, IMAGE_FLAG, "pre", 3, 0);
    blob.references[1] = slots_take(slots, IMAGE_SEGMENT, "seg", 3, 0);
    blob.reference_count = 2;
    assert_int_equal(blob.references[0], 2);
    assert_int_equal(blob.references[1], 3);
    assert_true(publisher_put(r.p, IMAGE_FLAG, "rich", 4, false, &blob));
    publish(&r);
    reopen(&r, 0);
    assert_string_equal(r.fault.cause, "");
    slots = publisher_slots(r.p);
    assert_int_equal(slots_find(slots, IMAGE_FLAG, "pre", 3), 2);
    assert_int_equal(slots_find(slots, IMAGE_SEGMENT, "seg", 3), 3);
    put(&r, "pre", "here"); /* appears in the slot that "rich" refers to */
    publish(&r);
    assert_int_equal(slots_find(slots, IMAGE_FLAG, "pre", 3), 2);
    expect(&r, "pre", "here");
    assert_true(publisher_remove(r.p, IMAGE_FLAG, "rich", 4));
    publish(&r);
    assert_int_equal(slots_find(slots, IMAGE_FLAG, "pre", 3), 2); /* it exists */
    reopen(&r, 0);
    assert_string_equal(r.fault.cause, "");
    end(&r);
}

static void a_damaged_snapshot_is_published_anew(void **state)
{
    (void)state;
    struct rig r;
    char path[PATH_MAX];
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    const uint64_t generation = stats_of(&r).generation;
    publisher_close(r.p);
    snprintf(path, sizeof path, "%s/x.%016x", r.dir, 1);
    assert_int_equal(chmod(path, 0644), 0);
    const int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "?", 1, 200), 1);
    close(fd);
    chmod(path, 0444);
    open_rig(&r, 0);
    assert_non_null(strstr(r.fault.cause, "extent.payload_checksum"));
    assert_true(put(&r, "a", "one"));
    publish(&r);
    assert_true(stats_of(&r).generation > generation);
    expect(&r, "a", "one");
    end(&r);
}

static void an_invalid_control_page_is_replaced_and_its_readers_sent_on(void **state)
{
    (void)state;
    struct rig r;
    size_t size;
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    const uint64_t generation = stats_of(&r).generation;
    publisher_close(r.p);
    char path[PATH_MAX];
    path_of(&r, "ctl", path);
    const struct image_control *const old = map_file(&r, "ctl", &size);
    const int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "????", 4, 0), 4);
    close(fd);
    open_rig(&r, 0);
    assert_int_equal(atomic_load(&old->generation), UINT64_MAX);
    assert_int_equal(atomic_load(&old->agent_state), IMAGE_AGENT_MOVED);
    munmap((void *)(uintptr_t)old, size);
    assert_true(put(&r, "a", "one")); /* nothing can be adopted: the seed of the sets is lost */
    publish(&r);
    assert_true(stats_of(&r).generation > generation);
    expect(&r, "a", "one");
    assert_int_equal(count_files(&r, "s."), 1);
    assert_int_equal(count_files(&r, "x."), 1);
    assert_int_equal(count_files(&r, "ctl"), 1);
    end(&r);
}

static void what_a_killed_agent_leaves_is_removed(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    publisher_close(r.p);
    write_file(&r, "x.00000000000000ff", "orphan", 6);
    write_file(&r, "s.00000001000000ff", "never announced", 15);
    write_file(&r, "s.0000000000000001", "not a head", 10);
    write_file(&r, "s.junk", "junk", 4);
    write_file(&r, "x.", "junk", 4);
    write_file(&r, "ctl.new", "junk", 4);
    write_file(&r, "notes.txt", "mine", 4);
    open_rig(&r, 0);
    assert_int_equal(count_files(&r, "s."), 1);
    assert_int_equal(count_files(&r, "x."), 1);
    assert_int_equal(count_files(&r, "ctl"), 1);
    assert_int_equal(count_files(&r, "notes.txt"), 1);
    expect(&r, "a", "one");
    end(&r);
}

static void a_second_agent_is_told_who_holds_the_directory(void **state)
{
    (void)state;
    struct rig r;
    char pid[32];
    begin(&r);
    open_rig(&r, 0);
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    assert_null(try_open(&r, 0));
    assert_non_null(strstr(r.fault.cause, pid));
    assert_string_equal(r.fault.file, r.dir);
    put(&r, "a", "one");
    publish(&r); /* and the first one goes on */
    expect(&r, "a", "one");
    reopen(&r, 0); /* free again */
    end(&r);
}

/* Only who could open the lock file when it was readable for all can do that. */
static void a_read_lock_is_not_taken_for_an_agent(void **state)
{
    (void)state;
    struct rig r;
    char path[PATH_MAX];
    begin(&r);
    open_rig(&r, 0);
    publisher_close(r.p);
    path_of(&r, "agent.lock", path);
    const int fd = open(path, O_RDONLY);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    r.p = try_open(&r, 0);
    assert_null(r.p);
    assert_null(strstr(r.fault.cause, "pid"));
    assert_non_null(strstr(r.fault.cause, "no agent"));
    close(fd);
    open_rig(&r, 0);
    end(&r);
}

/* Forks, so that a lock that belonged to the process would show. */
static void the_lock_is_of_the_open_file(void **state)
{
    (void)state;
    struct rig r;
    char path[PATH_MAX];
    begin(&r);
    open_rig(&r, 0);
    path_of(&r, "agent.lock", path);
    close(open(path, O_RDWR)); /* drops a lock of the process */
    const pid_t child = fork();
    if (child == 0) {
        _exit(try_open(&r, 0) == NULL ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    const int fd = open(path, O_RDONLY);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
    assert_int_equal(lock.l_type, F_WRLCK);
    close(fd);
    end(&r);
}

static void directories_and_files_have_their_modes_whatever_the_umask(void **state)
{
    (void)state;
    struct rig r;
    struct stat st;
    char path[PATH_MAX];
    begin(&r);
    const mode_t before = umask(0077);
    open_rig(&r, 0);
    publish(&r);
    umask(before);
    assert_int_equal(stat(r.dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    path_of(&r, "ctl", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    path_of(&r, "agent.lock", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(chmod(path, 0644), 0); /* as earlier versions made it */
    reopen(&r, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    path_of(&r, "x.0000000000000001", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
    end(&r);
}

static void bad_directories_are_named(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    snprintf(r.dir, sizeof r.dir, "%s/open", r.base);
    assert_int_equal(mkdir(r.dir, 0777), 0);
    assert_int_equal(chmod(r.dir, 0777), 0);
    assert_null(try_open(&r, 0));
    assert_non_null(strstr(r.fault.cause, "every user"));
    snprintf(r.dir, sizeof r.dir, "%s", r.base);
    write_file(&r, "file", "x", 1);
    snprintf(r.dir, sizeof r.dir, "%s/file/deeper", r.base);
    assert_null(try_open(&r, 0));
    assert_string_not_equal(r.fault.cause, "");
    snprintf(r.dir, sizeof r.dir, "%s/file", r.base);
    assert_null(try_open(&r, 0));
    assert_string_not_equal(r.fault.cause, "");
    r.dir[0] = '\0';
    assert_null(try_open(&r, 0));
    end(&r);
}

/* Readers would refuse every file of such an agent. */
static void a_directory_of_another_user_is_refused(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        end(&r);
        skip();
    }
    assert_int_equal(chmod(r.base, 0775), 0);
    assert_int_equal(chown(r.base, 0, 1234), 0);
    snprintf(r.dir, sizeof r.dir, "%s", r.base);
    assert_int_equal(setegid(1234), 0);
    assert_int_equal(seteuid(1234), 0);
    r.p = try_open(&r, 0);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(setegid(0), 0);
    assert_null(r.p);
    assert_non_null(strstr(r.fault.cause, "user 1234"));
    assert_int_equal(count_files(&r, "ctl"), 0);
    assert_int_equal(chown(r.base, 1234, 1234), 0);
    r.p = try_open(&r, 0); /* root could, and would publish what another user can replace */
    assert_null(r.p);
    assert_string_equal(r.fault.cause,
                        "the directory belongs to uid 1234, not to this agent's user 0");
    assert_string_equal(r.fault.hint, "remove it, or choose another with --dir");
    assert_int_equal(count_files(&r, "ctl"), 0);
    end(&r);
}

static struct publisher *open_default(struct rig *r)
{
    const struct publisher_options options = {.dir = r->dir, .is_default_dir = true};
    return publisher_open(&options, &r->fault);
}

static void a_default_directory_below_another_users_is_refused(void **state)
{
    (void)state;
    struct rig r;
    char parent[80];
    begin(&r);
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        end(&r);
        skip();
    }
    snprintf(parent, sizeof parent, "%s/a", r.base);
    r.p = open_default(&r); /* makes both */
    assert_non_null(r.p);
    publisher_close(r.p);
    r.p = NULL;
    assert_int_equal(chown(parent, 1234, 1234), 0);
    assert_null(open_default(&r));
    assert_string_equal(r.fault.file, parent);
    assert_string_equal(r.fault.cause,
                        "the directory belongs to uid 1234, not to this agent's user 0");
    assert_int_equal(chown(parent, 0, 0), 0);
    assert_int_equal(chmod(parent, 0777), 0);
    assert_null(open_default(&r));
    assert_non_null(strstr(r.fault.cause, "every user"));
    assert_int_equal(chmod(parent, 0755), 0);
    char moved[80];
    snprintf(moved, sizeof moved, "%s/moved", r.base);
    assert_int_equal(rename(parent, moved), 0);
    assert_int_equal(symlink("moved", parent), 0);
    assert_int_equal(lchown(parent, 1234, 1234), 0);
    assert_null(open_default(&r));
    assert_non_null(strstr(r.fault.cause, "uid 1234"));
    r.p = try_open(&r, 0); /* a directory that somebody names is theirs to judge */
    assert_non_null(r.p);
    end(&r);
}

static void a_removed_or_replaced_store_is_gone(void **state)
{
    (void)state;
    struct rig r;
    char away[PATH_MAX];
    char path[PATH_MAX];
    begin(&r);
    open_rig(&r, 0);
    publish(&r);
    assert_false(publisher_is_gone(r.p));
    snprintf(away, sizeof away, "%s/away", r.base);
    assert_int_equal(rename(r.dir, away), 0);
    assert_true(publisher_is_gone(r.p));
    assert_int_equal(mkdir(r.dir, 0755), 0);
    assert_true(publisher_is_gone(r.p));
    assert_int_equal(rmdir(r.dir), 0);
    assert_int_equal(rename(away, r.dir), 0);
    assert_false(publisher_is_gone(r.p));
    path_of(&r, "ctl", path);
    assert_int_equal(unlink(path), 0);
    assert_true(publisher_is_gone(r.p));
    end(&r);
}

static void what_cannot_be_taken_over_is_named_with_its_owner(void **state)
{
    (void)state;
    struct rig r;
    char path[PATH_MAX];
    begin(&r);
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        end(&r);
        skip();
    }
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    publisher_close(r.p);
    path_of(&r, "s.0000000100000001", path);
    assert_int_equal(chown(path, 1234, 1234), 0);
    open_rig(&r, 0);
    assert_non_null(strstr(r.fault.cause, "its head belongs to uid 1234"));
    end(&r);
}

/* Another agent may have moved in; its files have the names that ours had. */
static void an_agent_whose_files_were_removed_leaves_those_of_the_next_alone(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 1);
    put(&r, "a", "one");
    publish(&r);
    struct publisher *const old = r.p;
    remove_all(r.dir);
    open_rig(&r, 1);
    put(&r, "a", "two");
    publish(&r);
    struct publisher *const next = r.p;
    r.p = old;
    put(&r, "a", "three");
    assert_int_equal(publisher_publish(old, false, &r.fault), -1);
    assert_non_null(strstr(r.fault.cause, "removed or replaced"));
    publisher_close(old);
    r.p = next;
    expect(&r, "a", "two");
    assert_int_equal(count_files(&r, "x."), 1);
    assert_int_equal(count_files(&r, "s."), 1);
    end(&r);
}

static void compaction_bounds_the_extents_and_keeps_the_content(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put_many(&r, 300, 200);
    unsigned compactions = 0;
    uint64_t moved = 0;
    for (unsigned i = 0; i < 600; i++) {
        char key[32];
        char value[32];
        snprintf(key, sizeof key, "flag-%u", (i * 7) % 300);
        snprintf(value, sizeof value, "value-%u", i);
        put_sized(&r, key, value, true, 200);
        publish(&r);
        if (publisher_wants_compaction(r.p)) {
            const struct publisher_stats before = stats_of(&r);
            assert_int_equal(publisher_compact(r.p, &r.fault), 0);
            const struct publisher_stats after = stats_of(&r);
            assert_memory_equal(before.digest, after.digest, sizeof after.digest);
            assert_true(after.generation > before.generation);
            assert_true(after.extents <= 8);
            assert_false(publisher_wants_compaction(r.p));
            expect(&r, key, value);
            compactions++;
            moved += after.bytes_written;
        }
        assert_true(stats_of(&r).extents <= 17);
    }
    const struct publisher_stats s = stats_of(&r);
    assert_int_equal(s.compactions, compactions);
    assert_true(compactions > 10);
    /* Rewriting everything each time would have moved about compactions * live_bytes. */
    assert_true(moved < compactions * s.live_bytes / 2);
    assert_true(s.extent_bytes <= 2 * s.live_bytes + 17 * 1024);
    for (unsigned i = 0; i < 300; i++) {
        char key[32];
        char value[32];
        snprintf(key, sizeof key, "flag-%u", (i * 7) % 300);
        snprintf(value, sizeof value, "value-%u", 300 + i);
        expect(&r, key, value);
    }
    reopen(&r, 0);
    assert_string_equal(r.fault.cause, "");
    assert_memory_equal(stats_of(&r).digest, s.digest, sizeof s.digest);
    end(&r);
}

static void urgent_publishes_alone_never_run_out_of_extents(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 4);
    put_many(&r, 200, 0);
    uint32_t most = 0;
    for (unsigned i = 0; i < 200; i++) {
        char key[32];
        snprintf(key, sizeof key, "flag-%u", i);
        put(&r, key, "urgent");
        publish(&r);
        most = stats_of(&r).extents > most ? stats_of(&r).extents : most;
    }
    assert_true(most > 16 && most <= IMAGE_MAX_EXTENTS);
    for (unsigned i = 0; i < 200; i += 20) {
        char key[32];
        snprintf(key, sizeof key, "flag-%u", i);
        expect(&r, key, "urgent");
    }
    end(&r);
}

static void compaction_leaves_pending_changes_pending(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put_many(&r, 40, 0);
    for (unsigned i = 0; i < 20; i++) {
        char key[32];
        snprintf(key, sizeof key, "flag-%u", i);
        put(&r, key, "second");
        publish(&r);
    }
    put(&r, "flag-1", "pending");
    put(&r, "new", "pending");
    take_away(&r, "flag-2");
    assert_true(publisher_wants_compaction(r.p));
    assert_int_equal(publisher_compact(r.p, &r.fault), 0);
    expect(&r, "flag-1", "second");
    expect(&r, "flag-2", "second");
    expect(&r, "new", NULL);
    publish(&r);
    expect(&r, "flag-1", "pending");
    expect(&r, "flag-2", NULL);
    expect(&r, "new", "pending");
    end(&r);
}

static void old_heads_go_and_their_extents_with_them(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 3);
    for (unsigned i = 0; i < 10; i++) {
        char value[16];
        snprintf(value, sizeof value, "%u", i);
        put(&r, "a", value);
        put(&r, "b", "same");
        publish(&r);
        assert_int_equal(count_files(&r, "s."), i < 3 ? i + 1 : 3);
        assert_int_equal(stats_of(&r).retained_heads, i < 3 ? i + 1 : 3);
    }
    /* The one with "b" and the index, and one for each retained value of "a". */
    assert_int_equal(count_files(&r, "x."), 4);
    reopen(&r, 2);
    assert_int_equal(count_files(&r, "s."), 2);
    assert_int_equal(count_files(&r, "x."), 3);
    expect(&r, "a", "9");
    end(&r);
}

static void set_descriptors(rlim_t soft, struct rlimit *was)
{
    assert_int_equal(getrlimit(RLIMIT_NOFILE, was), 0);
    const struct rlimit limit = {soft, was->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_failed_publish_changes_nothing_and_is_made_up_for(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    const int next_fd = open("/dev/null", O_RDONLY);
    close(next_fd);
    put(&r, "a", "two");
    for (unsigned allowed = 0; allowed < 2; allowed++) { /* a publish needs two descriptors */
        struct rlimit was;
        set_descriptors((rlim_t)next_fd + allowed, &was);
        const int result = publisher_publish(r.p, false, &r.fault);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        assert_int_equal(result, -1);
        assert_non_null(strstr(r.fault.cause, strerror(EMFILE)));
        assert_int_equal(stats_of(&r).failures, allowed + 1);
        assert_int_equal(count_files(&r, "x."), 1);
        assert_int_equal(count_files(&r, "s."), 1);
        expect(&r, "a", "one");
    }
    publish(&r);
    expect(&r, "a", "two");
    end(&r);
}

/* What cannot be read for want of a descriptor is not damaged: it must neither be removed nor be
   published anew with other versions. */
static void a_start_that_fails_removes_nothing(void **state)
{
    (void)state;
    struct rig r;
    unsigned failed = 0;
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    put(&r, "b", "one");
    publish(&r);
    const struct publisher_stats before = stats_of(&r);
    publisher_close(r.p);
    const int next_fd = open("/dev/null", O_RDONLY);
    close(next_fd);
    for (unsigned allowed = 0; allowed < 6; allowed++) {
        struct rlimit was;
        set_descriptors((rlim_t)next_fd + allowed, &was);
        r.p = try_open(&r, 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        failed += r.p == NULL;
        assert_int_equal(r.p == NULL, r.fault.cause[0] != '\0');
        publisher_close(r.p);
        expect(&r, "a", "one");
        expect(&r, "b", "one");
    }
    assert_true(failed >= 3 && failed < 6);
    open_rig(&r, 0);
    assert_string_equal(r.fault.cause, "");
    assert_int_equal(stats_of(&r).generation, before.generation);
    assert_int_equal(stats_of(&r).retained_heads, 2);
    end(&r);
}

static void a_name_that_is_taken_fails_once_and_nothing_is_left(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    open_rig(&r, 0);
    put(&r, "a", "one");
    publish(&r);
    put(&r, "a", "two");
    write_file(&r, "x.0000000000000002", "taken", 5);
    assert_int_equal(publisher_publish(r.p, true, &r.fault), -1);
    write_file(&r, "s.0000000100000003", "taken", 5);
    assert_int_equal(publisher_publish(r.p, true, &r.fault), -1);
    assert_int_equal(count_files(&r, "x."), 2); /* x.3 was named, and taken back */
    expect(&r, "a", "one");
    publish(&r);
    expect(&r, "a", "two");
    end(&r);
}

#ifdef FFSHM_TEST_POINTS
static int killed_at;

void ffshm_test_point(int id);
void ffshm_test_point(int id)
{
    if (id == killed_at) {
        raise(SIGKILL);
    }
}

/* In a child: a start, and a publish that changes, adds and removes. */
static void live_dangerously(struct rig *r)
{
    r->p = try_open(r, 2);
    if (r->p) {
        put(r, "a", "new");
        put(r, "c", "new");
        take_away(r, "b");
        publisher_publish(r->p, true, &r->fault);
    }
    _exit(0);
}

static void a_kill_at_any_step_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    for (int point = 1; point <= 18; point++) {
        for (int fresh = 0; fresh < 3; fresh++) { /* 0: a store, 1: none, 2: one with a bad page */
            struct rig r;
            begin(&r);
            for (unsigned i = 0; fresh != 1 && i < 2; i++) {
                open_rig(&r, 2);
                put(&r, "a", i ? "old" : "older");
                put(&r, "b", "old");
                publish(&r);
                publisher_close(r.p);
                r.p = NULL;
            }
            if (fresh == 2) {
                write_file(&r, "ctl", "bad", 3);
            }
            const pid_t child = fork();
            if (child == 0) {
                killed_at = point;
                live_dangerously(&r);
            }
            int status = 0;
            assert_int_equal(waitpid(child, &status, 0), child);
            if (fresh == 0) {
                expect(&r, "a", WIFSIGNALED(status) && point < 15 ? "old" : "new");
                expect(&r, "b", WIFSIGNALED(status) && point < 15 ? "old" : NULL);
                expect(&r, "c", WIFSIGNALED(status) && point < 15 ? NULL : "new");
            }
            open_rig(&r, 2);
            put(&r, "a", "newest");
            publish(&r);
            expect(&r, "a", "newest");
            assert_true(count_files(&r, "s.") <= 2);
            assert_true(count_files(&r, "x.") <= 4);
            assert_int_equal(count_files(&r, "ctl"), 1);
            end(&r);
        }
    }
}
#else
static void a_kill_at_any_step_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    print_message("needs a build with FFSHM_TEST_POINTS: skipped\n");
    skip();
}
#endif

static void a_full_filesystem_fails_cleanly(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    if (mount("tmpfs", r.base, "tmpfs", 0, "size=256k,mode=0755") != 0) {
        print_message("needs the right to mount a tmpfs: skipped\n");
        rmdir(r.base);
        skip();
    }
    open_rig(&r, 2);
    put_many(&r, 20, 0);
    int result = 0;
    unsigned fitted = 0;
    for (unsigned i = 0; i < 40 && result == 0; i++) {
        char key[32];
        snprintf(key, sizeof key, "large-%u", i);
        put_sized(&r, key, "x", true, 20000);
        result = publisher_publish(r.p, true, &r.fault);
        fitted += result == 0;
    }
    assert_int_equal(result, -1);
    assert_true(fitted > 2);
    assert_non_null(strstr(r.fault.cause, strerror(ENOSPC)));
    assert_string_not_equal(r.fault.hint, "");
    assert_int_equal(stats_of(&r).failures, 1);
    expect(&r, "flag-3", "first");
    expect(&r, "large-0", "x");
    char key[32];
    snprintf(key, sizeof key, "large-%u", fitted);
    expect(&r, key, NULL);
    const unsigned files = count_files(&r, "x.");
    assert_int_equal(publisher_publish(r.p, true, &r.fault), -1); /* leaves nothing behind */
    assert_int_equal(count_files(&r, "x."), files);
    assert_int_equal(count_files(&r, "s."), 1);
    assert_int_equal(mount("tmpfs", r.base, "tmpfs", MS_REMOUNT, "size=4m,mode=0755"), 0);
    publish(&r);
    expect(&r, key, "x");
    publisher_close(r.p);
    r.p = NULL;
    assert_int_equal(umount(r.base), 0);
    end(&r);
}

static void what_is_only_retained_makes_room_for_a_publish(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    if (mount("tmpfs", r.base, "tmpfs", 0, "size=256k,mode=0755") != 0) {
        print_message("needs the right to mount a tmpfs: skipped\n");
        rmdir(r.base);
        skip();
    }
    open_rig(&r, 16);
    for (unsigned i = 0; i < 40; i++) {
        char value[16];
        snprintf(value, sizeof value, "%u", i);
        put_sized(&r, "large", value, true, 40000);
        publish(&r);
        expect(&r, "large", value);
    }
    assert_int_equal(stats_of(&r).failures, 0);
    assert_true(stats_of(&r).retained_heads > 1);
    publisher_close(r.p);
    r.p = NULL;
    assert_int_equal(umount(r.base), 0);
    end(&r);
}

static void a_store_starts_on_a_filesystem_of_any_size_or_says_why_not(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    for (unsigned pages = 1; pages < 12; pages++) {
        char size[64];
        snprintf(size, sizeof size, "size=%uk,mode=0755", pages * 4);
        if (mount("tmpfs", r.base, "tmpfs", 0, size) != 0) {
            print_message("needs the right to mount a tmpfs: skipped\n");
            rmdir(r.base);
            skip();
        }
        r.p = try_open(&r, 0);
        if (!r.p) {
            assert_string_not_equal(r.fault.cause, "");
        } else {
            put(&r, "a", "one");
            if (publisher_publish(r.p, false, &r.fault) == 0) {
                expect(&r, "a", "one");
            } else {
                assert_string_not_equal(r.fault.cause, "");
            }
        }
        publisher_close(r.p);
        r.p = NULL;
        assert_int_equal(umount(r.base), 0);
    }
    end(&r);
}

static void heartbeat_and_states_are_on_the_page(void **state)
{
    (void)state;
    struct rig r;
    struct view v;
    begin(&r);
    open_rig(&r, 0);
    publisher_heartbeat(r.p, IMAGE_SOURCE_INTERRUPTED);
    publish(&r);
    view_open(&r, &v);
    assert_int_equal(atomic_load(&v.ctl->heartbeat_ms), fixed_time());
    assert_int_equal(atomic_load(&v.ctl->source_state), IMAGE_SOURCE_INTERRUPTED);
    assert_int_equal(atomic_load(&v.ctl->wake), 1);
    publisher_close(r.p);
    r.p = NULL;
    assert_int_equal(atomic_load(&v.ctl->agent_state), IMAGE_AGENT_STOPPED);
    assert_true(atomic_load(&v.ctl->generation) != 0); /* the snapshot stays */
    view_close(&v);
    end(&r);
}

/* A long random life, checked against a model of it, with restarts. */
static void any_sequence_of_changes_ends_in_what_it_says(void **state)
{
    (void)state;
    enum { KEYS = 60 };
    static char model[KEYS][16];
    struct rig r;
    begin(&r);
    open_rig(&r, 5);
    publish(&r);
    uint64_t random = 88172645463325252u;
    for (unsigned step = 0; step < 3000; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        char key[16];
        const unsigned k = (unsigned)(random >> 8) % KEYS;
        snprintf(key, sizeof key, "key-%u", k);
        switch (random % 16) {
        case 0:
        case 1:
            take_away(&r, key);
            model[k][0] = '\0';
            break;
        case 2:
        case 3:
            assert_int_equal(publisher_publish(r.p, (random >> 20) % 2 == 0, &r.fault), 0);
            break;
        case 4:
            if (publisher_wants_compaction(r.p)) {
                assert_int_equal(publisher_compact(r.p, &r.fault), 0);
            }
            break;
        case 5:
            if (step % 5 == 0) {
                publish(&r);
                reopen(&r, 5);
                assert_string_equal(r.fault.cause, "");
            }
            break;
        default:
            snprintf(model[k], sizeof model[k], "%u", step % 40 + 1);
            put_sized(&r, key, model[k], true, random % 500);
            break;
        }
    }
    publish(&r);
    for (unsigned k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", k);
        expect(&r, key, model[k][0] ? model[k] : NULL);
    }
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_publish_may_be_empty),
        cmocka_unit_test(flags_appear_change_and_go),
        cmocka_unit_test(versions_count_changes_of_content),
        cmocka_unit_test(another_version_that_is_stated_is_published_also_of_the_same_content),
        cmocka_unit_test(changes_that_come_back_publish_nothing),
        cmocka_unit_test(one_change_writes_one_blob_and_the_slot_table),
        cmocka_unit_test(the_digest_is_of_the_content_and_not_of_the_way_to_it),
        cmocka_unit_test(each_tells_what_will_be_there),
        cmocka_unit_test(a_restart_adopts_what_was_published),
        cmocka_unit_test(a_restart_keeps_the_slots_that_blobs_refer_to),
        cmocka_unit_test(a_damaged_snapshot_is_published_anew),
        cmocka_unit_test(an_invalid_control_page_is_replaced_and_its_readers_sent_on),
        cmocka_unit_test(what_a_killed_agent_leaves_is_removed),
        cmocka_unit_test(a_second_agent_is_told_who_holds_the_directory),
        cmocka_unit_test(the_lock_is_of_the_open_file),
        cmocka_unit_test(directories_and_files_have_their_modes_whatever_the_umask),
        cmocka_unit_test(bad_directories_are_named),
        cmocka_unit_test(a_directory_of_another_user_is_refused),
        cmocka_unit_test(a_default_directory_below_another_users_is_refused),
        cmocka_unit_test(a_removed_or_replaced_store_is_gone),
        cmocka_unit_test(what_cannot_be_taken_over_is_named_with_its_owner),
        cmocka_unit_test(a_read_lock_is_not_taken_for_an_agent),
        cmocka_unit_test(an_agent_whose_files_were_removed_leaves_those_of_the_next_alone),
        cmocka_unit_test(compaction_bounds_the_extents_and_keeps_the_content),
        cmocka_unit_test(urgent_publishes_alone_never_run_out_of_extents),
        cmocka_unit_test(compaction_leaves_pending_changes_pending),
        cmocka_unit_test(old_heads_go_and_their_extents_with_them),
        cmocka_unit_test(a_failed_publish_changes_nothing_and_is_made_up_for),
        cmocka_unit_test(a_start_that_fails_removes_nothing),
        cmocka_unit_test(a_name_that_is_taken_fails_once_and_nothing_is_left),
        cmocka_unit_test(a_kill_at_any_step_leaves_the_old_or_the_new),
        cmocka_unit_test(a_full_filesystem_fails_cleanly),
        cmocka_unit_test(what_is_only_retained_makes_room_for_a_publish),
        cmocka_unit_test(a_store_starts_on_a_filesystem_of_any_size_or_says_why_not),
        cmocka_unit_test(heartbeat_and_states_are_on_the_page),
        cmocka_unit_test(any_sequence_of_changes_ends_in_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
