/*
 * bench_report.h - a line of results: a JSON object with --json, else text in columns for people.
 *
 *     bench_line("eval");
 *     bench_text("case", "bool-off");
 *     bench_number("median_ns", 5.2);
 *     bench_end();
 *
 * Every JSON line also carries cpu, kernel, compiler, commit, snapshot_bytes and telemetry. One
 * thread.
 */
#ifndef FFSHM_BENCH_REPORT_H
#define FFSHM_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before the first line. */
void bench_report_json(bool json);
/* Of what the next lines are about: bytes of the snapshot in a store's directory (NULL: none, 0),
   which are returned, too; and "off", "counting" or "events". */
uint64_t bench_report_snapshot(const char *store);
void bench_report_telemetry(const char *telemetry);

void bench_line(const char *name);
/* value must outlive bench_end. */
void bench_text(const char *name, const char *value);
/* The name ends in the unit: _ns, _us, _ms, _s, _bytes, _per_s; without one it is a plain number.
 */
void bench_number(const char *name, double value);
/* Points of a curve: in JSON alone. Both arrays must outlive bench_end. */
void bench_points(const char *name, const double *x, const double *y, size_t count);
void bench_end(void);

/* Sorts the times and adds median, min, p10 and p90 of them, in that unit ("ns"), and rounds. */
void bench_spread(const char *unit, double *times, size_t count);
/* The same with median, min, p90, p99 and max: for single events. No p99 of fewer than 100. */
void bench_tail(const char *unit, double *times, size_t count);

#endif
