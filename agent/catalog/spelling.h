/*
 * spelling.h - which known name did somebody mean who wrote an unknown one?
 */
#ifndef FFSHM_AGENT_SPELLING_H
#define FFSHM_AGENT_SPELLING_H

#include <stddef.h>

/* The candidates seen so far. Start with {word}. */
struct spelling {
    const char *word;
    const char *best; /* the nearest candidate; NULL: none is near */
    unsigned distance;
};

/* Offers a candidate (kept by pointer). Near is: the word is its beginning, or at most a third of
   the word, plus one letter, is to be inserted, deleted, replaced or swapped with its neighbour
   (the optimal string alignment distance), whatever the case of letters. */
void spelling_offer(struct spelling *s, const char *candidate);

#endif
