/*
 * document_memo.h - trees by the text that they were parsed from, so that a reload parses what
 * changed.
 *
 * A definition file that was saved again is nearly all the text that it was. The values two levels
 * down (one flag, one segment) are remembered by a 128-bit hash of their bytes; one that comes
 * again is the same tree, with one more reference, and is neither validated nor built again. JSON
 * only.
 */
#ifndef FFSHM_AGENT_DOCUMENT_MEMO_H
#define FFSHM_AGENT_DOCUMENT_MEMO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "hash.h"

struct document_memo;

/* NULL: no memory; parsing goes without. */
struct document_memo *document_memo_new(void);
void document_memo_free(struct document_memo *memo);

/* Ends one load of all files. good: what it met is remembered and nothing else; not good: what was
   remembered before stays. NULL is harmless. */
void document_memo_end(struct document_memo *memo, bool good);

/* For document.c: the tree (a new reference) of a value with these bytes, or NULL. */
json_t *document_memo_find(struct document_memo *memo, struct hash128 text);
/* Remembers a tree that was parsed from them. Out of memory: it is not remembered. */
void document_memo_put(struct document_memo *memo, struct hash128 text, json_t *tree);

#endif
