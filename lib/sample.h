/*
 * sample.h - one in so many, at random: LaunchDarkly's sampling ratios. Not for secrets.
 */
#ifndef FFSHM_SAMPLE_H
#define FFSHM_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* true for one call in `ratio` on average: 1 always, 0 and less never. Any thread; lock-free. */
bool sample_one_in(int32_t ratio);

#endif
