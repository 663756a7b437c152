/*
 * ctl_import.h - the parts of `ffctl import`.
 */
#ifndef FFSHM_CTL_IMPORT_H
#define FFSHM_CTL_IMPORT_H

#include "ctl.h"
#include "ctl_change.h"
#include "ctl_text.h"

#define IMPORT_FILES 256

struct import {
    struct change change;
    const char *names[IMPORT_FILES];
    size_t count;                    /* of names */
    struct text texts[IMPORT_FILES]; /* of native files, read */
    size_t read;                     /* of texts */
    bool replaces;                   /* what is kept and not in it is deleted */
    bool skips;                      /* what cannot be converted is left out */
    json_t *document;                /* what is imported; owned */
};

/* Tries, shows, asks, imports. CTL_OK, or reported. */
int import_document(const struct ctl *ctl, struct import *m);

/* Fills in m->document from m->names. CTL_OK, or reported. */
int import_read_native(const struct ctl *ctl, struct import *m);
int import_read_launchdarkly(const struct ctl *ctl, struct import *m);

#endif
