#include "bench_fail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_fail(const char *what, const char *why)
{
    fprintf(stderr, "ffbench: %s: %s\n", what, why);
    exit(1);
}

void bench_fail_errno(const char *what)
{
    bench_fail(what, strerror(errno));
}
