/*
 * inspect_operand.h - what an explained step compares, as JSON text: clause values and the
 * context's.
 */
#ifndef FFSHM_AGENT_INSPECT_OPERAND_H
#define FFSHM_AGENT_INSPECT_OPERAND_H

#include <stdio.h>

#include "context.h"
#include "image.h"

/* A number with the fewest digits that read back equal; null when it is not finite. */
void operand_number(FILE *out, double number);
void operand_float(FILE *out, float number);

/* A string of a blob; "" where it is absent. */
void operand_string(FILE *out, const void *blob, struct image_string s);

/* The clause's values as a JSON array. What was compiled away shows as an object: {"set": 1000},
   {"below": 0.25}. */
void operand_values(FILE *out, const void *blob, const struct image_clause *clause);

/* The context's value; null where it is missing. */
void operand_value(FILE *out, const struct context_value *v);

/* The context kind that a selector or target speaks of. */
struct operand_text {
    const char *text;
    size_t length;
};
struct operand_text operand_kind(const void *blob, struct image_string kind);

#endif
