/*
 * Who runs what is to be run once: whoever has the lease. It saves the others the work; that a
 * schedule runs once is ensured by its record, which only one of two can append (fleet_commit.c).
 */
#include <inttypes.h>
#include <stdio.h>

#include "../log.h"
#include "fleet_state.h"

#define MARGIN_MS 500 /* it is over for us that much earlier than for Redis */

static void on_lease(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    const bool led = fleet_leads(f);
    struct fault fault = {0};
    f->leasing = false;
    if (f->stage == FLEET_FOLLOWING && reply && fleet_refused(f, reply, lost, &fault)) {
        fleet_set_trouble(f, &fault);
    }
    f->leads = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    if (f->leads) {
        f->leave_ms = 0; /* it can be written */
        f->lease_ms = f->leased_ms + FLEET_LEASE_MS - MARGIN_MS;
    }
    if (fleet_leads(f) && !led) {
        LOG_EVENT(LOG_LEVEL_INFO, "fleet-leading", log_text("host", f->host));
        if (f->owner.leading) {
            f->owner.leading(f->owner.arg);
        }
    }
}

void fleet_lease_tick(struct fleet *f)
{
    char ms[16];
    snprintf(ms, sizeof ms, "%d", FLEET_LEASE_MS);
    const char *const words[] = {"EVAL", fleet_script_lease, "1", f->keys.lease, f->id, ms};
    if (fleet_may_change(f) && !f->leasing &&
        redis_link_send(f->link, on_lease, f, 6, words, NULL) == 0) {
        f->leasing = true;
        f->leased_ms = fleet_now_ms();
    }
}
