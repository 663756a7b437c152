#include "ctl_status_fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_client.h"
#include "ctl_output.h"

#define PATIENCE_S 2

static bool has_socket(const char *dir)
{
    char *path;
    if (asprintf(&path, "%s/agent.sock", dir) < 0) {
        return false;
    }
    const bool has = access(path, W_OK) == 0;
    free(path);
    return has;
}

json_t *status_fleet(const struct ctl *ctl, const char *dir)
{
    const struct client_request request = {
        .path = "/status", .quiet = true, .timeout_s = PATIENCE_S};
    struct client_answer answer = {.status = 0};
    json_t *fleet = NULL;
    if (client_is_remote(ctl) || !has_socket(dir)) {
        return NULL;
    }
    if (client_ask(ctl, &request, &answer) == CTL_OK) {
        fleet = json_incref(json_object_get(answer.json, "fleet"));
    }
    client_free(&answer);
    return fleet;
}

static int64_t number(const json_t *fleet, const char *name)
{
    return json_integer_value(json_object_get(fleet, name));
}

static const char *text(const json_t *fleet, const char *name)
{
    const char *value = json_string_value(json_object_get(fleet, name));
    return value ? value : "";
}

void status_fleet_print(const struct ctl *ctl, const json_t *fleet)
{
    const char *state = text(fleet, "state");
    const char *trouble = text(fleet, "trouble");
    const bool well = strcmp(state, "connected") == 0;
    const int64_t kills = number(fleet, "waitingKills");
    if (!fleet) {
        return;
    }
    output_text("fleet        ");
    output_colour(ctl, well ? "32" : "33");
    output_plain(state, strlen(state));
    output_plainly(ctl);
    if (number(fleet, "awayMs") > 0) {
        char age[OUTPUT_SHORT];
        printf(" for %s", output_age(number(fleet, "awayMs"), age));
    }
    printf(", record %" PRId64, number(fleet, "sequence"));
    if (kills > 0) {
        printf(", %" PRId64 " kill%s not brought yet", kills, output_plural((size_t)kills));
    }
    if (*trouble) {
        output_text(": ");
        output_plain(trouble, strlen(trouble));
    }
    output_text("\n");
}

void status_fleet_print_json(const json_t *fleet)
{
    char *dumped = fleet ? json_dumps(fleet, JSON_COMPACT) : NULL;
    printf(",\"fleet\":%s", dumped ? dumped : "null");
    free(dumped);
}
