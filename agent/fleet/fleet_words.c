/* A command of many words, as they come together. */
#include <stdlib.h>
#include <string.h>

#include "fleet_state.h"

void fleet_word(struct fleet_words *w, const void *bytes, size_t length)
{
    if (w->count == w->room && !w->failed) {
        const size_t room = w->room ? w->room * 2 : 64;
        const char **words = realloc(w->words, room * sizeof *words);
        w->words = words ? words : w->words;
        size_t *lengths = words ? realloc(w->lengths, room * sizeof *lengths) : NULL;
        w->lengths = lengths ? lengths : w->lengths;
        w->failed = !lengths;
        w->room = lengths ? room : w->room;
    }
    if (!w->failed) {
        w->words[w->count] = bytes ? bytes : "";
        w->lengths[w->count++] = bytes ? length : 0;
    }
}

void fleet_word_text(struct fleet_words *w, const char *text)
{
    fleet_word(w, text, strlen(text));
}

int fleet_words_send(struct fleet *f, struct fleet_words *w, redis_reply_fn *fn, void *arg)
{
    const int result =
        w->failed ? -1 : redis_link_send(f->link, fn, arg, (int)w->count, w->words, w->lengths);
    free(w->words);
    free(w->lengths);
    *w = (struct fleet_words){.words = NULL};
    return result;
}
