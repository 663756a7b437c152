#include "ctl_editor.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl_output.h"

#define SUFFIX ".yaml"

int editor_make(const struct ctl *ctl, char path[EDITOR_PATH])
{
    const char *folder = getenv("TMPDIR");
    if (snprintf(path, EDITOR_PATH, "%s/ffctl-XXXXXX" SUFFIX,
                 folder && *folder ? folder : "/tmp") >= EDITOR_PATH) {
        return ctl_fail(ctl, "TMPDIR is too long");
    }
    const int file = mkostemps(path, sizeof SUFFIX - 1, O_CLOEXEC); /* mode 0600 */
    if (file < 0) {
        return ctl_fail(ctl, "%s: %s", path, strerror(errno));
    }
    close(file);
    return CTL_OK;
}

int editor_write(const struct ctl *ctl, const char *path, const char *text, size_t length)
{
    FILE *out = fopen(path, "we");
    bool good = out && fwrite(text, 1, length, out) == length;
    good = out && fclose(out) == 0 && good;
    return good ? CTL_OK : ctl_fail(ctl, "%s: %s", path, strerror(errno));
}

/* In the child: never returns. The variable may be a command with options. */
static void execute(const char *editor, const char *path)
{
    char *command;
    if (asprintf(&command, "%s \"$@\"", editor) >= 0) {
        execl("/bin/sh", "sh", "-c", command, editor, path, (char *)NULL);
    }
    _exit(127);
}

/* The exit code, or -1. What interrupts the editor is not meant for us. */
static int run(const char *editor, const char *path)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction interrupt;
    struct sigaction quit;
    int status = -1;
    fflush(stdout);
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    const pid_t child = fork();
    if (child == 0) {
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGQUIT, &quit, NULL);
        execute(editor, path);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int editor_open(const struct ctl *ctl, const char *path)
{
    const char *visual = getenv("VISUAL");
    const char *plain = getenv("EDITOR");
    const char *editor = visual && *visual ? visual : plain && *plain ? plain : "vi";
    const int code = run(editor, path);
    if (code == 127) {
        return ctl_fail(ctl, "the editor '%s' cannot be run: set EDITOR", editor);
    }
    return code == 0 ? CTL_OK : ctl_fail(ctl, "the editor '%s' ended with an error", editor);
}

char editor_ask(const char *question, const char *letters)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return '\0';
    }
    printf("%s [", question);
    for (const char *l = letters; *l; l++) {
        printf("%s%c", l > letters ? "/" : "", *l);
    }
    output_text("] ");
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin)) {
        output_text("\n");
    }
    const char *found = answer[0] != '\n' && answer[0] != '\0'
                            ? strchr(letters, tolower((unsigned char)answer[0]))
                            : NULL;
    return found ? *found : letters[strlen(letters) - 1];
}
