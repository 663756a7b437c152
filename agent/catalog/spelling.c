#include "spelling.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 40u /* bytes: longer words have no near name */
#define BEGINNING 3u /* bytes: shorter beginnings mean nothing */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int letter(char c)
{
    return tolower((unsigned char)c);
}

static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *const row = rows[i % 3];
        const unsigned *const above = rows[(i - 1) % 3];
        const unsigned *const two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            const unsigned replace = above[j - 1] + (letter(a[i - 1]) != letter(b[j - 1]));
            row[j] = least(replace, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
                letter(a[i - 2]) == letter(b[j - 1])) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

void spelling_offer(struct spelling *s, const char *candidate)
{
    const size_t word = strlen(s->word);
    const size_t length = strlen(candidate);
    if (word > WORD_MAX || length > WORD_MAX) {
        return;
    }
    const bool begins = word >= BEGINNING && strncasecmp(s->word, candidate, word) == 0;
    const unsigned d = begins ? 1 : distance(s->word, word, candidate, length);
    if (d <= word / 3 + 1 && d < length && (s->best == NULL || d < s->distance)) {
        s->best = candidate;
        s->distance = d;
    }
}
