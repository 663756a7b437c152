/*
 * handle - a flag resolved once, and several flags from one version.
 *
 *     cc handle.c $(pkg-config --cflags --libs ffshm) -o handle
 */
#include <ffshm.h>
#include <stdio.h>
#include <string.h>

/* A handle looks its key up once; it stays valid while flags come, change and go. */
static struct ffshm_flag algorithm = FFSHM_FLAG("meal_planning_algorithm");

/* A gradual rollout, as a service sees it: every user gets the same answer every time. */
static int count_v2(struct ffshm *ff, int users)
{
    int count = 0;
    for (int i = 0; i < users; i++) {
        char key[32];
        snprintf(key, sizeof(key), "user-%d", i);
        struct ffshm_context who;
        ffshm_context_init(&who, "user", key);

        char version[16];
        ffshm_flag_string(ff, &algorithm, &who, "v1", version, sizeof(version));
        count += strcmp(version, "v2") == 0;
    }
    return count;
}

/* A pinned view is one version of all flags: no publish can come between two evaluations, and
   strings are borrowed instead of copied. */
static void print_page(struct ffshm *ff, const struct ffshm_context *who)
{
    static const char *const flags[] = {"onboarding_flow", "recommendation_weights",
                                        "cache_strategy"};
    enum { COUNT = sizeof(flags) / sizeof(flags[0]) };
    struct ffshm_result results[COUNT];

    struct ffshm_view view;
    ffshm_pin(ff, &view);
    ffshm_evaluate_many(&view, flags, COUNT, who, results);
    for (int i = 0; i < COUNT; i++) {
        if (results[i].json != NULL) {
            printf("%-24s %s\n", flags[i], results[i].json);
        } else {
            printf("%-24s (%s)\n", flags[i], ffshm_error_text(results[i].error));
        }
    }
    ffshm_unpin(&view); /* what the results point to is gone from here on */
}

int main(void)
{
    struct ffshm *ff = ffshm_open(NULL, NULL);
    if (ff == NULL) {
        return 1;
    }
    printf("meal_planning_algorithm is v2 for %d of 1000 users\n", count_v2(ff, 1000));

    struct ffshm_context who;
    ffshm_context_init(&who, "user", "user-123");
    print_page(ff, &who);

    ffshm_close(ff);
    return 0;
}
