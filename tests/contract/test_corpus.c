/*
 * test_corpus.c - LaunchDarkly's public evaluation cases.
 *
 * They are no part of this tree: FFSHM_CORPUS names their directory, else
 * ../shared/data/ld-eval-cases beside the source tree. Exit code 0: all passed; 1: some did not;
 * 77: they are not there (skipped).
 *
 * ctest: merge
 */
#include <stdio.h>
#include <stdlib.h>

#include "case_runner.h"

int main(void)
{
    const char *dir = getenv("FFSHM_CORPUS");
    struct case_tally t;
    dir = dir ? dir : FFSHM_SOURCE_DIR "/../shared/data/ld-eval-cases";
    if (!case_runner_run(dir, &t)) {
        printf("skipped: no corpus in %s (FFSHM_CORPUS names another directory)\n", dir);
        return 77;
    }
    printf("corpus: %u of %u cases passed (%u evaluations)\n", t.passed, t.cases, t.evaluations);
    return t.passed == t.cases ? 0 : 1;
}
