#include "blob.h"

#include <stdlib.h>
#include <string.h>

#include "blob_parts.h"

int blob_compile(const struct model_item *item, struct slots *slots, uint64_t set_seed,
                 uint64_t now_ms, blob_warning_fn *warn, void *warn_arg, struct blob *out,
                 struct fault *fault)
{
    struct blob_builder b = {
        .item = item,
        .slots = slots,
        .set_seed = set_seed,
        .now_ms = now_ms,
        .warn = warn,
        .warn_arg = warn_arg,
    };
    return item->kind == IMAGE_FLAG ? blob_flag(&b, out, fault) : blob_segment(&b, out, fault);
}

void blob_set_version(struct blob *blob, int64_t version)
{
    memcpy(blob->bytes + offsetof(struct image_blob, version), &version, sizeof(version));
}

void blob_free(struct blob *blob)
{
    free(blob->bytes);
    free(blob->references);
    *blob = (struct blob){0};
}
