/*
 * store_evaluations - evaluates as programs do, for the round trip of LaunchDarkly's store:
 *
 *   store_evaluations DIR < {"contexts": [...], "pairs": [[flag, index of a context], ...]}
 *
 * prints [[value, variation, reason], ...]: value "the default" and variation null where there is
 * none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ffshm.h"
#include "reason_json.h"

#define VALUE_MOST (1u << 20)

static json_t *evaluate(struct ffshm *ff, const char *flag, json_t *context, char *buffer)
{
    char *text = json_dumps(context, JSON_COMPACT);
    const size_t length = strlen(text);
    char *scratch = malloc(length + 64);
    struct ffshm_context c;
    struct ffshm_detail d;
    ffshm_context_parse(&c, text, length, scratch, length + 64);
    ffshm_json_detail(ff, flag, &c, "\"the default\"", buffer, VALUE_MOST, &d);
    json_t *result =
        json_pack("[o, o, o]", json_loads(buffer, JSON_DECODE_ANY, NULL),
                  d.variation >= 0 ? json_integer(d.variation) : json_null(), reason_json(&d));
    free(scratch);
    free(text);
    return result;
}

int main(int argc, char **argv)
{
    json_t *asked = argc == 2 ? json_loadf(stdin, JSON_ALLOW_NUL, NULL) : NULL;
    if (!asked) {
        fputs("usage: store_evaluations DIR <QUESTIONS\n", stderr);
        return 2;
    }
    const struct ffshm_options options = {.size = sizeof options, .no_telemetry = true};
    struct ffshm *ff = ffshm_open(argv[1], &options);
    json_t *contexts = json_object_get(asked, "contexts");
    json_t *results = json_array();
    char *buffer = malloc(VALUE_MOST);
    size_t i;
    json_t *pair;
    json_array_foreach(json_object_get(asked, "pairs"), i, pair)
    {
        const char *flag = json_string_value(json_array_get(pair, 0));
        json_t *context =
            json_array_get(contexts, (size_t)json_integer_value(json_array_get(pair, 1)));
        json_array_append_new(results, evaluate(ff, flag, context, buffer));
    }
    json_dumpf(results, stdout, JSON_COMPACT);
    free(buffer);
    json_decref(results);
    json_decref(asked);
    ffshm_close(ff);
    return 0;
}
