/*
 * blob_parts.h - the parts that flags and segments are made of, each written into a builder.
 *
 * `where` is the member of the definition that a part comes from, for warnings.
 */
#ifndef FFSHM_AGENT_BLOB_PARTS_H
#define FFSHM_AGENT_BLOB_PARTS_H

#include "blob_builder.h"

/* The image_selector at `at`: an attribute of contexts of a kind. where NULL: no warning. An absent
   or empty kind is user, and says that the reference is a literal name. */
void blob_selector(struct blob_builder *b, size_t at, struct model_string kind,
                   struct model_string reference, const struct member *where);

/* The hash of a kind; of "user" when it is absent or empty. */
uint64_t blob_kind_hash(struct model_string kind);
/* The kind itself, "user" when it is absent or empty. */
struct model_string blob_kind(struct model_string kind);

/* The image_set at `at`: the strings among the elements of a JSON array (NULL: none). */
void blob_set(struct blob_builder *b, size_t at, const json_t *strings);

/* count image_clauses; their offset, 0 for none. */
uint32_t blob_clauses(struct blob_builder *b, const struct model_clause *clauses, size_t count,
                      const struct member *where);

/* What a rule or fallthrough serves. */
struct image_serve blob_serve(struct blob_builder *b, const struct model_serve *serve,
                              size_t variation_count, const struct member *where);
/* A variation index, or IMAGE_SERVE_MALFORMED where there is no such variation. */
int32_t blob_variation(struct blob_builder *b, int64_t variation, size_t variation_count,
                       const struct member *where);

/* A rollout without variations: in when the bucket is below weight / 100000. bucket_by absent: the
   key. where: the member that bucket_by is, NULL for no warning. Its offset. */
uint32_t blob_share(struct blob_builder *b, struct model_string kind, struct model_string bucket_by,
                    struct model_string salt, float weight, const struct member *where);

/* An integer of the definition in 32 bits, the nearest there is. */
int32_t blob_int32(int64_t value);

int blob_flag(struct blob_builder *b, struct blob *out, struct fault *fault);
int blob_segment(struct blob_builder *b, struct blob *out, struct fault *fault);

#endif
