/* semver.h - SemVer 2.0.0 precedence, with minor and patch optional as LaunchDarkly has it. */
#ifndef FFSHM_SEMVER_H
#define FFSHM_SEMVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct semver {
    uint64_t major; /* numbers saturate at UINT64_MAX */
    uint64_t minor;
    uint64_t patch;
    const char *prerelease; /* into the text parsed; length 0: a release */
    size_t prerelease_length;
};

/* false: not a version. */
bool semver_parse(const char *text, size_t length, struct semver *out);

/* < 0, 0, > 0 by precedence (section 11 of the specification). */
int semver_compare(const struct semver *a, const struct semver *b);

#endif
