/*
 * hello - the whole way to a flag's value: open, say who is asking, ask.
 *
 *     cc hello.c $(pkg-config --cflags --libs ffshm) -o hello
 */
#include <ffshm.h>
#include <stdio.h>

int main(void)
{
    /* Never blocks, and never fails because no agent runs: until a snapshot is there, every
       evaluation returns the fallback that it was given. */
    struct ffshm *ff = ffshm_open(NULL, NULL);
    if (ff == NULL) {
        return 1;
    }

    struct ffshm_context who; /* on the stack, borrowed strings, no allocation */
    ffshm_context_init(&who, "user", "user-123");
    ffshm_context_string(&who, "subscription_tier", "premium");
    ffshm_context_string(&who, "country", "US");

    if (ffshm_bool(ff, "new_feature", &who, false)) {
        printf("new_feature is on for user-123\n");
    } else {
        printf("new_feature is off for user-123\n");
    }

    char plan[64];
    struct ffshm_detail why;
    ffshm_string_detail(ff, "enhanced_meal_planning", &who, "basic", plan, sizeof(plan), &why);
    printf("enhanced_meal_planning: %s (%s", plan, ffshm_reason_name(why.reason));
    if (why.error != FFSHM_OK) {
        printf(", %s: %s", ffshm_error_text(why.error), ffshm_error_hint(why.error));
    } else if (why.rule_index >= 0) {
        printf(", rule %d", why.rule_index);
    }
    printf(")\n");

    ffshm_close(ff);
    return 0;
}
