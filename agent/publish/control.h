/*
 * control.h - the directory, the lock of its one writer, and the control page.
 */
#ifndef FFSHM_AGENT_CONTROL_H
#define FFSHM_AGENT_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../catalog/fault.h"
#include "image.h"
#include "store_files.h"

struct control {
    struct store_dir dir; /* path is owned */
    int lock_fd;
    struct image_control *page;
    dev_t device; /* of the page's file */
    ino_t inode;
    dev_t dir_device;
    ino_t dir_inode;
    bool created; /* the page is new: nothing in the directory belongs to it */
    bool foreign; /* there was no control page at all: not known to have been a store */
};

/* Makes the directory (parents too), takes its lock, maps a valid control page or makes one, and
   begins a new incarnation in the state STARTING. The directory must be this user's own;
   is_default: nobody named it, so its parent must be, too, or root's. 0, or -1 with *fault and
   nothing held. */
int control_open(struct control *c, const char *path, bool is_default, uint64_t fixed_seed,
                 struct fault *fault);
void control_close(struct control *c);

/* Is the directory still the one that was opened, and its control page ours? Otherwise another
   agent may be at home in it, with files of the same names. 0 or -1 with *fault. */
int control_check(const struct control *c, struct fault *fault);

/* Is another directory at its path by now, or none, or another control page in it, or none? A path
   that cannot be looked at is not gone. */
bool control_is_gone(const struct control *c);

/* Announces a generation to every reader. */
void control_announce(struct control *c, uint64_t generation, uint64_t now_ms);

/* An extent id that was never used and never will be again. */
uint64_t control_extent_id(struct control *c);

#endif
