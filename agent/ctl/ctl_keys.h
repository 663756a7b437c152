/*
 * ctl_keys.h - context keys that a command is given: as words, or in a file, one a line.
 */
#ifndef FFSHM_CTL_KEYS_H
#define FFSHM_CTL_KEYS_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl.h"

/* Keys are the members of an object, in the order in which they came, each once. */

/* CTL_OK, or reported. */
int keys_add(const struct ctl *ctl, json_t *keys, const char *key);
/* From a file ("-": stdin); white space around a key and empty lines do not count. */
int keys_read(const struct ctl *ctl, json_t *keys, const char *file);

/* The list (NULL: an empty one) with those of keys that it has not; without those. A new list;
   NULL: reported, no memory. */
json_t *keys_with(const struct ctl *ctl, const json_t *list, json_t *keys);
json_t *keys_without(const struct ctl *ctl, const json_t *list, json_t *keys);

#endif
