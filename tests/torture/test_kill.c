/*
 * test_kill.c - kill -9 of ffagent at every system call of start and publish.
 *
 * `ffagent --once` runs under ptrace and is killed at the entry of its n-th system call, n = 1, 2,
 * ... until it gets through. Two scenes: an empty directory, and a directory that holds an older
 * snapshot which a reader has open. After each kill
 *   - the reader that was there before, and a new one, see the old values or the new ones, never a
 * mixture;
 *   - a second, undisturbed ffagent publishes the new values within its run;
 *   - no file is left that the retained heads do not name.
 *
 * ctest: merge release serial timeout=900
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ffshm.h"
#include "image.h"

#define FFAGENT FFSHM_BUILD_DIR "/agent/ffagent"
#define FLAGS 20

static char base[] = "/dev/shm/ffshm-kill.XXXXXX";
static char store_dir[64];
static char old_file[64];
static char new_file[64];
static int failures;

static void fail(const char *scene, int n, const char *what)
{
    if (failures++ < 20) {
        printf("FAILED %s, killed at system call %d: %s\n", scene, n, what);
    }
}

static void write_flags(const char *path, int value)
{
    FILE *f = fopen(path, "we");
    if (!f) {
        perror(path);
        exit(1);
    }
    fprintf(f, "{\"flags\":{");
    for (int i = 0; i < FLAGS; i++) {
        fprintf(f,
                "%s\"flag-%d\":{\"version\":%d,\"on\":true,\"variations\":[%d],"
                "\"fallthrough\":{\"variation\":0}}",
                i ? "," : "", i, value, value);
    }
    fprintf(f, "}}");
    fclose(f);
}

static _Noreturn void exec_agent(const char *flags)
{
    execl(FFAGENT, "ffagent", "--once", "--log-level", "ERROR", "--dir", store_dir, "--flags",
          flags, (char *)NULL);
    perror(FFAGENT);
    _exit(127);
}

static int run_agent(const char *flags)
{
    pid_t pid = fork();
    if (pid == 0) {
        exec_agent(flags);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

/* Runs the agent to the entry of its n-th system call and kills it there. false: it ended before.
 */
static bool run_and_kill(const char *flags, int n)
{
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        exec_agent(flags);
    }
    int status;
    waitpid(pid, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid, NULL,
           (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC));
    int entries = 0;
    bool inside = false;
    bool started = false;
    long deliver = 0;
    for (;;) {
        ptrace(PTRACE_SYSCALL, pid, NULL, (void *)deliver);
        deliver = 0;
        if (waitpid(pid, &status, 0) != pid || WIFEXITED(status) || WIFSIGNALED(status)) {
            return false;
        }
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
            started = true;
        } else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            inside = !inside;
            if (started && inside && ++entries == n) {
                kill(pid, SIGKILL);
                waitpid(pid, &status, 0);
                return true;
            }
        } else {
            deliver = WSTOPSIG(status);
        }
    }
}

/* The common value of all flags; -1: no snapshot; -2: a mixture. */
static int value_of(struct ffshm *ff)
{
    struct ffshm_context c;
    struct ffshm_view view;
    int value = 0;
    ffshm_context_init(&c, NULL, "k");
    ffshm_refresh(ff);
    ffshm_pin(ff, &view);
    for (int i = 0; i < FLAGS; i++) {
        char key[16];
        snprintf(key, sizeof(key), "flag-%d", i);
        struct ffshm_result r = ffshm_evaluate(&view, key, &c);
        int v = r.error == FFSHM_NOT_READY ? -1 : r.variation < 0 ? -2 : (int)r.number;
        value = i == 0 || v == value ? v : -2;
        if (value == -2) {
            break;
        }
    }
    ffshm_unpin(&view);
    return value;
}

/* Files that are neither ctl, agent.lock, a head, nor an extent that some head names. */
static int orphans(void)
{
    uint64_t named[1024];
    size_t named_count = 0;
    int count = 0;
    DIR *d = opendir(store_dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strncmp(e->d_name, "s.", 2) == 0) {
            char path[512];
            static _Alignas(64) uint8_t bytes[1 << 16];
            snprintf(path, sizeof(path), "%s/%s", store_dir, e->d_name);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            ssize_t size = read(fd, bytes, sizeof(bytes));
            close(fd);
            const struct image_head *head = (const void *)bytes;
            const struct image_extent_ref *refs = (const void *)(bytes + head->extents_offset);
            for (uint32_t i = 0; size > 0 && i < head->extent_count && named_count < 1024; i++) {
                named[named_count++] = refs[i].id;
            }
        } else if (strncmp(e->d_name, "x.", 2) != 0 && e->d_name[0] != '.' &&
                   strcmp(e->d_name, "ctl") != 0 && strcmp(e->d_name, "agent.lock") != 0) {
            count++;
        }
    }
    rewinddir(d);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strncmp(e->d_name, "x.", 2) == 0) {
            uint64_t id = strtoull(e->d_name + 2, NULL, 16);
            size_t i = 0;
            while (i < named_count && named[i] != id) {
                i++;
            }
            count += i == named_count;
        }
    }
    closedir(d);
    return count;
}

static void empty_store(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", store_dir);
    if (system(command) != 0) {
        exit(1);
    }
}

/* One kill; false: the agent got through. */
static bool kill_at(const char *scene, int n, bool with_old)
{
    empty_store();
    if (with_old && run_agent(old_file) != 0) {
        fail(scene, n, "the old snapshot cannot be published");
        return false;
    }
    struct ffshm *before = ffshm_open(store_dir, NULL);
    int old = value_of(before);
    bool killed = run_and_kill(new_file, n);
    struct ffshm *after = ffshm_open(store_dir, NULL);
    int seen_before = value_of(before);
    int seen_after = value_of(after);
    if ((seen_before != old && seen_before != 2) || (seen_after != old && seen_after != 2)) {
        fail(scene, n, "a reader saw neither the old values nor the new ones");
    }
    if (run_agent(new_file) != 0) {
        fail(scene, n, "the next agent failed");
    }
    if (value_of(before) != 2 || value_of(after) != 2) {
        fail(scene, n, "the next agent's snapshot did not arrive");
    }
    struct ffshm_status status;
    ffshm_status(before, &status);
    if (status.refused) {
        fail(scene, n, "a reader refused a snapshot");
    }
    if (orphans() != 0) {
        fail(scene, n, "files are left behind");
    }
    ffshm_close(before);
    ffshm_close(after);
    return killed;
}

int main(void)
{
    if (!mkdtemp(base)) {
        perror(base);
        return 1;
    }
    snprintf(store_dir, sizeof(store_dir), "%s/store", base);
    snprintf(old_file, sizeof(old_file), "%s/old.json", base);
    snprintf(new_file, sizeof(new_file), "%s/new.json", base);
    write_flags(old_file, 1);
    write_flags(new_file, 2);
    int first = 1;
    while (kill_at("empty directory", first, false)) {
        first++;
    }
    int second = 1;
    while (kill_at("over an old snapshot", second, true)) {
        second++;
    }
    printf("killed at each of %d system calls (empty directory) and %d (over an old snapshot)\n",
           first - 1, second - 1);
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    bool good = system(command) == 0 && failures == 0 && first > 50 && second > 50;
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
