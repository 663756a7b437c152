/*
 * case_runner.h - evaluation cases in JSON files, each through the compiler, the publisher, the
 * verifier and the evaluator, from a real published snapshot.
 *
 * A file is an array of cases {name, sdkData, context, user?, flagKey, valueType, default, expect}
 * or of groups {data, cases: [...]} whose cases share their data; expect is {value, variationIndex,
 * reason} and, where the case asks for them, variant, bigSegmentsStatus ("" is none) and
 * allFlagsValue, which the flag has in the state of all flags (not looked at where the case has
 * skipEvaluateAllFlags). A case is evaluated with its context and, where it has one, with its
 * old-format user.
 */
#ifndef FFSHM_TESTS_CASE_RUNNER_H
#define FFSHM_TESTS_CASE_RUNNER_H

#include <stdbool.h>

struct case_tally {
    unsigned cases, passed, evaluations;
};

/* Runs every *.json of a directory; prints the cases that fail. false: there is none. */
bool case_runner_run(const char *dir, struct case_tally *tally);

#endif
