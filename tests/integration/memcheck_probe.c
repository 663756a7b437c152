/*
 * memcheck_probe.c - evaluates with keys and contexts from the heap, each in a block of its own and
 * exactly as long: what memcheck.sh runs under Valgrind.
 *
 *     memcheck_probe DIRECTORY
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ffshm.h"

static unsigned served;

static void ask(struct ffshm *ff, const char *text, const struct ffshm_context *c)
{
    char value[16];
    char *key = strdup(text);
    struct ffshm_flag handle = FFSHM_FLAG(key);
    served += ffshm_bool(ff, key, c, false);
    served += ffshm_flag_bool(ff, &handle, c, false);
    (void)ffshm_string(ff, key, c, "", value, sizeof value);
    free(key);
}

int main(int argc, char **argv)
{
    struct ffshm *ff = ffshm_open(argc > 1 ? argv[1] : NULL, NULL);
    char key[64] = "";
    char *user = strdup("user-1");
    char *plan = strdup("premium");
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, user);
    ffshm_context_string(&c, "plan", plan);
    for (unsigned length = 0; length < 48; length++) {
        ask(ff, key, &c);
        key[length] = 'k';
        key[length + 1] = '\0';
    }
    ask(ff, "rollout", &c);
    ffshm_close(ff);
    free(user);
    free(plan);
    printf("%u\n", served);
    return 0;
}
