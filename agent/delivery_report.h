/*
 * delivery_report.h - what becomes of events, for the control page: `ffctl status` and monitoring.
 */
#ifndef FFSHM_AGENT_DELIVERY_REPORT_H
#define FFSHM_AGENT_DELIVERY_REPORT_H

#include "collect/collector.h"
#include "deliver/launchdarkly_events.h"
#include "image.h"

/* Does not touch `sequence`. */
void delivery_report_make(const struct launchdarkly_events_stats *events,
                          const struct collector_stats *collected,
                          struct image_delivery_report *out);

#endif
