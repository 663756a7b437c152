#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "service.h"

#define DEFAULT_WAIT_MS 5000
#define STEP_MS 25        /* between two looks at whether the agent still lives */
#define STOP_MS 10000     /* for an agent to end by itself */
#define MOST_VARIABLES 64 /* of an agent's environment */
#define MEMBERSHIP_WAIT_MS 5000

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Nothing that would configure the agent: only what its loader and its sanitizers want. */
static void agent_environment(const char *variables[MOST_VARIABLES], const char *notify)
{
    static const char *const wanted[] = {
        "PATH=", "HOME=", "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS="};
    size_t count = 0;
    if (notify[0]) {
        variables[count++] = notify;
    }
    for (char *const *variable = environ; *variable && count < MOST_VARIABLES - 1; variable++) {
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            if (strncmp(*variable, wanted[i], strlen(wanted[i])) == 0) {
                variables[count++] = *variable;
            }
        }
    }
    variables[count] = NULL;
}

/* In the child, with all signals blocked: the service's handlers would take them for its own. */
_Noreturn static void become_agent(const char *agent, const char *config, const char *log,
                                   const char *notify)
{
    const char *variables[MOST_VARIABLES];
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int out =
        log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : STDERR_FILENO;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (nothing < 0 || out < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0) {
        _exit(126);
    }
    sigset_t none;
    sigemptyset(&none);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    agent_environment(variables, notify);
    execle(agent, agent, "--config", config, (char *)NULL, variables);
    _exit(127);
}

static int start_agent(struct client *c, const char *agent, bool loud, const char *config,
                       struct outcome *outcome)
{
    char log[CLIENT_PATH + 16], notify[CLIENT_PATH + 32];
    sigset_t all, before;
    client_store_variable(c, notify);
    snprintf(log, sizeof log, "%s/agent.log", c->dir);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork();
    if (pid == 0) {
        become_agent(agent, config, loud ? NULL : log, notify);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        outcome_fail(outcome, 500, "fork: %s", strerror(errno));
        return -1;
    }
    c->agent = pid;
    return 0;
}

#define MOST_LOG (1u << 20) /* bytes that are looked at; the rest is cut off */

/* What the agent logged; malloc'ed. NULL: nothing, or it went to stderr. */
static char *log_of(const struct client *c)
{
    char path[CLIENT_PATH + 16];
    snprintf(path, sizeof path, "%s/agent.log", c->dir);
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(MOST_LOG) : NULL;
    if (text) {
        text[fread(text, 1, MOST_LOG - 1, file)] = '\0';
    }
    if (file) {
        fclose(file);
    }
    return text;
}

/* The end of it, on one line. */
static void tail_of_log(const struct client *c, char *tail, size_t capacity)
{
    char *text = log_of(c);
    const size_t length = text ? strlen(text) : 0;
    snprintf(tail, capacity, "%s",
             text ? text + (length >= capacity ? length - (capacity - 1) : 0) : "");
    for (char *p = tail; (p = strpbrk(p, "\r\n"));) {
        *p = ' ';
    }
    free(text);
}

/* The SDK key is a secret, also for logs. */
static bool log_is_good(const struct client *c)
{
    char *text = log_of(c);
    const bool good = !text || !strstr(text, c->sdk_key);
    if (!good) {
        fprintf(stderr, "contract_service: client %u: its agent logs the SDK key\n", c->id);
    }
    free(text);
    return good;
}

static void print_log(const struct client *c)
{
    char *text = log_of(c);
    fprintf(stderr, "contract_service: client %u: its agent said\n%s", c->id, text ? text : "");
    free(text);
}

/* Has it ended? Then nobody needs to wait for it any more. */
static bool agent_ended(struct client *c)
{
    if (c->agent && waitpid(c->agent, NULL, WNOHANG) == c->agent) {
        c->agent = 0;
    }
    return !c->agent;
}

static bool source_is_off(struct client *c)
{
    struct ffshm_status status;
    ffshm_status(c->ff, &status);
    return status.newest_generation && status.source_state == FFSHM_SOURCE_OFF;
}

/* Flags, or the time is over, or there will be none. FFSHM_OK when there are. */
static int await_flags(struct client *c, int64_t wait_ms)
{
    const int64_t deadline = now_ms() + wait_ms;
    int result;
    do {
        const int64_t left = deadline - now_ms();
        result = ffshm_wait_ready(c->ff, left < 0 ? 0 : left < STEP_MS ? (int)left : STEP_MS);
    } while (result != FFSHM_OK && now_ms() < deadline && !agent_ended(c) && !source_is_off(c));
    return result;
}

static int64_t wait_of(const json_t *configuration)
{
    const double wait = json_number_value(member(configuration, "startWaitTimeMs"));
    return wait > 0 ? (int64_t)wait : DEFAULT_WAIT_MS;
}

static int begin(struct client *c, const char *agent, bool loud, const json_t *configuration,
                 struct outcome *outcome)
{
    /* As an SDK does, an evaluation waits for a membership. */
    const struct ffshm_options options = {.size = sizeof options,
                                          .big_segment_wait_ms = MEMBERSHIP_WAIT_MS};
    char config[CLIENT_PATH + 16], store[CLIENT_PATH + 16];
    snprintf(store, sizeof store, "%s/store", c->dir);
    if (client_big_segments_add(c, configuration, outcome) ||
        client_store_add(c, configuration, outcome) ||
        agent_config_write(c, configuration, config, sizeof config, outcome) ||
        start_agent(c, agent, loud, config, outcome)) {
        return -1;
    }
    c->ff = ffshm_open(store, &options);
    if (!c->ff) {
        outcome_fail(outcome, 500, "the store cannot be opened");
        return -1;
    }
    if (client_hooks_add(c, configuration, outcome)) {
        return -1;
    }
    const int error = await_flags(c, wait_of(configuration));
    if ((error && !member_true(configuration, "initCanFail")) || !c->agent) {
        char log[384];
        tail_of_log(c, log, sizeof log);
        outcome_fail(outcome, 500, "no flags: %s; the agent: %s", ffshm_error_text(error), log);
        return -1;
    }
    client_big_segments_await(c);
    return client_store_begin(c, agent, loud, configuration, outcome);
}

struct client *client_new(unsigned id, const char *agent, bool loud, const json_t *configuration,
                          struct outcome *outcome)
{
    const char *sdk_key = member_text(configuration, "credential");
    struct client *c = calloc(1, sizeof *c);
    *outcome = (struct outcome){.status = 201};
    if (!sdk_key) {
        outcome_fail(outcome, 400, "no credential");
        free(c);
        return NULL;
    }
    if (!c || !(c->sdk_key = strdup(sdk_key))) {
        outcome_fail(outcome, 500, "out of memory");
        free(c);
        return NULL;
    }
    c->id = id;
    snprintf(c->dir, sizeof c->dir, "/dev/shm/ffshm-contract-XXXXXX");
    if (!mkdtemp(c->dir)) {
        outcome_fail(outcome, 500, "%s: %s", c->dir, strerror(errno));
        c->dir[0] = '\0';
    } else if (begin(c, agent, loud, configuration, outcome) == 0) {
        return c;
    }
    client_free(c);
    return NULL;
}

/* Before it has said anything SIGTERM may still kill it. */
static bool ended_well(const struct client *c, int status)
{
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM) {
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    char *text = log_of(c);
    const bool silent = !text || !*text;
    free(text);
    return silent;
}

/* Has it ended as it should? An agent that does not end by itself is killed. */
static bool stop_agent(struct client *c)
{
    const int fd = (int)syscall(SYS_pidfd_open, c->agent, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    int status = 0;
    kill(c->agent, SIGTERM);
    if (fd >= 0 && poll(&ended, 1, STOP_MS) == 0) {
        fprintf(stderr, "contract_service: client %u: its agent does not stop\n", c->id);
        kill(c->agent, SIGKILL);
    }
    waitpid(c->agent, &status, 0);
    if (fd >= 0) {
        close(fd);
    }
    c->agent = 0;
    return ended_well(c, status);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

bool client_free(struct client *c)
{
    const bool reader_good = client_store_free(c);
    const bool good = c->agent && stop_agent(c) && log_is_good(c);
    if (!good) {
        print_log(c);
    }
    ffshm_close(c->ff);
    client_hooks_free(c);
    bridge_free(c->bridge);
    if (c->dir[0]) {
        nftw(c->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(c->sdk_key);
    free(c);
    return good && reader_good;
}
