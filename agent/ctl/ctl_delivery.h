/*
 * ctl_delivery.h - ffctl status: what becomes of events.
 */
#ifndef FFSHM_CTL_DELIVERY_H
#define FFSHM_CTL_DELIVERY_H

#include <stdbool.h>

#include "image.h"

/* The report in the control page of `dir`, whole. false: there is none, or it is just being
   written. */
bool delivery_read(const char *dir, struct image_delivery_report *out);

/* ,"events":{...}, or null. */
void delivery_print_json(const struct image_delivery_report *report);
/* A line or two; nothing where no events are collected. */
void delivery_print_text(const struct image_delivery_report *report);

#endif
