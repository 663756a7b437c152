#include <stdio.h>

#include "catalog/spelling.h"
#include "config_settings.h"

void config_suggest(char *hint, size_t capacity, const char *wrong, const char *const *names,
                    size_t count, const char *otherwise)
{
    struct spelling spelling = {.word = wrong};
    for (size_t i = 0; i < count; i++) {
        spelling_offer(&spelling, names[i]);
    }
    if (spelling.best) {
        snprintf(hint, capacity, "did you mean %s?", spelling.best);
    } else {
        snprintf(hint, capacity, "%s", otherwise);
    }
}
