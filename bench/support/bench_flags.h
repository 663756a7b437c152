/*
 * bench_flags.h - the flags that publishing is measured with: about 1 KB of JSON each, as people
 * have them.
 */
#ifndef FFSHM_BENCH_FLAGS_H
#define FFSHM_BENCH_FLAGS_H

#include <stddef.h>

#define BENCH_FLAG_BYTES 2048

/* Writes LaunchDarkly JSON of flag i ("feature-<i, six digits>"): four rules, a rollout; `version`
   is also the value of its only number variation, served to the context key "watcher". */
void bench_flag(char *text, size_t size, unsigned i, unsigned version);
/* The same flag in the native format, as the agent's API takes it. */
void bench_flag_native(char *text, size_t size, unsigned i, unsigned version);
void bench_flag_key(char key[24], unsigned i);

#endif
