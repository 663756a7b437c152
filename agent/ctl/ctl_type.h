/*
 * ctl_type.h - the type that a caller asks for, as ffshm_bool, _int, _double and _string do.
 */
#ifndef FFSHM_CTL_TYPE_H
#define FFSHM_CTL_TYPE_H

#include <stddef.h>

#include "ffshm.h"

enum type { TYPE_ANY, TYPE_BOOL, TYPE_INT, TYPE_DOUBLE, TYPE_STRING, TYPE_UNKNOWN };

/* "any" (and "json"), "bool", "int", "double", "string"; else TYPE_UNKNOWN. */
enum type type_parse(const char *name, size_t length);

#define TYPE_TEXT 24

/* Turns a value of another type into ERROR WRONG_TYPE without a value; an int's fraction is cut
   off, with the number's new text in `text`. */
void type_apply(enum type type, struct ffshm_result *result, char text[TYPE_TEXT]);

#endif
