/*
 * test_telemetry_map.c - the files: made, grown, replaced, given up; and what is lost when they
 * cannot be had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "telemetry_map.h"
#include "told_store.h"

static struct told_store store;
static struct ffshm *ff;
static struct ffshm_context user;

static int setup(void **state)
{
    (void)state;
    told_store_open(&store);
    ff = store.ff;
    ffshm_context_init(&user, NULL, "ann");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    told_store_close(&store);
    return 0;
}

static void path_of(char path[512], const char *name)
{
    snprintf(path, 512, "%s/%s", store.live.dir, name);
}

/* The path of the only file. */
static void path_of_file(char path[512])
{
    path_of(path, TELEMETRY_DIRECTORY);
    DIR *d = opendir(path);
    assert_non_null(d);
    path[0] = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            assert_int_equal(path[0], 0);
            snprintf(path, 512, "%s/" TELEMETRY_DIRECTORY "/%.64s", store.live.dir, e->d_name);
        }
    }
    closedir(d);
    assert_int_not_equal(path[0], 0);
}

static uint64_t dropped_counts(void)
{
    return telemetry_totals(store.live.dir).dropped_counts;
}

static void in_child(int (*run)(void))
{
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(run());
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* ---- the file ---- */

static void a_file_is_locked_as_long_as_it_is_written(void **state)
{
    (void)state;
    char path[512];
    struct stat st;
    ffshm_bool(ff, "on", &user, false);
    path_of_file(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_blocks * 512, st.st_size); /* no hole */
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_not_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    /* A child neither has it nor keeps it locked. */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    ffshm_close(ff);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
    close(ends[0]);
    close(ends[1]);
    waitpid(child, NULL, 0);
    store.ff = ffshm_open(store.live.dir, NULL);
}

static void the_agents_group_may_read_where_the_directory_says_so(void **state)
{
    (void)state;
    char path[512];
    struct stat st;
    path_of(path, TELEMETRY_DIRECTORY);
    assert_int_equal(chmod(path, 02770), 0);
    ffshm_bool(ff, "on", &user, false);
    path_of_file(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

/* ---- more than fits ---- */

static void the_arena_grows(void **state)
{
    (void)state;
    telemetry_desk_window(&store.desk, 1, 1, false);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 5000; i++) {
            char key[40];
            snprintf(key, sizeof(key), "an-unknown-flag-%d", i);
            ffshm_bool(ff, key, &user, false);
        }
        assert_int_equal(telemetry_counted_all(store.live.dir), 5000 * round);
    }
    assert_int_equal(telemetry_counted(store.live.dir, "an-unknown-flag-4999", -1, -1), 2);
    const struct telemetry_totals totals = telemetry_totals(store.live.dir);
    assert_in_range(totals.arena_used, 5000 * TELEMETRY_UNIT, 5000 * 2 * TELEMETRY_UNIT);
    assert_int_equal(totals.dropped_counts, 0);
    assert_int_equal(telemetry_files(store.live.dir), 1);
}

static void it_goes_on_in_another_file(void **state)
{
    (void)state;
    telemetry_desk_window(&store.desk, 1, 1, false);
    ffshm_bool(ff, "on", &user, false);
    for (int i = 0; i < 70000; i++) { /* more than one file's nodes */
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        ffshm_bool(ff, key, &user, false);
    }
    ffshm_bool(ff, "on", &user, false);
    assert_int_equal(telemetry_files(store.live.dir), 2);
    assert_int_equal(telemetry_counted_all(store.live.dir), 70002);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 3, 1), 2);
    assert_int_equal(dropped_counts(), 0);
    /* The first one is given up, when nobody can be in the middle of it any more. */
    char path[512];
    path_of(path, TELEMETRY_DIRECTORY);
    told_store_flag(&store, "on", "{\"version\":4,\"on\":false,\"variations\":[]}");
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    unsigned held = 0;
    DIR *d = opendir(path);
    for (const struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            const int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
            held += flock(fd, LOCK_EX | LOCK_NB) != 0;
            close(fd);
        }
    }
    closedir(d);
    assert_int_equal(held, 1);
}

static void more_slots_than_rows_have_make_longer_rows(void **state)
{
    (void)state;
    telemetry_desk_window(&store.desk, 1, 1, false);
    ffshm_bool(ff, "on", &user, false);
    for (int i = 0; i < 4200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "many-%d", i);
        live_store_put_text(&store.live, IMAGE_FLAG, key,
                            "{\"version\":3,\"on\":true,\"variations\":[false,true],"
                            "\"fallthrough\":{\"variation\":1}}");
    }
    live_store_publish(&store.live);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4200; i++) {
            char key[16];
            snprintf(key, sizeof(key), "many-%d", i);
            assert_true(ffshm_bool(ff, key, &user, false));
        }
    }
    assert_int_equal(telemetry_counted_all(store.live.dir), 3 * 4200 + 1);
    assert_int_equal(telemetry_counted(store.live.dir, "many-4199", 3, 1), 3);
    assert_int_equal(telemetry_files(store.live.dir), 2);
}

/* Twice as many are more than the least that a file has room for. */
#define MANY 33000

static void put_many_flags(void)
{
    for (int i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof(key), "many-%d", i);
        live_store_put_text(&store.live, IMAGE_FLAG, key, "{\"version\":3,\"variations\":[]}");
    }
    live_store_publish(&store.live);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    telemetry_desk_window(&store.desk, 1, 1, false);
}

static void ask_for_unknown_ones(int count)
{
    for (int i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        ffshm_bool(ff, key, &user, false);
    }
}

static void many_flags_have_room_in_one_file(void **state)
{
    (void)state;
    put_many_flags();
    ask_for_unknown_ones(120000);
    assert_int_equal(telemetry_files(store.live.dir), 1);
    assert_int_equal(telemetry_counted_all(store.live.dir), 120000);
    assert_int_equal(dropped_counts(), 0);
}

/* Sanitizers need terabytes of it. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static int with_little_address_space(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    const bool read = f && fscanf(f, "%lu", &pages) == 1;
    if (f) {
        fclose(f);
    }
    /* Rows take 64 MiB; the rest 22 MiB at least, 44 with room for all flags. */
    const rlim_t most = pages * 4096 + (96u << 20);
    const struct rlimit limit = {most, RLIM_INFINITY};
    if (!read || setrlimit(RLIMIT_AS, &limit) != 0) {
        return 2;
    }
    ask_for_unknown_ones(1000);
    return 0;
}

static void with_little_address_space_many_flags_are_counted(void **state)
{
    (void)state;
    put_many_flags();
    in_child(with_little_address_space);
    assert_int_equal(telemetry_counted_all(store.live.dir), 1000);
    assert_int_equal(dropped_counts(), 0);
}
#endif

static void variations_beyond_all_measure_are_not_counted(void **state)
{
    (void)state;
    json_t *flag = json_pack("{s:i,s:b,s:[],s:{s:i}}", "version", 3, "on", 1, "variations",
                             "fallthrough", "variation", 4000);
    json_t *variations = json_object_get(flag, "variations");
    for (int i = 0; i < 4100; i++) {
        json_array_append_new(variations, json_integer(i));
    }
    live_store_put(&store.live, IMAGE_FLAG, "many", flag);
    live_store_publish(&store.live);
    json_decref(flag);
    assert_int_equal(ffshm_int(ff, "many", &user, 0), 4000);
    char key[1100];
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = 0;
    ffshm_bool(ff, key, &user, false);
    assert_int_equal(telemetry_counted_all(store.live.dir), 0);
    assert_int_equal(dropped_counts(), 2);
}

/* ---- nowhere to tell ---- */

static void without_a_directory_counts_are_lost_and_counted(void **state)
{
    (void)state;
    char path[512];
    char aside[512];
    struct ffshm_status status;
    path_of(path, TELEMETRY_DIRECTORY);
    path_of(aside, "aside");
    assert_int_equal(rename(path, aside), 0);
    for (int i = 0; i < 5; i++) {
        assert_true(ffshm_bool(ff, "on", &user, false));
        assert_true(ffshm_bool(ff, "tracked", &user, false));
    }
    ffshm_track(ff, "event", &user, 1);
    ffshm_status(ff, &status);
    assert_int_equal(status.dropped_events, 6);
    assert_int_equal(status.dropped_counts, 10);
    assert_int_equal(rename(aside, path), 0);
    for (int i = 0; i < 300 && telemetry_files(store.live.dir) == 0; i++) {
        ffshm_bool(ff, "on", &user, false);
        usleep(10000);
    }
    assert_int_equal(telemetry_files(store.live.dir), 1);
    const uint64_t lost = dropped_counts();
    assert_in_range(lost, 10, 60); /* 100 ms at first */
    ffshm_status(ff, &status);
    assert_int_equal(status.dropped_counts, lost);
    assert_int_equal(telemetry_totals(store.live.dir).dropped_events, 6);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 3, 1), 1);
    ffshm_status(ff, &status);
    assert_int_equal(status.dropped_events, 6);
}

/* Runs in a child, so that its limits and its user are its own. */
static bool is_served(int times)
{
    bool good = true;
    for (int i = 0; i < times; i++) {
        good = good && ffshm_bool(ff, "on", &user, false) &&
               ffshm_bool(ff, "tracked", &user, false) && ffshm_bool(ff, "nobody", &user, true);
    }
    return good;
}

static int with_small_files(void)
{
    const struct rlimit limit = {16384, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 2;
    }
    return is_served(100) ? 0 : 1; /* and not killed by SIGXFSZ */
}

static void a_limit_of_file_sizes_keeps_nothing_from_being_served(void **state)
{
    (void)state;
    in_child(with_small_files);
    assert_int_equal(telemetry_files(store.live.dir), 0);
}

static int with_files_that_do_not_grow(void)
{
    const struct rlimit limit = {sizeof(struct telemetry_header) + TELEMETRY_RING_DEFAULT +
                                     TELEMETRY_ARENA_STEP,
                                 RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 2;
    }
    for (int i = 0; i < 5000; i++) {
        char key[40];
        snprintf(key, sizeof(key), "an-unknown-flag-%d", i);
        ffshm_bool(ff, key, &user, false);
    }
    return is_served(100) ? 0 : 1;
}

static void an_arena_that_cannot_grow_loses_counts_and_counts_them(void **state)
{
    (void)state;
    telemetry_desk_window(&store.desk, 1, 1, false);
    in_child(with_files_that_do_not_grow);
    const uint64_t all = telemetry_counted_all(store.live.dir);
    assert_in_range(all, 500, 1100);
    assert_int_equal(all + dropped_counts(), 5300);
    assert_int_equal(telemetry_files(store.live.dir), 1);
}

static int as_nobody(void)
{
    if (setgroups(0, NULL) != 0 || setresgid(65533, 65533, 65533) != 0 ||
        setresuid(65533, 65533, 65533) != 0) {
        return 2;
    }
    return is_served(100) ? 0 : 1;
}

static void a_directory_of_somebody_else_keeps_nothing_from_being_served(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(store.live.dir, 0755), 0);
    in_child(as_nobody);
    assert_int_equal(telemetry_files(store.live.dir), 0);
}

/* A daemon that began as root: what it made then it may not open any more. */
static int with_other_rights_later(void)
{
    ffshm_bool(ff, "on", &user, false);
    if (setgroups(0, NULL) != 0 || setresgid(65533, 65533, 65533) != 0 ||
        setresuid(65533, 65533, 65533) != 0) {
        return 2;
    }
    for (int i = 0; i < 3000; i++) {
        char key[40];
        snprintf(key, sizeof(key), "an-unknown-flag-%d", i);
        ffshm_bool(ff, key, &user, false);
    }
    return is_served(100) ? 0 : 1;
}

static void a_process_that_gives_up_its_rights_goes_on_in_a_file_of_its_own(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    char path[512];
    path_of(path, TELEMETRY_DIRECTORY);
    assert_int_equal(chmod(store.live.dir, 0755), 0);
    assert_int_equal(chmod(path, 01777), 0);
    telemetry_desk_window(&store.desk, 1, 1, false);
    in_child(with_other_rights_later);
    assert_int_equal(dropped_counts(), 0);
    assert_int_equal(telemetry_counted_all(store.live.dir), 3301);
    assert_int_equal(telemetry_files(store.live.dir), 2);
}

/* Where it may make no other, it keeps the one it has. */
static void a_process_that_gives_up_all_its_rights_counts_what_it_did(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    char path[512];
    path_of(path, TELEMETRY_DIRECTORY);
    assert_int_equal(chmod(store.live.dir, 0755), 0);
    assert_int_equal(chmod(path, 0755), 0);
    telemetry_desk_window(&store.desk, 1, 1, false);
    in_child(with_other_rights_later);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 3, 1), 101);
    assert_int_equal(telemetry_counted_all(store.live.dir) + dropped_counts(), 3301);
    assert_int_equal(telemetry_files(store.live.dir), 1);
}

static int without_descriptors(void)
{
    const struct rlimit limit = {3, 3};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 2;
    }
    return is_served(100) ? 0 : 1;
}

static void without_a_descriptor_everything_is_served(void **state)
{
    (void)state;
    in_child(without_descriptors);
    assert_int_equal(telemetry_files(store.live.dir), 0);
}

/* ---- the lock ---- */

static sem_t held_by_another;

static void *lock_and_unlock(void *arg)
{
    struct telemetry_held held;
    struct telemetry *t = arg;
    sem_wait(&held_by_another);
    telemetry_lock(t, &held);
    telemetry_unlock(t, &held);
    return NULL;
}

/* Takes the lock, and is interrupted by a thread of real-time priority that wants it. false: this
   process may not make such a thread. */
static bool meet_real_time(void)
{
    struct telemetry *const t = atomic_load(&ff->telemetry);
    struct telemetry_held held;
    const struct sched_param priority = {10};
    pthread_attr_t attributes;
    pthread_t thread;
    sem_init(&held_by_another, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &priority);
    if (pthread_create(&thread, &attributes, lock_and_unlock, t) != 0) {
        return false;
    }
    usleep(2000); /* it waits */
    telemetry_lock(t, &held);
    sem_post(&held_by_another);
    telemetry_unlock(t, &held);
    pthread_join(thread, NULL);
    return true;
}

static void a_thread_of_real_time_priority_lets_the_holder_of_the_lock_go_on(void **state)
{
    (void)state;
    cpu_set_t all;
    cpu_set_t one;
    ffshm_bool(ff, "on", &user, false);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    bool may = true;
    uint64_t longest = 0;
    for (int i = 0; may && i < 5; i++) {
        const uint64_t began = store_now_ns();
        may = meet_real_time();
        const uint64_t took = store_now_ns() - began;
        longest = took > longest ? took : longest;
    }
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
    if (!may) {
        skip();
    }
    assert_in_range(longest / 1000000, 0, 500); /* ms; the kernel's throttle: 950 */
}

/* ---- replaced ---- */

static void a_file_that_was_removed_is_made_anew(void **state)
{
    (void)state;
    char path[512];
    telemetry_desk_window(&store.desk, 1, 1, false);
    ffshm_bool(ff, "on", &user, false);
    path_of_file(path);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 3000; i++) { /* until it has to grow */
        char key[40];
        snprintf(key, sizeof(key), "an-unknown-flag-%d", i);
        ffshm_bool(ff, key, &user, false);
    }
    assert_int_equal(telemetry_files(store.live.dir), 1);
    assert_in_range(telemetry_counted_all(store.live.dir), 1000, 2999);
}

static void a_store_that_was_replaced_has_a_file_of_its_own(void **state)
{
    (void)state;
    ffshm_bool(ff, "on", &user, false);
    assert_int_equal(telemetry_counted_all(store.live.dir), 1);
    /* Another store at the same path. */
    char aside[80];
    struct live_store old = store.live;
    struct telemetry_desk old_desk = store.desk;
    snprintf(aside, sizeof(aside), "%.48s.old", store.live.dir);
    live_store_release(&store.live);
    assert_int_equal(rename(store.live.dir, aside), 0);
    assert_int_equal(mkdir(store.live.dir, 0755), 0);
    live_store_reopen(&store.live);
    told_store_flag(&store, "on",
                    "{\"version\":9,\"on\":true,\"variations\":[false,true],"
                    "\"fallthrough\":{\"variation\":0}}");
    telemetry_desk_open(&store.desk, store.live.dir);
    telemetry_desk_window(&store.desk, 1, 1, true);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_false(ffshm_bool(ff, "on", &user, true));
    assert_int_equal(telemetry_counted(store.live.dir, "on", 9, 0), 1);
    assert_int_equal(telemetry_counted_all(aside), 1);
    snprintf(old.dir, sizeof(old.dir), "%.63s", aside);
    snprintf(old_desk.dir, sizeof(old_desk.dir), "%.63s", aside);
    telemetry_desk_close(&old_desk);
    old.publisher = NULL;
    live_store_close(&old);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_locked_as_long_as_it_is_written),
        TEST(the_agents_group_may_read_where_the_directory_says_so),
        TEST(the_arena_grows),
        TEST(it_goes_on_in_another_file),
        TEST(more_slots_than_rows_have_make_longer_rows),
        TEST(many_flags_have_room_in_one_file),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        TEST(with_little_address_space_many_flags_are_counted),
#endif
        TEST(variations_beyond_all_measure_are_not_counted),
        TEST(without_a_directory_counts_are_lost_and_counted),
        TEST(a_limit_of_file_sizes_keeps_nothing_from_being_served),
        TEST(an_arena_that_cannot_grow_loses_counts_and_counts_them),
        TEST(a_directory_of_somebody_else_keeps_nothing_from_being_served),
        TEST(a_process_that_gives_up_its_rights_goes_on_in_a_file_of_its_own),
        TEST(a_process_that_gives_up_all_its_rights_counts_what_it_did),
        TEST(without_a_descriptor_everything_is_served),
        TEST(a_thread_of_real_time_priority_lets_the_holder_of_the_lock_go_on),
        TEST(a_file_that_was_removed_is_made_anew),
        TEST(a_store_that_was_replaced_has_a_file_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
