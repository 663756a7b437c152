/*
 * telemetry_ask.c - asks the agent for a context's membership of big segments.
 */
#include "telemetry.h"
#include "telemetry_map.h"
#include "telemetry_pack.h"
#include "telemetry_ring.h"

void telemetry_ask(struct ffshm *ff, const char *key, size_t length, uint64_t mark)
{
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    if (ff->no_telemetry ||
        !(atomic_load_explicit(&control->telemetry_wants, memory_order_relaxed) &
          IMAGE_WANTS_MEMBERSHIPS)) {
        return;
    }
    struct telemetry *without;
    struct telemetry *t = telemetry_get(ff, &without);
    if (!t) {
        return; /* perhaps the next time */
    }
    /* Threads that come here at once may ask twice: it is asked for once all the same. */
    _Atomic uint64_t *const asked = &t->asked[mark % TELEMETRY_ASKED];
    const struct telemetry_text text = {key, length};
    if (atomic_load_explicit(asked, memory_order_relaxed) != mark &&
        telemetry_push(ff, t, TELEMETRY_ASK, 0, telemetry_pack_ask, &text)) {
        atomic_store_explicit(asked, mark, memory_order_relaxed);
    }
}
