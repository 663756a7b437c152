/*
 * migration - reading from an old store and a new one, as a flag says, and telling how it went.
 *
 *     cc migration.c $(pkg-config --cflags --libs ffshm) -o migration
 */
#include <ffshm.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Two stores of recipes; the new one is not quite right yet. */
static const char *read_old(const char *recipe)
{
    return strcmp(recipe, "bread") == 0 ? "flour, water, salt" : "water, salt";
}

static const char *read_new(const char *recipe)
{
    return strcmp(recipe, "bread") == 0 ? "flour, water, salt" : "water";
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Asks one of the two, and notes it. */
static const char *ask(struct ffshm_migration *m, int origin, const char *recipe)
{
    const double started = now_ms();
    const char *answer = origin == FFSHM_ORIGIN_OLD ? read_old(recipe) : read_new(recipe);
    ffshm_migration_invoked(m, origin);
    ffshm_migration_latency(m, origin, now_ms() - started);
    if (answer == NULL) {
        ffshm_migration_error(m, origin);
    }
    return answer;
}

static void print_recipe(struct ffshm *ff, const struct ffshm_context *who, const char *recipe)
{
    struct ffshm_migration m; /* borrows ff and who until it is tracked */
    const int stage = ffshm_migration_stage(ff, "recipe_storage", who, FFSHM_STAGE_OFF, &m);
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);

    /* Which of the two is believed, and whether the other one is asked as well. */
    const int first = stage <= FFSHM_STAGE_SHADOW ? FFSHM_ORIGIN_OLD : FFSHM_ORIGIN_NEW;
    const bool both = stage == FFSHM_STAGE_SHADOW || stage == FFSHM_STAGE_LIVE;
    const char *answer = ask(&m, first, recipe);
    const char *note = "";
    if (both) {
        const char *other = ask(&m, FFSHM_ORIGIN_OLD + FFSHM_ORIGIN_NEW - first, recipe);
        if (answer != NULL && other != NULL && ffshm_migration_wants_check(&m)) {
            const bool consistent = strcmp(answer, other) == 0;
            ffshm_migration_consistent(&m, consistent);
            note = consistent ? "; the other one agrees" : "; the other one differs";
        }
    }
    printf("%s: %s (the %s store%s)\n", recipe, answer != NULL ? answer : "cannot be read",
           first == FFSHM_ORIGIN_OLD ? "old" : "new", note);
    ffshm_migration_track(&m);
}

int main(void)
{
    struct ffshm *ff = ffshm_open(NULL, NULL);
    if (ff == NULL) {
        return 1;
    }
    struct ffshm_context who;
    ffshm_context_init(&who, "user", "user-123");

    printf("recipe_storage is at %s\n", ffshm_stage_name(ffshm_migration_stage(
                                            ff, "recipe_storage", &who, FFSHM_STAGE_OFF, NULL)));
    print_recipe(ff, &who, "bread");
    print_recipe(ff, &who, "soup");

    ffshm_close(ff);
    return 0;
}
