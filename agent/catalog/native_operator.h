/*
 * native_operator.h - the operators of native conditions, what each may be compared with, and what
 * it is in LaunchDarkly's terms.
 */
#ifndef FFSHM_AGENT_NATIVE_OPERATOR_H
#define FFSHM_AGENT_NATIVE_OPERATOR_H

#include <stdbool.h>

enum native_operand {
    NATIVE_SCALAR,   /* a text, a number, true or false */
    NATIVE_SCALARS,  /* a list of those */
    NATIVE_TEXTS,    /* a text, or a list of which one must hold */
    NATIVE_PATTERNS, /* likewise, regular expressions */
    NATIVE_NUMBER,   /* so, too, as what follows */
    NATIVE_INSTANT,  /* dates, or milliseconds since 1970 */
    NATIVE_VERSION,
    NATIVE_NONE,
    NATIVE_SEGMENTS, /* keys */
};

struct native_operator {
    const char *name; /* NULL ends the table */
    const char *op;
    bool negate;
    enum native_operand operand;
};

extern const struct native_operator native_operators[];

/* NULL: there is none of this name. */
const struct native_operator *native_operator_of(const char *name);

#endif
