/*
 * floor.h - the least that the cases of `ffbench eval` can take on this machine.
 *
 * Not a sum of latencies: eval runs evaluations that do not wait for each other, and a processor
 * works on several at a time, so that such a sum would be above what is measured. Instead the floor
 * of a case is a function that does what the case cannot do without, and nothing else, run in the
 * same loop as eval runs ffshm. What that is, in this order:
 *
 *   key       is the snapshot still the newest? XXH3 of the key; one entry of a hash table; one
 *             line of memory with all that the flag is; the key compared
 *   handle    is it the newest? The flag's line; its hash compared
 *   view      as by key, of a snapshot that is the newest by definition
 *   then what the case is about: floor.c has the list
 *   counting  one addition in memory, for each flag
 *
 * What one can argue about is left out: the key's length is known, the index has no second probe
 * to speak of, the flag is 64 bytes however much there is to say of it, nothing is told but the
 * value, memory is in huge pages. So a floor errs towards too low, and a ratio to it does not
 * flatter.
 *
 * No floor is given for cases whose cost is a parser's (regex, semver, date) or that of writing a
 * long text (all-flags): no machine says how little of that there must be.
 */
#ifndef FFSHM_BENCH_FLOOR_H
#define FFSHM_BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

enum floor_by { FLOOR_KEY, FLOOR_HANDLE, FLOOR_VIEW };

struct floor_job {
    const char *of; /* a case's name */
    enum floor_by by;
    bool counting;
    bool random; /* another flag each time, all like bench-fallthrough */
    bool alone;  /* each waits for the one before */
};

struct floor; /* what jobs run on */

/* `flags`: as in the snapshot that eval has. NULL: no memory. */
struct floor *floor_open(unsigned flags);
void floor_close(struct floor *f);

/* Is there a floor for that, on this machine? */
bool floor_has(const struct floor_job *job);
/* What it consists of, for people. */
void floor_from(const struct floor_job *job, char *text, size_t size);
void floor_run(struct floor *f, const struct floor_job *job, unsigned n);

#endif
