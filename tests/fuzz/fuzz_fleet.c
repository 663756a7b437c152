/* A record out of a fleet's log, into a replica: whatever it is, the storage stays whole. */
#include "fleet/fleet_replica.h"
#include "fuzz.h"
#include "storage/storage_admin.h"

static int count(void *arg, const struct row_change *change)
{
    struct rows_key keys[3];
    (void)rows_key_read(change->key, change->key_length, keys, 3);
    ++*(size_t *)arg;
    return 0;
}

static int see(void *arg, const struct storage_override *override)
{
    (void) override;
    ++*(size_t *)arg;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct storage *s;
    struct fleet_replica r;
    struct fault fault = {0};
    size_t told = 0;
    char chain[FLEET_CHAIN];
    const struct fleet_position begun = {.epoch = "00000000000000000000000000000001",
                                         .chain = "00000000000000000000000000000002"};
    s = s ? s : storage_open(":memory:", NULL);
    if (!s || fleet_replica_load(&r, s, &fault) != 0 ||
        fleet_replica_found(&r, &begun, &fault) != 0) {
        return 0;
    }
    fleet_chain_next(begun.chain, data, size, chain);
    const struct fleet_entry entry = {1, data, size, chain};
    (void)fleet_replica_apply(&r, &entry, 1, false, count, &told, &fault);
    (void)storage_override_list(s, NULL, 0, see, &told, &fault);
    return 0;
}
