/*
 * definitions.h - definition files -> items: read, parse, lower, merge. Shared by the file source,
 * ffctl eval --flags and ffctl lint; no event loop.
 */
#ifndef FFSHM_AGENT_DEFINITIONS_H
#define FFSHM_AGENT_DEFINITIONS_H

#include <stdint.h>

#include "../catalog/document_memo.h"
#include "../catalog/model.h"

struct definitions {
    struct model_item **items; /* owned until taken */
    size_t count;
    int64_t next_ms; /* when a schedule changes something next; 0: never */
};

#define DEFINITIONS_MAX_FILE (512u << 20) /* bytes of one file */

/* Reads every file (native or LaunchDarkly format) and merges them; the same key twice is a fault
   that names both places. All or nothing: 0, or -1 with *fault. provenance of an item: "file:PATH".
 */
/* memo (document_memo.h): what the last load with it parsed is not parsed again; NULL: parse
 * everything. */
int definitions_load(const char *const *files, size_t count, int64_t now_ms,
                     struct document_memo *memo, struct definitions *out, struct fault *fault);
void definitions_free(struct definitions *d);

#endif
