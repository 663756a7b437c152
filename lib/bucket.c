/* bucket.c - see bucket.h. */
#include "bucket.h"

/* n in decimal, written so that it ends at `end`; returns where it begins. */
static char *decimal(int64_t n, char *end)
{
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        *--end = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0) {
        *--end = '-';
    }
    return end;
}

bool bucket_text(const struct context_value *v, char buffer[BUCKET_TEXT], const char **text,
                 size_t *length)
{
    if (v->type == CONTEXT_STRING) {
        *text = v->as.text;
        *length = v->length;
        return true;
    }
    /* What does not fit int64 counts as not integral, as in the Go SDK. */
    const double number = v->type == CONTEXT_NUMBER ? v->as.number : 0.5;
    if (!(number >= -0x1p63 && number < 0x1p63) || (double)(int64_t)number != number) {
        return false;
    }
    char *end = buffer + BUCKET_TEXT - 1;
    *end = 0;
    const char *start = decimal((int64_t)number, end);
    *text = start;
    *length = (size_t)(end - start);
    return true;
}

/* The attribute `kind` of a single kind; context_select knows it not. */
static struct context_value kind_of(const struct ffshm_context *c, int kind)
{
    struct context_value v = {.type = CONTEXT_STRING, .length = c->kinds[kind].kind_length};
    v.as.text = c->kinds[kind].kind;
    return v;
}

enum bucket_result bucket_of(const struct ffshm_context *c, const void *blob,
                             const struct image_rollout *rollout, float *bucket)
{
    const struct image_selector *by = &rollout->by;
    *bucket = 0;
    if (by->attribute == IMAGE_ATTRIBUTE_INVALID) {
        return BUCKET_BAD_REFERENCE;
    }
    const int kind = context_kind(c, by->kind_hash);
    if (kind < 0) {
        return BUCKET_NO_KIND;
    }
    if (bucket_of_key(c, blob, rollout, bucket)) {
        return BUCKET_OK;
    }
    const char *text;
    size_t length;
    char buffer[BUCKET_TEXT];
    char scratch[FFSHM_JSON_ESCAPED];
    const struct context_value v = by->attribute == IMAGE_ATTRIBUTE_KIND
                                       ? kind_of(c, kind)
                                       : context_select(c, blob, by, scratch, sizeof scratch);
    if (!bucket_text(&v, buffer, &text, &length)) {
        return BUCKET_NO_VALUE;
    }
    const char *prefix = image_text(blob, rollout->prefix);
    *bucket = bucket_of_hash(sha1_first60(prefix, rollout->prefix.length, text, length));
    return BUCKET_OK;
}
