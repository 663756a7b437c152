/*
 * override.h - a kill switch or a pin: what an operator serves in place of a flag's definition.
 *
 * An override is no definition. It changes whatever definition of its flag is in force, from
 * whichever layer, at the moment when that is compiled; so it follows the definition when that
 * changes, waits while there is none, and leaves nothing behind when it is taken away.
 *
 *   kill  The flag is off for everybody: its off variation (a native flag's fallback_variant), or
 *         the caller's default where it has none. Reason OFF; to prerequisites it is a flag that is
 *         off.
 *   pin   Everybody gets one variation. The flag is on and has nothing but that fallthrough: reason
 *         FALLTHROUGH; to prerequisites it is a flag that is on. Such an evaluation is no part of
 *         an experiment, and what the definition tracks of its own fallthrough is not tracked.
 *
 * A pin whose variant the definition does not have (any more) kills the flag: an operator who has
 * intervened wants anything but the rules; the off variation is what the flag's owner calls safe.
 * It serves the variant again once the definition has it.
 *
 * Of the definition stay: values, variants, tags, salt, version, what is tracked, who may see it.
 * Targets, rules and prerequisites, none of which can be reached, are left out: a kill costs the
 * same for the largest flag, and works for one that cannot be compiled any more.
 *
 * The version stays, too: counts and events tell LaunchDarkly of the version of its own that was
 * served, and a variation's index means the same value in both. A flag that counts its own versions
 * (model.h: autoVersion) gets a new one with each override, as with any change. The digests do
 * tell: of the kind of override, of who set it and why; so a snapshot's digest after set and clear
 * is what it was before.
 */
#ifndef FFSHM_AGENT_OVERRIDE_H
#define FFSHM_AGENT_OVERRIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "model.h"

#define OVERRIDE_NAME_MAX 256 /* bytes of set_by, and of variant */
#define OVERRIDE_REASON_MAX 2048

enum override_kind { OVERRIDE_KILL = 0, OVERRIDE_PIN = 1 };

struct override {
    enum override_kind kind;
    const char *variant; /* OVERRIDE_PIN: a variant's key; or, where no variant has this key, an
                            index in decimal; else NULL */
    const char *reason;
    const char *set_by;
    int64_t set_ms;     /* CLOCK_REALTIME */
    int64_t expires_ms; /* 0: never. Whoever set it clears it then */
};

/* 0, or -1 with *fault: too long, not UTF-8, a pin without a variant or a kill with one, nobody who
   set it. */
int override_check(const struct override *o, struct fault *fault);

/* One allocation, for free(). NULL: no memory. */
struct override *override_copy(const struct override *o);
bool override_same(const struct override *a, const struct override *b);

/* The index that a pin serves of this flag; -1: it has no such variant. */
int64_t override_variation(const struct override *o, const struct model_flag *flag);

#define OVERRIDE_TEXT 512

struct override_applied {
    struct model_item item; /* borrows from the item that it was made of, and from text */
    char text[OVERRIDE_TEXT];
    bool unmatched; /* a pin that kills, because there is no such variant */
};

/* The flag as the override leaves it (item: a flag, no tombstone). Its provenance is "override:
   kill by NAME: REASON", long ones cut. Cannot fail: whatever happens, a kill switch works. */
void override_apply(const struct override *o, const struct model_item *item,
                    struct override_applied *out);

#endif
