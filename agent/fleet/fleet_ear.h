/*
 * fleet_ear.h - what answers of a borrowed connection come back to, when who asked may be gone by
 * then: the ear stays until the last of them.
 */
#ifndef FFSHM_AGENT_FLEET_EAR_H
#define FFSHM_AGENT_FLEET_EAR_H

#include <stdlib.h>

struct fleet_ear {
    void *owner;  /* NULL: gone */
    unsigned due; /* answers */
};

/* NULL: no memory. */
static inline struct fleet_ear *fleet_ear_new(void *owner)
{
    struct fleet_ear *ear = calloc(1, sizeof *ear);
    if (ear) {
        ear->owner = owner;
    }
    return ear;
}

/* An answer came: for whom? NULL: nobody any more. */
static inline void *fleet_ear_heard(struct fleet_ear *ear)
{
    void *owner = ear->owner;
    ear->due--;
    if (!owner && ear->due == 0) {
        free(ear);
    }
    return owner;
}

/* The owner goes. NULL is harmless. */
static inline void fleet_ear_close(struct fleet_ear *ear)
{
    if (ear && ear->due > 0) {
        ear->owner = NULL;
    } else {
        free(ear);
    }
}

#endif
