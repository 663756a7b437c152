/* What an agent that collects finds of migrations: the record, and the count of the evaluation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"
#include "telemetry_file.h"

static struct live_store store;
static struct ffshm *ff;
static struct ffshm_context who;
static uint8_t file[1 << 20]; /* what the process has told */

static void put(const char *key, const char *members, int variation)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"version\":7,\"on\":true,\"fallthrough\":{\"variation\":%d},%s\"variations\":"
                   "[\"off\",\"dualwrite\",\"shadow\",\"live\",\"rampdown\",\"complete\",\"Off\"]}",
                   variation, members);
    live_store_put_text(&store, IMAGE_FLAG, key, text);
}

/* A store whose agent collects: a directory to make files in, and what the control page says. */
static int set_up(void **state)
{
    (void)state;
    char path[128];
    live_store_open(&store);
    put("m", "", 2);
    put("rule",
        "\"rules\":[{\"id\":\"r-1\",\"variation\":3,\"clauses\":[]}],\"samplingRatio\":1,"
        "\"migration\":{\"checkRatio\":5},",
        0);
    put("wrong", "", 6);
    put("unsampled", "\"samplingRatio\":0,", 1);
    live_store_put_text(&store, IMAGE_FLAG, "fresh",
                        "{\"version\":0,\"on\":true,\"fallthrough\":{\"variation\":0},"
                        "\"variations\":[\"live\"]}");
    live_store_publish(&store);
    (void)snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY, store.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/ctl", store.dir);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct image_control *const page =
        mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    atomic_store(&page->telemetry_wants, IMAGE_WANTS_EVENTS);
    atomic_store(&page->telemetry_window, (uint64_t)1 << 32 | 1);
    (void)munmap(page, sizeof *page);
    (void)close(fd);
    ff = ffshm_open(store.dir, NULL);
    ffshm_context_init(&who, "org", "o:1");
    return ff == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    char path[128];
    ffshm_close(ff);
    (void)snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY, store.dir);
    DIR *const directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *e; (e = readdir(directory));) {
        (void)unlinkat(dirfd(directory), e->d_name, 0);
    }
    (void)closedir(directory);
    (void)rmdir(path);
    live_store_close(&store);
    return 0;
}

/* Reads the one file that there is. */
static const struct telemetry_header *collect(void)
{
    char path[512] = "";
    char directory_path[128];
    (void)snprintf(directory_path, sizeof directory_path, "%s/" TELEMETRY_DIRECTORY, store.dir);
    DIR *const directory = opendir(directory_path);
    assert_non_null(directory);
    for (const struct dirent *e; (e = readdir(directory));) {
        if (e->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", directory_path, e->d_name);
        }
    }
    (void)closedir(directory);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(pread(fd, file, sizeof file, 0) > (ssize_t)sizeof(struct telemetry_header));
    (void)close(fd);
    const void *const header = file;
    return header;
}

/* ---- msgpack, as text ---------------------------------------------------------------------- */

struct printer {
    const uint8_t *at;
    char *out;
};

static uint64_t big_endian(struct printer *p, unsigned bytes)
{
    uint64_t n = 0;
    while (bytes-- > 0) {
        n = n << 8 | *p->at++;
    }
    return n;
}

static void print_text(struct printer *p, size_t length)
{
    p->out += sprintf(p->out, "%.*s", (int)length, (const char *)p->at);
    p->at += length;
}

static void print_value(struct printer *p);

static void print_array(struct printer *p, size_t count)
{
    p->out += sprintf(p->out, "[");
    for (size_t i = 0; i < count; i++) {
        p->out += sprintf(p->out, i > 0 ? " " : "");
        print_value(p);
    }
    p->out += sprintf(p->out, "]");
}

static void print_number(struct printer *p, uint8_t type)
{
    if (type == 0xcb) {
        const uint64_t bits = big_endian(p, 8);
        double number;
        memcpy(&number, &bits, sizeof number);
        p->out += sprintf(p->out, "%g", number);
    } else if (type >= 0xcc && type <= 0xcf) {
        p->out += sprintf(p->out, "%llu", (unsigned long long)big_endian(p, 1U << (type - 0xcc)));
    } else {
        fail_msg("msgpack type %02x is not expected here", type);
    }
}

static void print_value(struct printer *p)
{
    const uint8_t type = *p->at++;
    if (type <= 0x7f) {
        p->out += sprintf(p->out, "%u", type);
    } else if (type >= 0xe0) {
        p->out += sprintf(p->out, "%d", (int8_t)type);
    } else if (type >= 0xa0 && type <= 0xbf) {
        print_text(p, type & 31);
    } else if (type == 0xd9) {
        print_text(p, big_endian(p, 1));
    } else if (type >= 0x90 && type <= 0x9f) {
        print_array(p, type & 15);
    } else if (type == 0xc0 || type == 0xc2 || type == 0xc3) {
        p->out += sprintf(p->out, type == 0xc0 ? "nil" : type == 0xc2 ? "false" : "true");
    } else {
        print_number(p, type);
    }
}

/* The migration records, a line each, without their time. */
static const char *migrations(void)
{
    static char text[8192];
    const struct telemetry_header *const header = collect();
    struct printer p = {NULL, text};
    text[0] = '\0';
    for (uint64_t at = 0; at < header->ring_tail;) {
        const uint8_t *const place = file + header->ring_offset + at;
        struct telemetry_record record;
        memcpy(&record, place, sizeof record);
        assert_int_equal(record.stamp, at ^ header->stamp_key);
        if (record.type == TELEMETRY_MIGRATION) {
            p.at = place + sizeof record;
            assert_int_equal(*p.at++, 0x9b); /* an array of eleven */
            assert_int_equal(*p.at, 0xcf);
            p.at += 9;
            for (unsigned i = 1; i < 11; i++) {
                print_value(&p);
                p.out += sprintf(p.out, i < 10 ? " " : "\n");
            }
        }
        at += (sizeof record + record.length + TELEMETRY_ALIGN - 1) / TELEMETRY_ALIGN *
              TELEMETRY_ALIGN;
    }
    return text;
}

/* Of a flag's variation (or, with as many as there are, of the fallback). */
static uint64_t count_of(const char *key, unsigned variation)
{
    const struct telemetry_header *const header = collect();
    uint64_t count = 0;
    for (uint64_t at = 0; at < header->arena_used;) {
        const uint8_t *const place = file + header->arena_offset + at;
        struct telemetry_block block;
        memcpy(&block, place, sizeof block);
        const size_t counters = (size_t)block.counter_count * sizeof(uint64_t);
        if (block.key_length == strlen(key) &&
            memcmp(place + sizeof block + counters, key, block.key_length) == 0) {
            uint64_t counter;
            memcpy(&counter, place + sizeof block + variation * sizeof counter, sizeof counter);
            count += counter;
        }
        at += (uint64_t)block.units * TELEMETRY_UNIT;
    }
    return count;
}

/* ---- the tests ----------------------------------------------------------------------------- */

static struct ffshm_migration begin(const char *flag, int operation)
{
    struct ffshm_migration m;
    (void)ffshm_migration_stage(ff, flag, &who, FFSHM_STAGE_DUALWRITE, &m);
    ffshm_migration_operation(&m, operation);
    return m;
}

static void an_operation_with_everything_is_recorded(void **state)
{
    (void)state;
    struct ffshm_migration m = begin("m", FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_NEW);
    ffshm_migration_error(&m, FFSHM_ORIGIN_NEW);
    ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, 1.5);
    ffshm_migration_latency(&m, FFSHM_ORIGIN_NEW, 20.25);
    ffshm_migration_consistent(&m, false);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    assert_string_equal(migrations(), "m 7 2 \"shadow\" \"dualwrite\" [2 0 nil nil nil false 0] 1 "
                                      "read [3 2 1.5 20.25 false 1] "
                                      "[[org o:1 nil false [] []]]\n");
}

static void what_was_not_told_is_not_recorded(void **state)
{
    (void)state;
    struct ffshm_migration m = begin("rule", FFSHM_OPERATION_WRITE);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_NEW);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    assert_string_equal(migrations(), "rule 7 3 \"live\" \"dualwrite\" [4 0 0 r-1 nil false 0] 1 "
                                      "write [2 0 nil nil nil 5] [[org o:1 nil false [] []]]\n");
}

static void the_first_version_of_a_flag_is_one(void **state)
{
    (void)state;
    struct ffshm_migration m = begin("fresh", FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_NEW);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    assert_string_equal(migrations(),
                        "fresh 0 0 \"live\" \"dualwrite\" [2 0 nil nil nil false 0] 1 "
                        "read [2 0 nil nil nil 1] [[org o:1 nil false [] []]]\n");
}

static void a_fallback_is_recorded_with_its_error(void **state)
{
    (void)state;
    struct ffshm_migration m = begin("wrong", FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, 0);
    ffshm_migration_consistent(&m, true);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_NEW);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    m = begin("none", FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    assert_string_equal(migrations(),
                        "wrong 7 nil \"dualwrite\" \"dualwrite\" [0 5 nil nil nil false 0] 1 "
                        "read [3 0 0 nil true 1] [[org o:1 nil false [] []]]\n"
                        "none nil nil \"dualwrite\" \"dualwrite\" [0 2 nil nil nil false 0] 1 "
                        "read [1 0 nil nil nil 1] [[org o:1 nil false [] []]]\n");
}

static void the_flags_sampling_ratio_leaves_records_out(void **state)
{
    (void)state;
    struct ffshm_migration m = begin("unsampled", FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    assert_string_equal(migrations(), "");
    assert_int_equal(count_of("unsampled", 1), 1);
}

/* As an evaluation of a string: a string that is no stage is the variation that was served. */
static void stages_are_counted_as_evaluations(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        (void)ffshm_migration_stage(ff, "m", &who, FFSHM_STAGE_OFF, NULL);
        (void)ffshm_migration_stage(ff, "wrong", &who, FFSHM_STAGE_OFF, NULL);
        (void)ffshm_migration_stage(ff, "none", &who, FFSHM_STAGE_OFF, NULL);
    }
    assert_int_equal(count_of("m", 2), 5);
    assert_int_equal(count_of("wrong", 6), 5);
    assert_int_equal(count_of("none", 0), 5);
    assert_string_equal(migrations(), "");
}

static void ignore(void *arg, const struct ffshm_hook_evaluation *e,
                   const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    (void)arg;
    (void)e;
    (void)result;
    (void)data;
}

static void evaluations_with_hooks_are_counted_once(void **state)
{
    (void)state;
    char text[16];
    struct ffshm_detail why;
    struct ffshm_view view;
    static struct ffshm_flag flag = FFSHM_FLAG("m");
    const struct ffshm_hook hook = {.size = sizeof hook, .after_evaluation = ignore};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    for (unsigned i = 0; i < 3; i++) {
        (void)ffshm_string(ff, "m", &who, "", text, sizeof text);
        (void)ffshm_flag_string(ff, &flag, &who, "", text, sizeof text);
        (void)ffshm_json_detail(ff, "m", &who, "", text, sizeof text, &why);
        (void)ffshm_migration_stage(ff, "m", &who, FFSHM_STAGE_OFF, NULL);
        ffshm_pin(ff, &view);
        (void)ffshm_evaluate(&view, "m", &who);
        ffshm_unpin(&view);
    }
    assert_int_equal(count_of("m", 2), 15);
    assert_false(ffshm_bool(ff, "m", &who, false)); /* the wrong type: the fallback was served */
    assert_int_equal(count_of("m", 7), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_operation_with_everything_is_recorded),
        TEST(what_was_not_told_is_not_recorded),
        TEST(the_first_version_of_a_flag_is_one),
        TEST(a_fallback_is_recorded_with_its_error),
        TEST(the_flags_sampling_ratio_leaves_records_out),
        TEST(stages_are_counted_as_evaluations),
        TEST(evaluations_with_hooks_are_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
