#include "telemetry_error.h"

#include <string.h>

#include "hash.h"

void telemetry_error(struct telemetry *t, int error, const char *key, size_t length, int64_t now_ms)
{
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    const uint64_t tag = XXH3_64bits_withSeed(key, length, (uint64_t)error) | 1; /* 0: free */
    if (!file) {
        return;
    }
    for (unsigned i = 0; i < TELEMETRY_ERRORS; i++) {
        struct telemetry_error *e = &file->errors[(tag + i) % TELEMETRY_ERRORS];
        uint64_t found = atomic_load_explicit(&e->tag, memory_order_acquire);
        if (found == 0 && atomic_compare_exchange_strong_explicit(
                              &e->tag, &found, tag, memory_order_acq_rel, memory_order_acquire)) {
            e->error = (uint8_t)error;
            e->key_length = (uint8_t)(length < sizeof(e->key) ? length : sizeof(e->key));
            memcpy(e->key, key, e->key_length);
            atomic_store_explicit(&e->first_ms, now_ms, memory_order_relaxed);
            atomic_store_explicit(&e->complete, 1, memory_order_release);
            found = tag;
        }
        if (found == tag) {
            atomic_store_explicit(&e->last_ms, now_ms, memory_order_relaxed);
            atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
            return;
        }
    }
}
