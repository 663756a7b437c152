/*
 * ctl_top_screen.h - rates for people: on a terminal a screen that is drawn anew, elsewhere one
 * table below the other.
 */
#ifndef FFSHM_CTL_TOP_SCREEN_H
#define FFSHM_CTL_TOP_SCREEN_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl.h"

/* Takes a terminal's other screen, so that what was there is there again at the end. */
void top_screen_begin(bool terminal);
void top_screen_end(bool terminal);

/* Draws what rates_between has made of an interval: of a terminal, as much as fits into its window;
   at most `rows` flags (0: all). */
void top_screen_draw(const struct ctl *ctl, const json_t *rates, bool terminal, size_t rows);

#endif
