/*
 * test_store.c - an opened store in unusual circumstances: refused snapshots, replaced directories,
 * files that are something else, images that only a reader would notice to be odd.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ffshm.h"
#include "hash.h"
#include "live_store.h"
#include "memory_image.h"
#include "telemetry.h"

#define NUMBER_FLAG                                                                                \
    "{\"key\":\"n\",\"version\":1,\"on\":true,\"variations\":[%d],\"fallthrough\":{\"variation\":" \
    "0},\"salt\":\"s\"}"

static void publish_number(struct live_store *s, int n)
{
    char text[256];
    snprintf(text, sizeof text, NUMBER_FLAG, n);
    live_store_put_text(s, IMAGE_FLAG, "n", text);
    live_store_publish(s);
}

static int64_t number(struct ffshm *ff)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "k");
    return ffshm_int(ff, "n", &c, -1);
}

static uint64_t newest(const struct live_store *s)
{
    struct ffshm_status status;
    struct ffshm *ff = ffshm_open(s->dir, NULL);
    ffshm_status(ff, &status);
    ffshm_close(ff);
    return status.newest_generation;
}

/* Changes one byte of the snapshot's head. */
static void damage(const struct live_store *s)
{
    char path[128];
    char byte;
    snprintf(path, sizeof path, "%s/s.%016llx", s->dir, (unsigned long long)newest(s));
    assert_int_equal(chmod(path, 0600), 0);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 288), 1);
    byte = (char)(byte ^ 1);
    assert_int_equal(pwrite(fd, &byte, 1, 288), 1);
    close(fd);
}

static void a_first_snapshot_that_is_refused_is_looked_at_once(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    publish_number(&s, 1);
    damage(&s);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(number(ff), -1);
    }
    assert_int_equal(ffshm_refresh(ff), FFSHM_BAD_CHECKSUM);
    assert_int_equal(ffshm_wait_ready(ff, 10), FFSHM_BAD_CHECKSUM);
    struct ffshm_status status;
    ffshm_status(ff, &status);
    assert_int_equal(status.refused, 1);
    assert_int_equal(status.last_error, FFSHM_BAD_CHECKSUM);
    publish_number(&s, 2);
    assert_int_equal(number(ff), 2);
    ffshm_close(ff);
    live_store_close(&s);
}

static void a_recreated_directory_is_noticed_even_at_the_same_generation(void **state)
{
    (void)state;
    struct live_store old;
    struct live_store new;
    live_store_open(&old);
    publish_number(&old, 1);
    struct ffshm *ff = ffshm_open(old.dir, NULL);
    assert_int_equal(number(ff), 1);
    live_store_open(&new);
    publish_number(&new, 2);
    assert_int_equal(newest(&old), newest(&new));
    char away[sizeof old.dir];
    snprintf(away, sizeof away, "%.*s.away", (int)sizeof away - 6, old.dir);
    assert_int_equal(rename(old.dir, away), 0);
    assert_int_equal(rename(new.dir, old.dir), 0);
    snprintf(new.dir, sizeof new.dir, "%s", old.dir);
    snprintf(old.dir, sizeof old.dir, "%s", away);
    live_store_close(&old);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_int_equal(number(ff), 2);
    ffshm_close(ff);
    live_store_close(&new);
}

/* Nothing was removed: the old store is whole, and elsewhere. */
static void a_store_that_moved_away_is_left_when_another_is_in_its_place(void **state)
{
    (void)state;
    struct live_store old;
    struct live_store new;
    live_store_open(&old);
    publish_number(&old, 1);
    struct ffshm *ff = ffshm_open(old.dir, NULL);
    assert_int_equal(number(ff), 1);
    live_store_open(&new);
    char place[sizeof old.dir];
    snprintf(place, sizeof place, "%s", old.dir);
    snprintf(old.dir, sizeof old.dir, "%.*s.away", (int)sizeof old.dir - 6, place);
    assert_int_equal(rename(place, old.dir), 0);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK); /* nothing is there: the old one goes on */
    publish_number(&old, 2);
    assert_int_equal(number(ff), 2);
    publish_number(&new, 3);
    assert_int_equal(rename(new.dir, place), 0);
    snprintf(new.dir, sizeof new.dir, "%s", place);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_int_equal(number(ff), 3);
    ffshm_close(ff);
    live_store_close(&old);
    live_store_close(&new);
}

static void a_pipe_in_the_place_of_a_file_does_not_block(void **state)
{
    (void)state;
    char dir[] = "/dev/shm/ffshm-test.XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/ctl", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(10);
    struct ffshm *ff = ffshm_open(dir, NULL);
    assert_non_null(ff);
    assert_int_equal(ffshm_refresh(ff), FFSHM_BAD_FILE);
    ffshm_close(ff);
    alarm(0);
    unlink(path);
    rmdir(dir);
}

static size_t mappings_of(const char *what)
{
    char line[512];
    size_t count = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        count += strstr(line, what) != NULL;
    }
    fclose(f);
    return count;
}

static void close_unmaps_control_pages_that_were_replaced(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    publish_number(&s, 1);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    live_store_close(&s);
    assert_int_equal(mkdir(s.dir, 0700), 0);
    live_store_reopen(&s);
    publish_number(&s, 2);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_int_equal(number(ff), 2);
    ffshm_close(ff);
    live_store_release(&s);
    assert_int_equal(mappings_of(s.dir), 0);
    live_store_reopen(&s);
    live_store_close(&s);
}

/* ---- libpcre2's lock ---- */

static _Atomic int evaluating;
static _Atomic int freed_in_evaluation;
static _Atomic int freed;
void pcre2_code_free_8(void *code);
void pcre2_code_free_8(void *code)
{
    void *next = dlsym(RTLD_NEXT, "pcre2_code_free_8");
    void (*real)(void *);
    memcpy(&real, &next, sizeof real);
    freed_in_evaluation += evaluating;
    freed++;
    real(code);
}

static void an_evaluation_frees_no_code_of_the_jit_compiler(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    live_store_put_text(&s, IMAGE_FLAG, "r",
                        "{\"key\":\"r\",\"version\":1,\"on\":true,\"variations\":[7],"
                        "\"fallthrough\":{\"variation\":0},\"salt\":\"s\",\"rules\":[{"
                        "\"variation\":0,\"clauses\":[{\"attribute\":\"key\",\"op\":\"matches\","
                        "\"values\":[\"^a+b\"],\"negate\":false}]}]}");
    publish_number(&s, 0);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    json_t *nothing = json_pack("{s:{},s:{}}", "flags", "segments");
    live_store_replace(&s, nothing);
    json_decref(nothing);
    for (int i = 1; i < 60; i++) {
        publish_number(&s, i);
        evaluating = 1;
        assert_int_equal(number(ff), i);
        evaluating = 0;
    }
    assert_int_equal(freed_in_evaluation, 0);
    ffshm_close(ff);
    assert_int_equal(freed, 1);
    live_store_close(&s);
}

static void the_reason_of_a_refusal_survives_the_wait(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    publish_number(&s, 1);
    char path[128];
    snprintf(path, sizeof path, "%s/s.%016llx", s.dir, (unsigned long long)newest(&s));
    assert_int_equal(chmod(path, 0666), 0);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    assert_int_equal(ffshm_wait_ready(ff, 20), FFSHM_BAD_FILE);
    ffshm_close(ff);
    live_store_close(&s);
}

/* ---- memory ---- */

static bool no_memory_for_patterns;

/* What regex.c maps, and nothing else, is MAP_NORESERVE.
   NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's are reserved */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (no_memory_for_patterns && (flags & MAP_NORESERVE)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset); // NOLINT
}

static void put_pattern(struct live_store *s)
{
    live_store_put_text(s, IMAGE_FLAG, "r",
                        "{\"key\":\"r\",\"version\":1,\"on\":true,\"variations\":[7,8],"
                        "\"fallthrough\":{\"variation\":1},\"salt\":\"s\",\"rules\":[{"
                        "\"variation\":0,\"clauses\":[{\"attribute\":\"key\",\"op\":"
                        "\"matches\",\"values\":[\"^k+$\"],\"negate\":false}]}]}");
}

static void a_snapshot_without_memory_for_its_patterns_is_not_used(void **state)
{
    (void)state;
    struct live_store s;
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "k");
    live_store_open(&s);
    put_pattern(&s);
    live_store_publish(&s);
    no_memory_for_patterns = true;
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    assert_int_equal(ffshm_int(ff, "r", &c, -1), -1);
    assert_int_equal(ffshm_refresh(ff), FFSHM_NO_MEMORY);
    no_memory_for_patterns = false;
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_int_equal(ffshm_int(ff, "r", &c, -1), 7);
    ffshm_close(ff);
    live_store_close(&s);
}

/* ---- images ---- */

static void an_empty_slot_of_an_absurd_extent_is_empty(void **state)
{
    (void)state;
    static struct ffshm_flag handle = FFSHM_FLAG("n"); /* knows no slot: looks at slot 0 */
    static _Alignas(64) uint8_t head[4096];
    struct memory_image image;
    memory_image_load(FFSHM_SOURCE_DIR "/tests/data/rich.json", &image);

    assert_true(image.head.size <= sizeof head - 64);
    memcpy(head, image.head.bytes, image.head.size);
    struct image_head *h = (struct image_head *)(void *)head;
    struct image_slot *slots = (struct image_slot *)(void *)(head + h->slots_offset);
    h->segment_count -= slots[0].offset != 0; /* the sum is what is verified */
    slots[0] = (struct image_slot){UINT32_MAX, 0};
    h->payload_checksum = hash_bytes(head + sizeof *h, image.head.size - sizeof *h);
    h->header_checksum = hash_bytes(h, offsetof(struct image_head, header_checksum));
    const void *extents[] = {image.extent.bytes};
    const char *why = "";
    struct ffshm *ff = store_of_memory(head, image.head.size, extents, &image.extent.size, 1, &why);
    assert_non_null(ff);
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "k");
    assert_int_equal(ffshm_flag_int(ff, &handle, &c, -1), -1);
    ffshm_close(ff);
    memory_image_free(&image);
}

/* ---- fork ---- */

static volatile sig_atomic_t forks;

static void fork_and_wait(int signal_number)
{
    (void)signal_number;
    const int saved_errno = errno;
    const pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    forks = forks + 1;
    errno = saved_errno;
}

static void a_handler_may_fork_while_a_store_is_opened_or_closed(void **state)
{
    (void)state;
    const struct itimerval soon = {{0, 0}, {0, 200}};
    const struct sigaction action = {.sa_handler = fork_and_wait, .sa_flags = SA_RESTART};
    struct sigaction before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    /* no malloc: libc's own lock would be in the way */
    struct ffshm store = {.telemetry = &telemetry_none.zero};
    for (int i = 0; i < 30; i++) {
        assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
        while (forks <= i) {
            store_register(&store);
            store_unregister(&store);
        }
    }
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

/* ---- directories ---- */

static void a_program_that_starts_before_its_agent_finds_the_second_directory(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    char second[64];
    snprintf(second, sizeof second, "%s", s.dir);
    struct ffshm *ff = ffshm_open("/dev/shm/ffshm-test.none", NULL);
    ff->second_dir = second; /* as ffshm_open(NULL) has it */
    publish_number(&s, 5);
    assert_int_equal(ffshm_wait_ready(ff, 1000), FFSHM_OK);
    assert_int_equal(number(ff), 5);
    ffshm_close(ff);
    live_store_close(&s);
}

/* Whoever comes first makes a directory in /dev/shm. */
static void a_second_directory_of_another_user_does_not_count(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        skip();
    }
    struct live_store s;
    live_store_open(&s);
    publish_number(&s, 5);
    assert_int_equal(chown(s.dir, 1234, 1234), 0);
    struct ffshm *ff = ffshm_open("/dev/shm/ffshm-test.none", NULL);
    ff->second_dir = s.dir;
    assert_int_equal(ffshm_refresh(ff), FFSHM_BAD_FILE);
    assert_int_equal(number(ff), -1);
    assert_int_equal(chown(s.dir, 0, 0), 0);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_int_equal(number(ff), 5);
    ffshm_close(ff);
    live_store_close(&s);
}

/* ---- is there an agent? ---- */

static bool alive(struct ffshm *ff)
{
    struct ffshm_status status;
    ffshm_status(ff, &status);
    return status.agent_alive;
}

static void a_read_lock_makes_no_agent_look_alive(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    publish_number(&s, 1);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    assert_true(alive(ff));
    live_store_release(&s);
    assert_false(alive(ff));
    char path[128];
    snprintf(path, sizeof path, "%s/agent.lock", s.dir);
    const int fd = open(path, O_RDONLY);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_false(alive(ff));
    close(fd);
    ffshm_close(ff);
    live_store_close(&s);
}

static uint64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void where_the_lock_cannot_be_opened_the_heartbeat_decides(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        skip();
    }
    struct live_store s;
    live_store_open(&s);
    publish_number(&s, 1);
    assert_int_equal(chmod(s.dir, 0755), 0);
    char path[128];
    snprintf(path, sizeof path, "%s/ctl", s.dir);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct image_control *page =
        mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    assert_int_equal(seteuid(1234), 0);
    atomic_store(&page->heartbeat_ms, wall_ms());
    const bool fresh = alive(ff);
    atomic_store(&page->heartbeat_ms, wall_ms() - 6000);
    const bool silent = alive(ff);
    atomic_store(&page->heartbeat_ms, wall_ms() + 3600000); /* the clock was set back */
    const bool ahead = alive(ff);
    atomic_store(&page->heartbeat_ms, wall_ms());
    atomic_store(&page->agent_state, IMAGE_AGENT_STOPPED);
    const bool stopped = alive(ff);
    assert_int_equal(seteuid(0), 0);
    assert_true(fresh);
    assert_false(silent);
    assert_false(ahead);
    assert_false(stopped);
    munmap(page, sizeof(*page));
    close(fd);
    ffshm_close(ff);
    live_store_close(&s);
}

int main(void)
{

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_snapshot_that_is_refused_is_looked_at_once),
        cmocka_unit_test(a_recreated_directory_is_noticed_even_at_the_same_generation),
        cmocka_unit_test(close_unmaps_control_pages_that_were_replaced),
        cmocka_unit_test(an_evaluation_frees_no_code_of_the_jit_compiler),
        cmocka_unit_test(the_reason_of_a_refusal_survives_the_wait),
        cmocka_unit_test(a_snapshot_without_memory_for_its_patterns_is_not_used),
        cmocka_unit_test(an_empty_slot_of_an_absurd_extent_is_empty),
        cmocka_unit_test(a_program_that_starts_before_its_agent_finds_the_second_directory),
        cmocka_unit_test(a_handler_may_fork_while_a_store_is_opened_or_closed),
        cmocka_unit_test(a_pipe_in_the_place_of_a_file_does_not_block),
        cmocka_unit_test(a_store_that_moved_away_is_left_when_another_is_in_its_place),
        cmocka_unit_test(a_second_directory_of_another_user_does_not_count),
        cmocka_unit_test(a_read_lock_makes_no_agent_look_alive),
        cmocka_unit_test(where_the_lock_cannot_be_opened_the_heartbeat_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
