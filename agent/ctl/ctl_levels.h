/*
 * ctl_levels.h - ffctl status: where LaunchDarkly's definitions came from, and what becomes of its
 * store in Redis.
 */
#ifndef FFSHM_CTL_LEVELS_H
#define FFSHM_CTL_LEVELS_H

#include "image.h"

/* The report in the control page of `dir`, whole. None, or just being written: zeros. */
void levels_read(const char *dir, struct image_levels_report *out);

/* ,"levels":{...},"store":{...}, or null: nothing of LaunchDarkly's is in use; no store is written.
 */
void levels_print_json(const struct image_levels_report *report);
/* A line or two; nothing where there is nothing to tell. */
void levels_print_text(const struct image_levels_report *report);

#endif
