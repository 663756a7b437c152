#include "evaluate_limits.h"

#include <string.h>

#include "hash.h"
#include "snapshot.h"

#define TAGS_MOST 256 /* of a flag that limits are compared with */

struct tags {
    const char *of[TAGS_MOST];
    size_t count;
};

static void tags_of(const struct image_blob *blob, struct tags *tags)
{
    const struct image_flag *const flag = (const void *)blob;
    tags->count = 0;
    if (!blob || blob->kind != IMAGE_FLAG) {
        return;
    }
    const struct image_string *const list = image_at(flag, flag->tags_offset);
    for (uint32_t i = 0; i < flag->tag_count && i < TAGS_MOST; i++) {
        tags->of[tags->count++] = image_text(flag, list[i]);
    }
}

static const struct image_blob *find(const struct ffshm_view *view, const char *key)
{
    const size_t length = strlen(key);
    return snapshot_find(view->snapshot, key, length, hash_bytes(key, length)).blob;
}

bool limits_show(const struct admin_actor *actor, const struct image_blob *blob)
{
    struct tags tags;
    tags_of(blob, &tags);
    return admin_actor_may(actor, image_text(blob, blob->key), tags.of, tags.count);
}

bool limits_show_key(const struct admin_actor *actor, const struct ffshm_view *view,
                     const char *key)
{
    struct tags tags;
    tags_of(find(view, key), &tags);
    return admin_actor_may(actor, key, tags.of, tags.count);
}

bool limits_allow(const struct ffshm_view *view, const char *key,
                  const struct admin_request *request, struct admin_answer *answer)
{
    struct tags tags;
    tags_of(find(view, key), &tags);
    return admin_answer_allowed(answer, request, key, tags.of, tags.count);
}
