/*
 * test_cases.c - our own evaluation cases, tests/data/cases/: LaunchDarkly's semantics and our
 * additions.
 *
 * ctest: quick
 */
#include <stdio.h>

#include "case_runner.h"

int main(void)
{
    struct case_tally t;
    bool ran = case_runner_run(FFSHM_SOURCE_DIR "/tests/data/cases", &t);
    printf("%u passed, %u failed\n", t.passed, t.cases - t.passed);
    return ran && t.passed == t.cases ? 0 : 1;
}
