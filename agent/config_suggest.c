#include "config_settings.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 32

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    const unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap neighbours) between two names of at most LONGEST bytes:
   the restricted Damerau-Levenshtein distance, row by row. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][LONGEST + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *const row = rows[i % 3];
        const unsigned *const above = rows[(i + 2) % 3];
        const unsigned *const two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            const int x = tolower((unsigned char)a[i - 1]);
            const int y = tolower((unsigned char)b[j - 1]);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]) && two_above[j - 2] + 1 < row[j]) {
                row[j] = two_above[j - 2] + 1;
            }
        }
    }
    return rows[a_length % 3][b_length];
}

static const char *nearest(const char *wrong, const char *const *names, size_t count)
{
    const size_t length = strlen(wrong);
    if (length > LONGEST) {
        return NULL;
    }
    const char *best = NULL;
    unsigned best_distance = (unsigned)(length / 3 + 1);
    for (size_t i = 0; i < count; i++) {
        const size_t name_length = strlen(names[i]);
        if (name_length > LONGEST) {
            continue;
        }
        const unsigned d = distance(wrong, length, names[i], name_length);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

void config_suggest(char *hint, size_t capacity, const char *wrong, const char *const *names,
                    size_t count, const char *otherwise)
{
    const char *meant = nearest(wrong, names, count);
    if (meant) {
        snprintf(hint, capacity, "did you mean %s?", meant);
    } else {
        snprintf(hint, capacity, "%s", otherwise);
    }
}
