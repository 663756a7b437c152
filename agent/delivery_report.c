#include "delivery_report.h"

#include <stdio.h>
#include <string.h>

void delivery_report_make(const struct launchdarkly_events_stats *events,
                          const struct collector_stats *collected,
                          struct image_delivery_report *out)
{
    const char *const error = events->last_error ? events->last_error : "";
    const bool refused = events->last_status >= 300;
    memset(out, 0, sizeof *out);
    out->state = events->stopped     ? IMAGE_DELIVERY_STOPPED
                 : refused || *error ? IMAGE_DELIVERY_FAILING
                                     : IMAGE_DELIVERY_WORKING;
    out->last_status = (int32_t)events->last_status;
    out->processes = collected->files;
    out->delivered = events->payloads;
    out->failures = events->failures;
    out->waiting_bytes = events->outbox_bytes;
    out->dropped_payloads = events->dropped_payloads;
    out->dropped_events = events->dropped_events;
    snprintf(out->error_text, sizeof out->error_text, "%s", error);
}
