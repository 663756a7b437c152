/*
 * big_segments.c - what the agent knows of big segments' members.
 */
#include "ffshm.h"

void ffshm_big_segment_status(struct ffshm *ff, struct ffshm_big_segment_status *out)
{
    (void)ff;
    *out = (struct ffshm_big_segment_status){.configured = false};
}

int ffshm_wait_big_segment_status(struct ffshm *ff, struct ffshm_big_segment_status *known,
                                  int timeout_ms)
{
    (void)timeout_ms;
    return ff && known ? FFSHM_TIMEOUT : FFSHM_INVALID_ARGUMENT;
}
