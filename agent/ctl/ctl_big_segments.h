/*
 * ctl_big_segments.h - ffctl status: how the store of big segments fares.
 */
#ifndef FFSHM_CTL_BIG_SEGMENTS_H
#define FFSHM_CTL_BIG_SEGMENTS_H

#include "big_segments.h"
#include "ffshm.h"

struct big_segments_view {
    struct ffshm_big_segment_status status;
    bool has_counts;
    struct big_segments_counts counts;
};

void big_segments_read(struct ffshm *store, struct big_segments_view *out);

/* ,"big_segments":{...}, or null where none is configured. */
void big_segments_print_json(const struct big_segments_view *v);
/* A line or two; nothing where none is configured. */
void big_segments_print_text(const struct big_segments_view *v);

#endif
