#include "ctl_top_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collect/rates_json.h"
#include "ctl_client.h"
#include "ctl_files.h"

static int nobody_counts(const struct ctl *ctl)
{
    return ctl_fail(ctl, "nobody counts what programs evaluate: the agent does unless "
                         "events.enabled is false");
}

static bool is_elsewhere(void)
{
    const char *const url = getenv("FFSHM_URL");
    return url && *url;
}

static int open_files(struct top_source *s)
{
    const char *const dir = files_dir(s->ctl->dir);
    const struct ffshm_options how = {.size = sizeof how, .no_telemetry = true};
    struct fault fault = {0};
    int why;
    if (files_no_directory(dir)) {
        return ctl_fail(s->ctl,
                        "%s: no such directory; start ffagent, or name the store with --dir", dir);
    }
    s->rates = rates_open(dir, &why, &fault);
    if (!s->rates && why == EACCES) {
        return CTL_OK; /* the agent is asked */
    }
    if (!s->rates) {
        return why == ENOENT ? nobody_counts(s->ctl)
                             : ctl_fail(s->ctl, "%s: %s", fault.file, fault.cause);
    }
    s->store = ffshm_open(dir, &how);
    return s->store ? CTL_OK : ctl_fail(s->ctl, "%s", ffshm_error_text(FFSHM_NO_MEMORY));
}

static bool is_counted(struct top_source *s)
{
    struct ffshm_status status;
    ffshm_status(s->store, &status);
    return status.telemetry;
}

static json_t *read_files(struct top_source *s)
{
    const struct rates_filter filter = {.prefix = s->prefix};
    struct ffshm_view view;
    rates_sample(s->rates);
    ffshm_pin(s->store, &view);
    json_t *const body = rates_json(s->rates, &view, &filter);
    ffshm_unpin(&view);
    if (!body) {
        ctl_fail(s->ctl, "out of memory");
    }
    return body;
}

static json_t *ask_agent(const struct top_source *s)
{
    char *const prefix = s->prefix ? client_segment(s->prefix) : NULL;
    char *path = NULL;
    struct client_answer answer = {0};
    json_t *body = NULL;
    if (asprintf(&path, "%s/rates%s%s", s->fleet ? "/fleet" : "", prefix ? "?prefix=" : "",
                 prefix ? prefix : "") < 0) {
        path = NULL;
        ctl_fail(s->ctl, "out of memory");
    }
    const struct client_request request = {.path = path};
    if (path && client_ask(s->ctl, &request, &answer) == CTL_OK) {
        body = json_incref(answer.json);
    }
    client_free(&answer);
    free(path);
    free(prefix);
    return body;
}

int top_source_open(struct top_source *s, const struct ctl *ctl, const char *prefix, bool fleet)
{
    *s = (struct top_source){.ctl = ctl, .prefix = prefix, .fleet = fleet};
    const int code = fleet || is_elsewhere() ? CTL_OK : open_files(s);
    if (code != CTL_OK || !s->rates) {
        return code;
    }
    return is_counted(s) ? CTL_OK : nobody_counts(ctl);
}

json_t *top_source_read(struct top_source *s)
{
    return s->rates ? read_files(s) : ask_agent(s);
}

void top_source_close(struct top_source *s)
{
    rates_free(s->rates);
    ffshm_close(s->store);
    *s = (struct top_source){.rates = NULL};
}
