/* Which changes of a file system are news about a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/watch.h"

/* A directory of the test's own, and a watch on some path below it. */
struct fixture {
    char dir[64];
    struct watch *watch;
    int fd;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/dev/shm/ffshm-watch-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->watch = watch_new(&f->fd);
    assert_non_null(f->watch);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    watch_free(f->watch);
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    const int result = system(command);
    free(f);
    return result;
}

static const char *below(const struct fixture *f, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", f->dir, name);
    return path;
}

static void write_at(const struct fixture *f, const char *name)
{
    const int fd = open(below(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void make_dir(const struct fixture *f, const char *name)
{
    assert_int_equal(mkdir(below(f, name), 0755), 0);
}

static void make_link(const struct fixture *f, const char *target, const char *name)
{
    assert_int_equal(symlink(target, below(f, name)), 0);
}

static void move(const struct fixture *f, const char *from, const char *to)
{
    assert_int_equal(rename(below(f, from), below(f, to)), 0);
}

static bool watch_one(struct fixture *f, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    char *const paths[] = {path};
    watch_read(f->watch);
    const bool good = watch_paths(f->watch, paths, 1);
    watch_read(f->watch); /* that old watches ended */
    return good;
}

static void a_write_is_news_once_it_is_closed(void **state)
{
    struct fixture *f = *state;
    write_at(f, "file");
    assert_true(watch_one(f, "file"));
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
    const int fd = open(below(f, "file"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "y", 1), 1);
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
    close(fd);
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
}

static void reading_it_is_no_news(void **state)
{
    struct fixture *f = *state;
    write_at(f, "file");
    assert_true(watch_one(f, "file"));
    const int fd = open(below(f, "file"), O_RDONLY);
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
}

static void its_neighbours_are_no_news(void **state)
{
    struct fixture *f = *state;
    write_at(f, "file");
    assert_true(watch_one(f, "file"));
    write_at(f, "file~");
    write_at(f, ".file.swp");
    make_dir(f, "files");
    assert_int_equal(unlink(below(f, "file~")), 0);
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
}

static void a_rename_over_it_and_its_removal_are_news(void **state)
{
    struct fixture *f = *state;
    write_at(f, "file");
    assert_true(watch_one(f, "file"));
    write_at(f, "new");
    move(f, "new", "file");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_int_equal(unlink(below(f, "file")), 0);
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
}

static void a_new_file_is_told_from_a_complete_one(void **state)
{
    struct fixture *f = *state;
    assert_true(watch_one(f, "file"));
    const int fd = open(below(f, "file"), O_WRONLY | O_CREAT, 0644);
    assert_int_equal(watch_read(f->watch), WATCH_CREATED);
    assert_int_equal(write(fd, "y", 1), 1);
    close(fd);
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_int_equal(unlink(below(f, "file")), 0);
    write_at(f, "file"); /* removed, created and closed, read together */
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
}

static void a_missing_directory_is_waited_for_step_by_step(void **state)
{
    struct fixture *f = *state;
    assert_true(watch_one(f, "a/b/file"));
    write_at(f, "file");
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
    make_dir(f, "a");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_true(watch_one(f, "a/b/file"));
    make_dir(f, "a/b");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_true(watch_one(f, "a/b/file"));
    write_at(f, "a/b/file");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
}

static void every_symlink_on_the_way_is_watched(void **state)
{
    struct fixture *f = *state;
    make_dir(f, "v1");
    make_dir(f, "v2");
    write_at(f, "v1/file");
    write_at(f, "v2/file");
    make_link(f, "v1", "data");
    make_link(f, "data/file", "file");
    assert_true(watch_one(f, "file"));
    write_at(f, "v2/file");
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
    write_at(f, "v1/file");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    make_link(f, "v2", "next");
    move(f, "next", "data");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_true(watch_one(f, "file"));
    write_at(f, "v1/file");
    assert_int_equal(watch_read(f->watch), WATCH_NOTHING);
    write_at(f, "v2/file");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
}

static void links_may_be_absolute_and_go_up(void **state)
{
    struct fixture *f = *state;
    make_dir(f, "a");
    make_dir(f, "b");
    make_link(f, "../b/.//file", "a/up");
    make_link(f, below(f, "a/up"), "absolute");
    write_at(f, "b/file");
    assert_true(watch_one(f, "b/../absolute"));
    write_at(f, "b/file");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_int_equal(unlink(below(f, "a/up")), 0);
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
}

static void a_circle_of_links_is_an_error_and_ends(void **state)
{
    struct fixture *f = *state;
    make_link(f, "b", "a");
    make_link(f, "a", "b");
    assert_false(watch_one(f, "a"));
    assert_int_equal(watch_error(f->watch), ELOOP);
    assert_int_equal(unlink(below(f, "b")), 0); /* what could be watched is */
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    write_at(f, "b");
    assert_true(watch_one(f, "a"));
    assert_int_equal(watch_error(f->watch), 0);
}

static void a_path_that_is_too_long_is_an_error(void **state)
{
    struct fixture *f = *state;
    char *path = malloc(2 * PATH_MAX);
    assert_non_null(path);
    memset(path, 'x', 2 * PATH_MAX - 1);
    path[0] = '/';
    path[2 * PATH_MAX - 1] = '\0';
    char *const paths[] = {path};
    assert_false(watch_paths(f->watch, paths, 1));
    assert_int_equal(watch_error(f->watch), ENAMETOOLONG);
    free(path);
}

static void a_directory_that_goes_away_is_news(void **state)
{
    struct fixture *f = *state;
    make_dir(f, "a");
    write_at(f, "a/file");
    assert_true(watch_one(f, "a/file"));
    move(f, "a", "b");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
    assert_true(watch_one(f, "a/file"));
    move(f, "b", "a");
    assert_int_equal(watch_read(f->watch), WATCH_CHANGED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_write_is_news_once_it_is_closed),
        TEST(reading_it_is_no_news),
        TEST(its_neighbours_are_no_news),
        TEST(a_rename_over_it_and_its_removal_are_news),
        TEST(a_new_file_is_told_from_a_complete_one),
        TEST(a_missing_directory_is_waited_for_step_by_step),
        TEST(every_symlink_on_the_way_is_watched),
        TEST(links_may_be_absolute_and_go_up),
        TEST(a_circle_of_links_is_an_error_and_ends),
        TEST(a_path_that_is_too_long_is_an_error),
        TEST(a_directory_that_goes_away_is_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
