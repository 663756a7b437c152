/*
 * ctl_audit_export.c - ffctl audit export: the lines as the agent sends them, and verified on the
 * way. A file gets its name when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/audit_export.h"
#include "ctl_audit.h"
#include "ctl_client.h"
#include "ctl_output.h"

#define PATIENCE_S 120      /* for some more of it */
#define LONGEST (64u << 20) /* bytes of a line that is verified */

struct export
{
    const struct ctl *ctl;
    const char *path; /* "stdout" */
    FILE *out;
    char *line; /* what of a line is there already */
    size_t length, room;
    struct audit_export verified;
    bool wrong; /* as verified.result says; what comes is written all the same */
};

static bool failed(const struct export *x, const char *what)
{
    ctl_fail(x->ctl, "%s %s: %s", what, x->path, strerror(errno));
    return false;
}

static void verify_line(struct export *x)
{
    x->wrong = x->wrong || audit_export_take(&x->verified, x->line, x->length) != 0;
    x->length = 0;
}

static bool keep(struct export *x, const char *bytes, size_t length)
{
    if (x->length + length > x->room) {
        const size_t room = x->length + length + 4096;
        char *grown = room <= LONGEST ? realloc(x->line, room) : NULL;
        if (!grown) {
            ctl_fail(x->ctl, "out of memory for a line");
            return false;
        }
        x->line = grown;
        x->room = room;
    }
    memcpy(x->line + x->length, bytes, length);
    x->length += length;
    return true;
}

static bool on_bytes(void *arg, const char *bytes, size_t length)
{
    struct export *x = arg;
    if (fwrite(bytes, 1, length, x->out) != length) {
        return failed(x, "cannot write");
    }
    for (const char *const end = bytes + length; bytes < end;) {
        const char *feed = memchr(bytes, '\n', (size_t)(end - bytes));
        if (!keep(x, bytes, (size_t)((feed ? feed : end) - bytes))) {
            return false;
        }
        if (feed) {
            verify_line(x);
        }
        bytes = feed ? feed + 1 : end;
    }
    return true;
}

/* All of it, into x->out. An end without its last line is no export. */
static int fetch(struct export *x, const struct audit_question *q)
{
    char *path = audit_path(q, "format=ndjson");
    if (!path) {
        return ctl_fail(x->ctl, "out of memory");
    }
    const struct client_request request = {
        .path = path, .timeout_s = PATIENCE_S, .sink = on_bytes, .sink_arg = x};
    struct client_answer answer;
    audit_export_begin(&x->verified, NULL);
    int code = client_ask(x->ctl, &request, &answer);
    client_free(&answer);
    free(path);
    free(x->line);
    if (code == CTL_OK && !x->wrong && !x->verified.ended) {
        code = ctl_fail(x->ctl, "the export ends without its last line: it was broken off");
    }
    x->wrong = x->wrong || (code == CTL_OK && audit_export_finish(&x->verified) != 0);
    return code;
}

/* What was written is what is there; that it is not right is said. */
static int verdict(const struct export *x)
{
    const struct audit_result *r = &x->verified.result;
    return x->wrong ? ctl_fail(x->ctl, "entry %lld is not right: %s", (long long)r->bad, r->why)
                    : CTL_OK;
}

static void print_done(const struct export *x)
{
    const struct audit_result *r = &x->verified.result;
    char hash[AUDIT_HASH_TEXT];
    if (x->ctl->json) {
        audit_hash_text(r->head.hash, hash);
        output_text("{\"file\":");
        output_quoted(x->path);
        printf(",\"entries\":%llu,\"head\":{\"number\":%lld,\"hash\":\"%s\"},\"whole\":%s}\n",
               (unsigned long long)r->entries, (long long)r->head.number, hash,
               x->verified.whole ? "true" : "false");
        return;
    }
    output_plain(x->path, strlen(x->path));
    output_text(":");
    audit_print_count(r->entries, &r->head);
    output_text(x->verified.whole ? "\n" : " (a part of the trail)\n");
}

/* Under another name until it is whole. */
static int fetch_file(struct export *x, const struct audit_question *q, char *name)
{
    const int fd = mkostemp(name, O_CLOEXEC);
    x->out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!x->out) {
        failed(x, "cannot make");
        if (fd >= 0) {
            close(fd);
            unlink(name);
        }
        return CTL_NEGATIVE;
    }
    int code = fetch(x, q);
    const bool written = fflush(x->out) == 0 && fsync(fd) == 0;
    if (fclose(x->out) != 0 || (code == CTL_OK && (!written || rename(name, x->path) != 0))) {
        failed(x, "cannot write");
        code = CTL_NEGATIVE;
    }
    if (code != CTL_OK) {
        unlink(name);
    }
    return code;
}

int audit_export_to(const struct ctl *ctl, const struct audit_question *q)
{
    struct export x = {.ctl = ctl, .path = q->options[AUDIT_OUTPUT], .out = stdout};
    char *name = NULL;
    if (!x.path) {
        x.path = "stdout";
        const int code = fetch(&x, q);
        return code == CTL_OK ? verdict(&x) : code;
    }
    if (asprintf(&name, "%s.XXXXXX", x.path) < 0) {
        return ctl_fail(ctl, "out of memory");
    }
    const int code = fetch_file(&x, q, name);
    free(name);
    if (code != CTL_OK) {
        return code;
    }
    print_done(&x);
    return verdict(&x);
}
