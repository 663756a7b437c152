#include "inspect_overridden.h"

#include <string.h>

#include "hash.h"
#include "snapshot.h"

static bool note(void *arg, const struct ffshm_flag_info *flag)
{
    struct overridden *const all = arg;
    if (!flag->overridden) {
        return true;
    }
    size_t at = all->count < OVERRIDDEN_NAMED ? all->count : OVERRIDDEN_NAMED;
    all->count++;
    while (at > 0 && strcmp(all->keys[at - 1], flag->key) > 0) {
        if (at < OVERRIDDEN_NAMED) {
            all->keys[at] = all->keys[at - 1];
        }
        at--;
    }
    if (at < OVERRIDDEN_NAMED) {
        all->keys[at] = flag->key;
    }
    return true;
}

void overridden_find(const struct ffshm_view *view, struct overridden *out)
{
    *out = (struct overridden){0};
    ffshm_each(view, note, out);
}

const char *overridden_why(const struct ffshm_view *view, const char *flag)
{
    const size_t length = strlen(flag);
    const struct snapshot_blob where =
        snapshot_find(view->snapshot, flag, length, hash_bytes(flag, length));
    const struct image_flag *const found = (const void *)where.blob;
    return found && (found->flags & IMAGE_FLAG_OVERRIDDEN) ? image_text(found, found->provenance)
                                                           : NULL;
}
