/*
 * telemetry_reader.h - what readers told (lib/telemetry_file.h), read back by a test; and what a
 * test does in the collector's place: windows, acks.
 *
 * All functions print and exit(1) on failure, also when a file is not as it should be.
 */
#ifndef FFSHM_TESTS_TELEMETRY_READER_H
#define FFSHM_TESTS_TELEMETRY_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "telemetry_file.h"

/* The collector's side of a store. */
struct telemetry_desk {
    char dir[64];
    struct image_control *control;
    struct telemetry_acks *acks;
};

/* Makes telemetry/ and acks in the store's directory. No window is open yet. */
void telemetry_desk_open(struct telemetry_desk *desk, const char *dir);
/* Removes them, with all files. */
void telemetry_desk_close(struct telemetry_desk *desk);
/* The control page's word: epoch and window. 0, 0: nobody collects. */
void telemetry_desk_window(struct telemetry_desk *desk, uint32_t epoch, uint32_t window,
                           bool events);
/* Takes note of all that is in the rings: they are empty again. */
void telemetry_desk_ack(struct telemetry_desk *desk);

/* Removes the files of processes that are gone; returns how many there were. */
unsigned telemetry_desk_remove_gone(struct telemetry_desk *desk);

/* ---- reading ---- */

unsigned telemetry_files(const char *dir);
/* Evaluations, over all files and stripes. version -1: an unknown key. variation -1: the
   fallback. */
uint64_t telemetry_counted(const char *dir, const char *key, int64_t version, int variation);
/* Of all flags, versions and variations. */
uint64_t telemetry_counted_all(const char *dir);
/* Stripes in which something was counted, as bits, over all files. */
unsigned telemetry_stripes(const char *dir);
uint64_t telemetry_failed(const char *dir, int error, const char *key);

struct telemetry_totals {
    uint64_t dropped_events;
    uint64_t dropped_counts;
    uint64_t flush_requests;
    uint64_t arena_used;
};
struct telemetry_totals telemetry_totals(const char *dir);

/* The records that are not acknowledged, in their order: [[type, flags, payload], ...] with the
   type's name in lower case and the payload as JSON; bin as {"bin": text}. */
json_t *telemetry_records(const char *dir);
/* Of one type: [payload, ...]. */
json_t *telemetry_records_of(const char *dir, const char *type);

#endif
