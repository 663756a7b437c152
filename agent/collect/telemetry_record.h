/*
 * telemetry_record.h - a ring's record as what deliver takes.
 */
#ifndef FFSHM_AGENT_TELEMETRY_RECORD_H
#define FFSHM_AGENT_TELEMETRY_RECORD_H

#include "../deliver/deliver.h"
#include "telemetry_fields.h"

enum telemetry_item_kind { TELEMETRY_ITEM_EVENT, TELEMETRY_ITEM_SEEN, TELEMETRY_ITEM_ASK };

struct telemetry_item {
    enum telemetry_item_kind kind;
    struct deliver_event event;
    struct deliver_seen seen;
    const char *key; /* TELEMETRY_ITEM_ASK: of the context */
    double metric;
    const char *kinds[8]; /* as many as a context has */
};

/* Reads a record of the type (enum telemetry_record_type, but for PAD). The texts are in the
   scratch until the next record; the values are the item's. false: it is malformed, or of a type
   that is not known; nothing is to be freed then. */
bool telemetry_record_read(struct telemetry_scratch *scratch, unsigned type, unsigned flags,
                           const void *payload, size_t length, struct telemetry_item *out);
void telemetry_item_free(struct telemetry_item *item);

#endif
