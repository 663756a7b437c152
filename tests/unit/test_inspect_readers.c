/* Which processes map which snapshots: lines of /proc, and a /proc of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ffshm.h"
#include "inspect/inspect_maps.h"
#include "inspect/inspect_readers.h"
#include "live_store.h"

/* ---- lines ---------------------------------------------------------------------------------- */

static bool parse(const char *text, struct maps_line *out)
{
    static char line[512];
    snprintf(line, sizeof line, "%s", text);
    return maps_parse(line, out);
}

static void a_mapping_of_a_file_is_read(void **state)
{
    (void)state;
    struct maps_line m;
    assert_true(parse("7f00a000-7f00b000 r--s 00000000 fe:1b 42     /dev/shm/x/ctl\n", &m));
    assert_int_equal(m.inode, 42);
    assert_int_equal(m.device, makedev(0xfe, 0x1b));
    assert_string_equal(m.path, "/dev/shm/x/ctl");
    assert_false(m.writable);
    assert_false(m.deleted);
    assert_true(
        parse("7f00a000-7f00b000 rw-s 00001000 00:19 18446744073709551615 /a b (deleted)", &m));
    assert_true(m.writable);
    assert_true(m.deleted);
    assert_string_equal(m.path, "/a b");
    assert_true(parse("0-1 ---p 0 0:0 0 / (deleted)\n", &m));
    assert_string_equal(m.path, "/");
}

static void what_is_no_mapping_of_a_file_is_none(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "\n",
        "7f00a000-7f00b000 r--s 00000000 00:00 0",
        "7f00a000-7f00b000 rw-p 00000000 00:00 0          [heap]",
        "7f00a000-7f00b000 rw-p 00000000 00:00 0          anon_inode:[x]",
        "7f00a000 r--s 00000000 fe:1b 42 /a",
        "7f00a000-7f00b000 r--s",
        "7f00a000-7f00b000 r--s 00000000",
        "7f00a000-7f00b000 r--s 00000000 fe1b 42 /a",
        "7f00a000-7f00b000 r--s 00000000 fe: 42 /a",
        "7f00a000-7f00b000 r--s 00000000 fe:1b x /a",
        "7f00a000-7f00b000 r--s 00000000 fe:1b -1 /a",
        "7f00a000-7f00b000 r--s 00000000 fffffffff:0 1 /a",
        "7f00a000-7f00b000 r--s 00000000 fe:1b 18446744073709551616 /a",
        "g-h r--s 00000000 fe:1b 42 /a",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct maps_line m;
        if (parse(lines[i], &m)) {
            fail_msg("it is taken for one: %s", lines[i]);
        }
    }
}

static void files_of_a_store_are_known_by_their_names(void **state)
{
    (void)state;
    size_t directory;
    uint64_t generation = 0;
    assert_int_equal(maps_kind("/run/x/ctl", &directory, &generation), MAPS_CONTROL);
    assert_int_equal(directory, 6);
    assert_int_equal(maps_kind("/run/x/s.000000010000000a", &directory, &generation), MAPS_HEAD);
    assert_int_equal(generation, 0x10000000a);
    static const char *const others[] = {"/run/x/ctl2",  "/run/x/xctl",
                                         "/run/x/s.1",   "/run/x/s.000000010000000A",
                                         "/run/x/s.",    "/run/x/x.000000010000000a",
                                         "/run/x/acks",  "/run/x/s.000000010000000a0",
                                         "/run/ctl/lib", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(maps_kind(others[i], &directory, &generation), MAPS_OTHER);
    }
}

static void a_readers_lock_is_read_and_no_other(void **state)
{
    (void)state;
    struct maps_lock lock;
    assert_true(maps_parse_lock("12: FLOCK  ADVISORY  READ 4711 00:1b:42 0 EOF\n", &lock));
    assert_int_equal(lock.pid, 4711);
    assert_int_equal(lock.device, makedev(0, 0x1b));
    assert_int_equal(lock.inode, 42);
    static const char *const others[] = {
        "12: FLOCK  ADVISORY  WRITE 4711 00:1b:42 0 EOF",
        "12: POSIX  ADVISORY  READ 4711 00:1b:42 0 EOF",
        "12: OFDLCK ADVISORY  READ -1 00:1b:42 0 EOF",
        "12: -> FLOCK  ADVISORY  READ 4711 00:1b:42 0 EOF",
        "12: FLOCK  ADVISORY  READ 0 00:1b:42 0 EOF",
        "12: FLOCK  ADVISORY  READ 99999999999 00:1b:42 0 EOF",
        "12: FLOCK  ADVISORY  READ 4711 00:1b 0 EOF",
        "12: FLOCK  ADVISORY  READ",
        "FLOCK  ADVISORY  READ 4711 00:1b:42 0 EOF",
        "",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (maps_parse_lock(others[i], &lock)) {
            fail_msg("it is taken for one: %s", others[i]);
        }
    }
}

static void threads_of_the_kernel_are_known_by_their_flags(void **state)
{
    (void)state;
    assert_true(maps_is_kernel("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0\n"));
    assert_true(maps_is_kernel("9 (a) b) c) S 2 0 0 0 -1 2129984 0 0\n"));
    assert_false(maps_is_kernel("42 (bash) S 1 42 42 34816 42 4194304 0 0\n"));
    assert_false(maps_is_kernel("42 (bash) S 1 42"));
    assert_false(maps_is_kernel("42 bash"));
    assert_false(maps_is_kernel(""));
}

/* ---- a /proc of the test's own -------------------------------------------------------------- */

struct fixture {
    struct live_store store;
    char proc[64];
    unsigned long inode; /* of the control page */
    unsigned high, low;  /* its device */
    struct readers found;
};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    char path[96];
    struct stat st;
    live_store_open(&f.store);
    live_store_publish(&f.store);
    snprintf(f.proc, sizeof f.proc, "/dev/shm/ffshm-proc-XXXXXX");
    snprintf(path, sizeof path, "%s/ctl", f.store.dir);
    if (!mkdtemp(f.proc) || stat(path, &st) != 0) {
        return -1;
    }
    f.inode = st.st_ino;
    f.high = major(st.st_dev);
    f.low = minor(st.st_dev);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    readers_free(&f.found);
    live_store_close(&f.store);
    snprintf(command, sizeof command, "rm -rf '%s'", f.proc);
    return system(command);
}

static void write_file(const char *name, const char *text, size_t length)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", f.proc, name);
    FILE *const out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, length, out), length);
    assert_int_equal(fclose(out), 0);
}

/* A process with these files. */
static void process(const char *pid, const char *cmdline, size_t length, const char *maps)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", f.proc, pid);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/cmdline", pid);
    write_file(path, cmdline, length);
    snprintf(path, sizeof path, "%s/comm", pid);
    write_file(path, "name\n", 5);
    snprintf(path, sizeof path, "%s/maps", pid);
    write_file(path, maps, strlen(maps));
}

/* A line of maps, of the store's device: its control page where inode is 0. */
static void map(char *maps, const char *permissions, unsigned long inode, const char *directory,
                const char *name)
{
    const size_t used = strlen(maps);
    snprintf(maps + used, 4096 - used, "7f00-7f10 %s 00000000 %x:%x %lu   %s/%s\n", permissions,
             f.high, f.low, inode ? inode : f.inode, directory, name);
}

static void find(void)
{
    readers_free(&f.found);
    assert_int_equal(readers_find(f.proc, f.store.dir, &f.found), 0);
}

static void readers_are_found_with_what_they_map(void **state)
{
    (void)state;
    char maps[4096] = "7f00-7f10 r-xp 00000000 fe:00 1    /usr/bin/true\n";
    map(maps, "r--s", 0, f.store.dir, "ctl");
    map(maps, "r--s", 7, f.store.dir, "s.0000000100000005");
    map(maps, "r--s", 8, f.store.dir, "s.0000000100000003 (deleted)");
    map(maps, "r--s", 8, f.store.dir, "s.0000000100000003 (deleted)");
    map(maps, "r--s", 9, "/dev/shm/other", "s.0000000100000009");
    process("300", "a\0-b c\0", 7, maps);
    process("299", "none\0", 5, "7f00-7f10 r-xp 00000000 fe:00 1    /usr/bin/true\n");
    maps[0] = '\0';
    map(maps, "r--s", 0, "/elsewhere/in/a/container", "ctl");
    map(maps, "r--s", 7, "/elsewhere/in/a/container", "s.0000000100000005");
    map(maps, "r--s", 7, f.store.dir, "s.0000000100000006");
    process("20", "", 0, maps);
    process("self", "x", 1, maps); /* no process */
    process("30x", "x", 1, maps);
    find();
    assert_int_equal(f.found.count, 2);
    assert_int_equal(f.found.unseen, 0);
    const struct reader *r = &f.found.of[0];
    assert_int_equal(r->pid, 20);
    assert_string_equal(r->command, "name");
    assert_int_equal(r->count, 1);
    assert_int_equal(r->generations[0], 0x100000005);
    r = &f.found.of[1];
    assert_int_equal(r->pid, 300);
    assert_int_equal(r->uid, geteuid());
    assert_string_equal(r->command, "a -b c");
    assert_int_equal(r->count, 2);
    assert_int_equal(r->generations[0], 0x100000003);
    assert_int_equal(r->generations[1], 0x100000005);
    assert_false(r->writes || r->replaced || r->by_lock);
}

static void the_agent_and_readers_of_a_store_that_is_gone_are_told_apart(void **state)
{
    (void)state;
    char maps[4096] = "";
    map(maps, "rw-s", 0, "", "#42 (deleted)"); /* as it is mapped before it has a name */
    process("1", "ffagent\0", 8, maps);
    maps[0] = '\0';
    map(maps, "r--s", f.inode + 1000, f.store.dir, "ctl (deleted)");
    map(maps, "r--s", 7, f.store.dir, "s.0000000100000001 (deleted)");
    process("2", "old\0", 4, maps);
    maps[0] = '\0';
    map(maps, "r--s", 0, f.store.dir, "ctl");
    process("3", "new\0", 4, maps);
    find();
    assert_int_equal(f.found.count, 3);
    assert_true(f.found.of[0].writes);
    assert_int_equal(f.found.of[0].count, 0);
    assert_true(f.found.of[1].replaced);
    assert_int_equal(f.found.of[1].count, 1);
    assert_false(f.found.of[2].replaced || f.found.of[2].writes);
    assert_int_equal(f.found.of[2].count, 0);
}

/* Of more generations than are told the newest; a thousand other files; a line without an end. */
static void what_a_process_maps_is_bounded(void **state)
{
    (void)state;
    char maps[4096] = "";
    char name[32];
    map(maps, "r--s", 0, f.store.dir, "ctl");
    for (unsigned i = 1; i <= 20; i++) {
        snprintf(name, sizeof name, "s.%016x", (i * 7) % 20 + 1);
        map(maps, "r--s", i, f.store.dir, name);
    }
    process("5", "x\0", 2, maps);
    const size_t size = 3 << 20;
    char *const many = malloc(size);
    char *at = many;
    for (int i = 0; i < 1000; i++) {
        at += snprintf(at, 80, "7f00-7f10 r--s 00000000 fe:00 %d    /some/file\n", i);
    }
    memset(at, 'x', 100000);
    at += 100000;
    *at++ = '\n';
    char tail[4096] = "";
    map(tail, "r--s", 0, f.store.dir, "ctl");
    map(tail, "r--s", 7, f.store.dir, "s.0000000100000005");
    strcpy(at, tail);
    process("6", "y\0", 2, many);
    free(many);
    find();
    assert_int_equal(f.found.count, 2);
    assert_int_equal(f.found.of[0].count, READERS_GENERATIONS);
    for (unsigned i = 0; i < READERS_GENERATIONS; i++) {
        assert_int_equal(f.found.of[0].generations[i], i + 5);
    }
    assert_int_equal(f.found.of[1].count, 1);
}

static void processes_that_end_meanwhile_and_odd_ones_are_passed_over(void **state)
{
    (void)state;
    char path[96];
    char maps[4096] = "";
    snprintf(path, sizeof path, "%s/7", f.proc);
    assert_int_equal(mkdir(path, 0755), 0); /* its files are gone */
    snprintf(path, sizeof path, "%s/8", f.proc);
    assert_int_equal(symlink("/nonexistent", path), 0);
    write_file("9", "", 0); /* not even a directory */
    map(maps, "r--s", 0, f.store.dir, "ctl");
    process("10", "x\0", 2, maps);
    find();
    assert_int_equal(f.found.count, 1);
    assert_int_equal(f.found.of[0].pid, 10);
    readers_free(&f.found);
    assert_int_equal(readers_find("/nonexistent", f.store.dir, &f.found), -1);
    assert_int_equal(errno, ENOENT);
}

/* The real one: this very process. */
static void this_process_is_found_while_it_has_the_store_open(void **state)
{
    (void)state;
    struct ffshm *const ff = ffshm_open(f.store.dir, NULL);
    struct ffshm_status status;
    ffshm_status(ff, &status);
    struct readers found;
    bool seen = false;
    assert_int_equal(readers_find("/proc", f.store.dir, &found), 0);
    for (size_t i = 0; i < found.count; i++) {
        const struct reader *const r = &found.of[i];
        if (r->pid == getpid()) {
            seen = true;
            assert_int_equal(r->count, 1);
            assert_int_equal(r->generations[0], status.generation);
            assert_true(r->writes); /* it is the publisher as well */
        }
    }
    assert_true(seen);
    readers_free(&found);
    ffshm_close(ff);
}

int main(void)
{
#define WITH_PROC(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_of_a_file_is_read),
        cmocka_unit_test(what_is_no_mapping_of_a_file_is_none),
        cmocka_unit_test(files_of_a_store_are_known_by_their_names),
        cmocka_unit_test(a_readers_lock_is_read_and_no_other),
        cmocka_unit_test(threads_of_the_kernel_are_known_by_their_flags),
        WITH_PROC(readers_are_found_with_what_they_map),
        WITH_PROC(the_agent_and_readers_of_a_store_that_is_gone_are_told_apart),
        WITH_PROC(what_a_process_maps_is_bounded),
        WITH_PROC(processes_that_end_meanwhile_and_odd_ones_are_passed_over),
        WITH_PROC(this_process_is_found_while_it_has_the_store_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
