/*
 * ctl_output.h - writing to stdout: JSON strings, colour, sizes and ages.
 *
 * Write errors are noticed once, at the end of main.
 */
#ifndef FFSHM_CTL_OUTPUT_H
#define FFSHM_CTL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"

/* Bytes and text as they are. */
void output_bytes(const char *bytes, size_t length);
void output_text(const char *text);

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void output_string(const char *text, size_t length);
void output_quoted(const char *text); /* NUL-terminated */

/* Text for people: what would command the terminal is shown as \xNN (inspect/inspect_shown.h). */
void output_plain(const char *text, size_t length);
/* JSON text, in which that is escaped. */
void output_json(const char *json, size_t length);

void output_signed(int64_t number);
void output_unsigned(uint64_t number);

/* Starts and ends a colour ("31", "1;32"); nothing without a terminal. */
void output_colour(const struct ctl *ctl, const char *code);
void output_plainly(const struct ctl *ctl);

/* "3 s", "5 min", "2.1 d"; "12.3 KiB". Returns buffer. */
#define OUTPUT_SHORT 32
const char *output_age(int64_t ms, char buffer[OUTPUT_SHORT]);
const char *output_size(uint64_t bytes, char buffer[OUTPUT_SHORT]);

/* What makes a noun a plural: "" for one, else "s". */
const char *output_plural(uint64_t count);

/* A generation for people: "incarnation.sequence". */
const char *output_generation(uint64_t generation, char buffer[OUTPUT_SHORT]);

#define OUTPUT_DIGEST 33
/* 32 hex digits, the high half first. */
const char *output_digest(const uint64_t digest[2], char buffer[OUTPUT_DIGEST]);

#endif
