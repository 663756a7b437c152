/*
 * bench_fail.h - the end of a program that cannot go on. What it has in directories goes with it
 * (bench_directory.h), and the processes that it started (bench_child.h).
 */
#ifndef FFSHM_BENCH_FAIL_H
#define FFSHM_BENCH_FAIL_H

/* "ffbench: what: why" */
_Noreturn void bench_fail(const char *what, const char *why);
/* The same; why: errno. */
_Noreturn void bench_fail_errno(const char *what);

#endif
