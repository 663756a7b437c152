#include "state_file.h"

#include <unistd.h>

int state_file_open(struct state_file *f, struct fault *fault)
{
    if (!f->shared && !f->own && f->path && access(f->path, F_OK) == 0) {
        f->own = storage_open(f->path, fault);
        return f->own ? 0 : -1;
    }
    return 0;
}

void state_file_close(struct state_file *f)
{
    storage_close(f->own);
    f->own = NULL;
}

struct storage *state_file_storage(const struct state_file *f)
{
    return f->shared ? f->shared : f->own;
}

bool state_file_proposes(const struct state_file *f)
{
    const struct storage *s = state_file_storage(f);
    return s && storage_proposes(s);
}

bool state_file_keeps(const struct state_file *f)
{
    return f->shared || f->path;
}

struct storage *state_file_make(struct state_file *f, struct fault *fault)
{
    if (!state_file_storage(f)) {
        if (!f->path) {
            fault_set(fault, "state", "give the agent a state file (setting state)",
                      "there is nothing to keep it in");
            return NULL;
        }
        f->own = storage_open(f->path, fault);
    }
    return state_file_storage(f);
}
