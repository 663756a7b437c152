/*
 * ctl_status_fleet.h - what the agent says of its fleet, for ffctl status.
 */
#ifndef FFSHM_CTL_STATUS_FLEET_H
#define FFSHM_CTL_STATUS_FLEET_H

#include <jansson.h>

#include "ctl.h"

/* Owned; NULL: it is in none, or does not say. dir: the store's. */
json_t *status_fleet(const struct ctl *ctl, const char *dir);
/* "fleet        connected, record 12 ..."; nothing for NULL. */
void status_fleet_print(const struct ctl *ctl, const json_t *fleet);
/* ,"fleet":{...}; null for NULL. */
void status_fleet_print_json(const json_t *fleet);

#endif
