/*
 * image.h - the shared-memory format: what the agent writes and every reader evaluates from.
 *
 * A store directory on tmpfs holds
 *   ctl          one 4096-byte control page; its generation word announces the current snapshot
 *   s.<gen>      heads, 16 hex digits: one small immutable file per generation
 *   x.<id>       extents, 16 hex digits: immutable files of blobs, shared by generations
 *   agent.lock   write-locked by the one writer while it runs; mode 0600, because whoever can open
 *                it can take a read lock and so keep the writer out
 *
 * A head names its extents and holds the slot table: slot -> {extent, offset}. A slot is the
 * stable number of a flag or segment (or of a name that some definition mentions). A blob is one
 * compiled flag or segment, or the key index; it is contiguous and self-contained: every offset
 * in it is relative to its own first byte. Blobs name each other by slot, never by address.
 *
 * Little-endian. No pointer is ever stored. Nothing is written after publication, except the
 * control page's own words. Every layout is pinned below: a change of layout is a change of
 * IMAGE_MAJOR (or, for members appended in reserved space and new bits of flags, which older
 * readers may ignore, IMAGE_MINOR).
 */
#ifndef FFSHM_IMAGE_H
#define FFSHM_IMAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define IMAGE_MAJOR 1
#define IMAGE_MINOR 2
#define IMAGE_ENDIAN_TAG 0x01020304u
#define IMAGE_CONTROL_MAGIC 0x4c54434d48534646ull /* "FFSHMCTL" */
#define IMAGE_HEAD_MAGIC 0x504e534d48534646ull    /* "FFSHMSNP" */
#define IMAGE_EXTENT_MAGIC 0x5458454d48534646ull  /* "FFSHMEXT" */

#define IMAGE_ALIGN 64u           /* blobs start on cache lines */
#define IMAGE_TAIL 64u            /* zero bytes that end every blob: short over-reads stay inside */
#define IMAGE_MAX_EXTENTS 64u     /* per head; the agent compacts at 16 */
#define IMAGE_MAX_FILE (1u << 30) /* bytes of one head or extent */
#define IMAGE_MAX_SLOTS (1u << 24)
#define IMAGE_MAX_DEPTH 256u        /* prerequisites plus segments on one path */
#define IMAGE_MAX_VISITS (1u << 16) /* of prerequisites and segments in one evaluation */
#define IMAGE_NO_SLOT UINT32_MAX

/* ---- control page ------------------------------------------------------------------------- */

enum image_agent_state {
    IMAGE_AGENT_STARTING = 0,
    IMAGE_AGENT_READY = 1,
    IMAGE_AGENT_STOPPED = 2, /* stopped cleanly; the snapshot stays valid */
    IMAGE_AGENT_MOVED = 3,   /* this page was replaced: open the directory's ctl again */
};

enum image_source_state {
    IMAGE_SOURCE_INITIALIZING = 0,
    IMAGE_SOURCE_VALID = 1,
    IMAGE_SOURCE_INTERRUPTED = 2, /* serving last known good; the agent's status says why */
    IMAGE_SOURCE_OFF = 3,
};

enum image_source_error {
    IMAGE_SOURCE_NO_ERROR = 0,
    IMAGE_SOURCE_NETWORK_ERROR = 1,
    IMAGE_SOURCE_ERROR_RESPONSE = 2, /* error_status: the HTTP status */
    IMAGE_SOURCE_INVALID_DATA = 3,
    IMAGE_SOURCE_STORE_ERROR = 4,
    IMAGE_SOURCE_UNKNOWN_ERROR = 5,
};

/* What the agent last said about its sources. More than one word: whoever reads it copies it, and
   takes the copy when `sequence` was even and is what it was. Times are CLOCK_REALTIME. */
struct image_source_report {
    _Atomic uint32_t sequence; /* odd while it is being written */
    uint32_t error; /* enum image_source_error: the last one, also when all is well now */
    int32_t error_status;
    uint32_t reserved0;
    uint64_t since_ms;       /* when the state (source_state) became what it is */
    uint64_t error_ms;       /* 0: there was none */
    uint64_t data_ms;        /* not 0: what is served was received then, and kept since (last known
                                good); 0: it is what the source says now */
    char error_text[200];    /* NUL-terminated; no secret in it */
    char environment_id[72]; /* LaunchDarkly's id of the environment; "": not known */
};

enum image_delivery_state {
    IMAGE_DELIVERY_NONE = 0, /* no events are collected */
    IMAGE_DELIVERY_WORKING = 1,
    IMAGE_DELIVERY_FAILING = 2, /* tried again; events are kept meanwhile */
    IMAGE_DELIVERY_STOPPED = 3, /* refused: nothing is sent before the agent is restarted */
};

/* What becomes of events, as the agent last said; read like struct image_source_report. */
struct image_delivery_report {
    _Atomic uint32_t sequence; /* odd while it is being written */
    uint32_t state;            /* enum image_delivery_state */
    int32_t last_status;       /* HTTP status of the last attempt; 0: none, or no answer */
    uint32_t processes;        /* whose telemetry is read */
    uint64_t delivered;        /* payloads that were accepted, since the agent's start */
    uint64_t failures;         /* attempts */
    uint64_t waiting_bytes;    /* of payloads that are not accepted yet */
    uint64_t dropped_payloads;
    uint64_t dropped_events;
    uint64_t reserved;
    char error_text[128]; /* of the last attempt, NUL-terminated; "": it was accepted */
};

/* Written by the agent alone; every other process maps it read-only. */
/* Where LaunchDarkly's definitions can come from; later is nearer to their origin. */
enum image_level {
    IMAGE_LEVEL_NONE = 0,   /* nowhere yet */
    IMAGE_LEVEL_MEMORY = 1, /* the snapshot of an earlier agent */
    IMAGE_LEVEL_DISK = 2,   /* the state file */
    IMAGE_LEVEL_REDIS = 3,  /* LaunchDarkly's store in Redis */
    IMAGE_LEVEL_LAUNCHDARKLY = 4,
    IMAGE_LEVELS = 5
};

/* Of LaunchDarkly's store in Redis as a sink. */
enum image_sink_state {
    IMAGE_SINK_NONE = 0,
    IMAGE_SINK_WAITING = 1, /* for LaunchDarkly's state */
    IMAGE_SINK_WRITING = 2,
    IMAGE_SINK_VALID = 3,
    IMAGE_SINK_INTERRUPTED = 4
};

/* Which levels answered, as the agent last said; read like struct image_source_report. */
struct image_levels_report {
    _Atomic uint32_t sequence;    /* odd while it is being written */
    uint32_t first;               /* enum image_level: had definitions when the agent started */
    uint64_t hits[IMAGE_LEVELS];  /* answers of which something came into force */
    uint64_t items[IMAGE_LEVELS]; /* that came of them */
    uint64_t older[IMAGE_LEVELS]; /* items that were passed over: what is served is newer */
    uint32_t sink;                /* enum image_sink_state */
    uint32_t reserved0;
    uint64_t sink_ms;     /* written last, or found to be there (CLOCK_REALTIME); 0: never */
    uint64_t sink_wholes; /* states that were written */
    uint64_t sink_items;  /* single ones */
    char sink_text[128];  /* what is wrong, NUL-terminated; "": nothing */
};

struct image_control {
    uint64_t magic; /* stored last at creation, with release */
    uint16_t major;
    uint16_t minor;
    uint32_t header_size; /* sizeof(struct image_control) */
    uint32_t endian_tag;
    uint32_t flags;
    uint64_t store_epoch; /* random per creation of the page; heads and extents repeat it */
    uint64_t set_seed;    /* seeds the hashes in sets; random per creation */
    uint8_t reserved0[88];
    /* Two words that every evaluation reads, alone on 128 bytes. */
    _Atomic uint64_t generation;       /* 0: nothing published. (incarnation << 32) | sequence */
    _Atomic uint64_t telemetry_window; /* 0: nobody collects. (context epoch << 32) | window: the
                                          window grows with each flush, the epoch whenever contexts
                                          are to be told of anew. Since minor 1 */
    uint8_t reserved1[112];
    _Atomic uint64_t heartbeat_ms; /* CLOCK_REALTIME, about once a second */
    _Atomic uint32_t agent_state;  /* enum image_agent_state */
    _Atomic uint32_t source_state; /* enum image_source_state: the worst of all sources */
    _Atomic uint64_t published_ms; /* CLOCK_REALTIME of the last publish */
    _Atomic uint64_t publish_count;
    _Atomic uint64_t publish_failures;
    _Atomic uint64_t next_extent_id; /* ids below it may be in use */
    _Atomic uint64_t incarnation;    /* agent starts so far; the high half of generations */
    _Atomic uint32_t wake;           /* futex word: bumped after a publish, for refresher threads */
    uint32_t reserved2;
    /* Since minor 1. */
    _Atomic uint32_t telemetry_wants;      /* IMAGE_WANTS_*: what the agent collects */
    _Atomic uint32_t telemetry_ring_bytes; /* of the rings that processes make; 0: the default */
    struct image_source_report source;
    struct image_delivery_report delivery;
    /* 0: no store of big segments is configured; else the id of the memberships file
       (big_segments_file.h). An earlier agent's pages have 0. */
    _Atomic uint64_t big_segments;
    uint8_t reserved3[1024 - 840];
    struct image_levels_report levels;
    uint8_t reserved4[4096 - 1312];
};

#define IMAGE_WANTS_EVENTS 1u      /* ring records; without it only counters and errors */
#define IMAGE_WANTS_MEMBERSHIPS 2u /* TELEMETRY_ASK records, also while no window is open */

/* ---- head --------------------------------------------------------------------------------- */

struct image_head {
    uint64_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t header_size; /* sizeof(struct image_head) */
    uint32_t endian_tag;
    uint32_t extent_count; /* 1..IMAGE_MAX_EXTENTS */
    uint64_t generation;
    uint64_t store_epoch;
    uint64_t file_size;
    uint64_t features_required; /* an unknown bit: refuse */
    uint64_t features_optional; /* an unknown bit: ignore */
    uint64_t created_ms;        /* CLOCK_REALTIME */
    uint64_t
        digest[2]; /* of the content: the sum over all blobs of their entry digests, modulo 2^128 */
    uint32_t flag_count;
    uint32_t segment_count;
    uint32_t slot_count;
    uint32_t extents_offset; /* struct image_extent_ref[extent_count] */
    uint32_t slots_offset;   /* struct image_slot[slot_count] */
    uint32_t index_extent;   /* where the key index is */
    uint32_t index_offset;
    uint32_t reserved0;
    uint64_t payload_checksum; /* XXH3-64 of the bytes from header_size to file_size */
    uint8_t reserved1[120];
    uint64_t header_checksum; /* XXH3-64 of the header's bytes before this member */
};

struct image_extent_ref {
    uint64_t id;
    uint64_t size;       /* file size */
    uint64_t checksum;   /* the extent's header_checksum */
    uint64_t live_bytes; /* of blobs that this head names, for compaction */
};

struct image_slot {
    uint32_t extent; /* index into the head's extents */
    uint32_t offset; /* of the blob in the extent; 0: the slot is empty */
};

/* ---- extent ------------------------------------------------------------------------------- */

struct image_extent {
    uint64_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t header_size; /* sizeof(struct image_extent) */
    uint32_t endian_tag;
    uint32_t blob_count;
    uint64_t id;
    uint64_t store_epoch;
    uint64_t file_size;
    uint32_t starts_offset; /* uint64_t bitmap after the last blob: bit n set <=> a blob starts at n
                             * IMAGE_ALIGN */
    uint32_t starts_words;  /* of 64 bits */
    uint32_t regex_count;   /* clause values of type IMAGE_VALUE_REGEX in all blobs */
    uint32_t reserved0;
    uint64_t payload_checksum; /* XXH3-64 of the bytes from header_size to file_size */
    uint8_t reserved1[48];
    uint64_t header_checksum; /* XXH3-64 of the header's bytes before this member */
};

/* ---- blob --------------------------------------------------------------------------------- */

enum image_blob_kind {
    IMAGE_FLAG = 1,
    IMAGE_SEGMENT = 2,
    IMAGE_INDEX = 3,
};

/* UTF-8, NUL-terminated after length bytes. Offset 0, length 0: absent. */
struct image_string {
    uint32_t offset;
    uint32_t length;
};

/* Begins every blob. Blobs are padded to IMAGE_ALIGN with their last IMAGE_TAIL bytes (or more)
   zero: whatever an offset names ends at or before size - IMAGE_TAIL. */
struct image_blob {
    uint32_t size;     /* a multiple of IMAGE_ALIGN */
    uint32_t kind;     /* enum image_blob_kind */
    uint64_t key_hash; /* XXH3-64 of the key, seed 0 */
    struct image_string key;
    int64_t version;
};

/* A set of strings by 128-bit hash (XXH3-128 with the store's set_seed), open addressing with
   linear probing from lo & (capacity - 1). An entry of two zeros is empty and there is at least
   one. */
struct image_set {
    uint32_t count;
    uint32_t capacity;       /* power of two, > count; 0 only when count is 0 */
    uint32_t entries_offset; /* struct image_set_entry[capacity], 16-aligned */
    uint32_t reserved;
};

struct image_set_entry {
    uint64_t lo;
    uint64_t hi;
};

/* What a rule or a fallthrough serves. */
struct image_serve {
    int32_t variation; /* an index < variation_count, or one of the two below */
    uint32_t
        rollout; /* offset of struct image_rollout when variation is IMAGE_SERVE_ROLLOUT, else 0 */
};
#define IMAGE_SERVE_NOTHING (-1)   /* no off variation: the caller's default */
#define IMAGE_SERVE_MALFORMED (-2) /* out of range, or neither variation nor rollout */
#define IMAGE_SERVE_ROLLOUT (-3)

/* Which context attribute a clause or a rollout looks at. */
enum image_attribute {
    IMAGE_ATTRIBUTE_NAMED = 0, /* a top-level attribute, found by hash */
    IMAGE_ATTRIBUTE_PATH = 1,  /* "/a/b": first component by hash, the rest inside a JSON value */
    IMAGE_ATTRIBUTE_KEY = 2,
    IMAGE_ATTRIBUTE_KIND = 3,
    IMAGE_ATTRIBUTE_NAME = 4,
    IMAGE_ATTRIBUTE_ANONYMOUS = 5,
    IMAGE_ATTRIBUTE_INVALID =
        6, /* undefined or an invalid reference: MALFORMED_FLAG when reached */
    IMAGE_ATTRIBUTE_MISSING = 7, /* valid but never there: a path into key, name, kind, anonymous */
};

/* The hash under which a context files an attribute: XXH3-64 of its name, seeded with 0 for kind
   "user" and with the kind's hash otherwise, so that one comparison selects kind and name.
   kind_hash: XXH3-64 of the kind, seed 0. */
struct image_selector {
    uint32_t attribute; /* enum image_attribute */
    uint32_t path;      /* IMAGE_ATTRIBUTE_PATH: offset of struct image_path, else 0 */
    uint64_t hash;      /* of the (first component's) name; 0 unless NAMED or PATH */
    uint64_t kind_hash;
    struct image_string text; /* the reference as written */
    struct image_string kind;
};

/* Components after the first, unescaped: count strings follow. */
struct image_path {
    uint32_t count;
    uint32_t reserved;
    struct image_string components[];
};

/* Bucketing (LaunchDarkly's): float32(first 60 bits of SHA-1(prefix + value)) / float32(2^60 - 1).
 */
struct image_rollout {
    struct image_selector by;
    struct image_string
        prefix;          /* "key.salt." or "seed."; IMAGE_TAIL bytes may be read from its offset */
    uint32_t experiment; /* 0 or 1 */
    uint32_t count;      /* of weighted variations; 0 in segment rules and bucketBelow */
    uint32_t weighted_offset; /* struct image_weighted[count] */
    float below;              /* segment rules and bucketBelow: in when bucket < below */
    uint64_t reserved;
};

struct image_weighted {
    int32_t variation; /* index or IMAGE_SERVE_MALFORMED */
    float upper; /* float32 running sum of weight / 100000, in LaunchDarkly's order of operations */
    int32_t weight; /* as written, for explain */
    uint32_t untracked;
};

enum image_op {
    IMAGE_OP_NEVER = 0, /* unknown operator: no value matches */
    IMAGE_OP_IN = 1,
    IMAGE_OP_STARTS_WITH = 2,
    IMAGE_OP_ENDS_WITH = 3,
    IMAGE_OP_CONTAINS = 4,
    IMAGE_OP_MATCHES = 5,
    IMAGE_OP_LESS = 6,
    IMAGE_OP_LESS_OR_EQUAL = 7,
    IMAGE_OP_GREATER = 8,
    IMAGE_OP_GREATER_OR_EQUAL = 9,
    IMAGE_OP_BEFORE = 10,
    IMAGE_OP_AFTER = 11,
    IMAGE_OP_SEMVER_EQUAL = 12,
    IMAGE_OP_SEMVER_LESS = 13,
    IMAGE_OP_SEMVER_GREATER = 14,
    IMAGE_OP_SEGMENT_MATCH = 15,
    IMAGE_OP_EXISTS = 16, /* ours: the attribute is there and not null (also true for objects) */
    IMAGE_OP_BUCKET_BELOW = 17, /* ours: the context is in a share of the traffic */
    IMAGE_OP_COUNT
};

/* Clause values, parsed by the compiler for the clause's operator. A value that the operator can
   never match (wrong type, bad date, bad version) is left out; the clause keeps its meaning with
   fewer values. */
enum image_value_type {
    IMAGE_VALUE_BOOL = 1,    /* IN: number is 0 or 1 */
    IMAGE_VALUE_NUMBER = 2,  /* IN and the numeric operators: number */
    IMAGE_VALUE_STRING = 3,  /* IN and the string operators: offset, length */
    IMAGE_VALUE_REGEX = 4,   /* MATCHES: the pattern at offset, length */
    IMAGE_VALUE_INSTANT = 5, /* BEFORE, AFTER: seconds since 1970, nanoseconds in offset */
    IMAGE_VALUE_SEMVER = 6,  /* struct image_semver at offset */
    IMAGE_VALUE_SEGMENT =
        7, /* SEGMENT_MATCH: slot in length; the segment's key at offset, NUL-terminated */
    IMAGE_VALUE_SET = 8,     /* IN, more than 8 strings: struct image_set at offset */
    IMAGE_VALUE_ROLLOUT = 9, /* BUCKET_BELOW: struct image_rollout at offset */
};

struct image_value {
    uint32_t type; /* enum image_value_type */
    uint32_t length;
    union {
        double number;
        int64_t seconds;
    } as;
    uint32_t offset;
    uint32_t reserved;
};

/* SemVer 2.0.0 precedence key. Numbers saturate at UINT64_MAX. */
struct image_semver {
    uint64_t major;
    uint64_t minor;
    uint64_t patch;
    struct image_string prerelease; /* empty: a release */
};

/* Is it what `plain` says? */
#define IMAGE_CLAUSE_IS_PLAIN(c)                                                                   \
    ((c)->op == IMAGE_OP_IN && (c)->by.attribute == IMAGE_ATTRIBUTE_NAMED &&                       \
     (c)->value_count == 1 && (c)->first.type == IMAGE_VALUE_STRING)

/* One condition. With one value, values_offset names the clause's own `first`. */
struct image_clause {
    struct image_selector by;
    uint8_t op; /* enum image_op */
    uint8_t negate;
    uint8_t
        plain; /* 1 exactly when it is a NAMED attribute, IN, and one STRING: most clauses are */
    uint8_t reserved0;
    uint32_t value_count;
    uint32_t values_offset; /* struct image_value[value_count]; 0 when there are none */
    uint32_t reserved1;
    struct image_value first;
    struct image_string op_name; /* as written, for explain */
    uint64_t reserved2;
};

struct image_rule {
    struct image_serve serve;
    uint32_t clause_count; /* 0: matches everybody */
    uint32_t clauses_offset;
    struct image_string id;
    uint32_t flags; /* IMAGE_RULE_* */
    uint32_t reserved;
};
#define IMAGE_RULE_TRACK_EVENTS 1u

enum image_type { /* JSON types */
                  IMAGE_NULL = 0,
                  IMAGE_BOOL = 1,
                  IMAGE_NUMBER = 2,
                  IMAGE_STRING = 3,
                  IMAGE_ARRAY = 4,
                  IMAGE_OBJECT = 5,
};

struct image_variation {
    uint32_t type; /* enum image_type */
    uint32_t boolean;
    double number;
    struct image_string text; /* a string's characters; for other types the same as json */
    struct image_string json; /* the value as compact JSON */
    struct image_string key;  /* the variant's key; absent where the source has none */
};

struct image_prerequisite {
    uint32_t slot;
    int32_t variation; /* wanted; any int, never an index into this blob */
    struct image_string key;
};

/* An individual target, in the order in which they are tried. */
struct image_target {
    uint64_t kind_hash;
    struct image_string kind;
    int32_t variation; /* index or IMAGE_SERVE_MALFORMED; 0 in segments */
    uint32_t reserved;
    struct image_set keys;
};

/* steps: what there is to do before the fallthrough. 0: serve the fallthrough at once. */
#define IMAGE_STEP_OFF 1u
#define IMAGE_STEP_PREREQUISITES 2u
#define IMAGE_STEP_TARGETS 4u
#define IMAGE_STEP_RULES 8u

#define IMAGE_FLAG_TRACK_EVENTS 1u
#define IMAGE_FLAG_TRACK_FALLTHROUGH 2u
#define IMAGE_FLAG_CLIENT_SIDE_ID 4u /* clientSideAvailability.usingEnvironmentId */
#define IMAGE_FLAG_MOBILE_KEY 8u     /* clientSideAvailability.usingMobileKey */
#define IMAGE_FLAG_NO_SUMMARY 16u    /* excludeFromSummaries */
#define IMAGE_FLAG_MIGRATION 32u
#define IMAGE_FLAG_COUNTS_MORE                                                                     \
    64u /* an evaluation may tell more than its count and its prerequisites': events. Since minor  \
           1; earlier agents have it where there are prerequisites, too */
#define IMAGE_FLAG_OVERRIDDEN                                                                      \
    128u /* a kill switch or a pin; the provenance tells of it. Since minor 2 */

struct image_flag {
    struct image_blob blob;
    uint32_t steps;
    int32_t off_variation; /* index, IMAGE_SERVE_NOTHING or IMAGE_SERVE_MALFORMED */
    struct image_serve fallthrough;
    uint32_t variations_offset;
    uint32_t variation_count;
    uint32_t prerequisites_offset;
    uint32_t prerequisite_count;
    uint32_t targets_offset;
    uint32_t target_count;
    uint32_t rules_offset;
    uint32_t rule_count;
    uint32_t flags; /* IMAGE_FLAG_* */
    uint32_t reserved0;
    uint32_t tags_offset; /* struct image_string[tag_count] */
    uint32_t tag_count;
    int64_t debug_until_ms; /* 0: none */
    int32_t sampling_ratio; /* 1: every event */
    int32_t migration_check_ratio;
    struct image_string provenance; /* where the definition came from, which is no part of the
                                       digest; IMAGE_FLAG_OVERRIDDEN: by whom and why, which is */
    uint64_t digest[2]; /* entry digest: kind, key, version, content without slots, sets' hashes,
                           provenance */
    uint8_t reserved[56];
};

#define IMAGE_SEGMENT_UNBOUNDED 1u
#define IMAGE_SEGMENT_HAS_GENERATION 2u

struct image_segment {
    struct image_blob blob;
    uint32_t flags; /* IMAGE_SEGMENT_* */
    uint32_t include_count;
    uint32_t includes_offset; /* struct image_target[]: a context in any of them is a member ... */
    uint32_t exclude_count;
    uint32_t excludes_offset; /* ... or else, in any of these, is not */
    uint32_t rule_count;
    uint32_t rules_offset; /* struct image_segment_rule[] */
    uint32_t reserved0;
    int64_t generation; /* of a big segment */
    uint64_t unbounded_kind_hash;
    struct image_string unbounded_kind;
    struct image_string provenance;
    uint64_t digest[2];
    uint8_t reserved[32];
};

struct image_segment_rule {
    uint32_t clause_count;
    uint32_t clauses_offset;
    struct image_string id;
    uint32_t rollout; /* offset of struct image_rollout; 0: everybody who matches */
    uint32_t reserved;
};

/* The key index of the flags: linear probing from key_hash & (capacity - 1), load <= 1/2. */
struct image_index {
    struct image_blob blob; /* key absent, key_hash 0 */
    uint32_t capacity;      /* power of two */
    uint32_t count;
    uint32_t entries_offset; /* struct image_index_entry[capacity] */
    uint32_t reserved[5];
};

struct image_index_entry {
    uint32_t hash; /* high half of the key's hash */
    uint32_t slot; /* IMAGE_NO_SLOT: empty */
};

/* ---- pins --------------------------------------------------------------------------------- */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
               "64-bit atomics must be lock-free to be shared by processes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little-endian");

#define IMAGE_PIN_SIZE(type, bytes)                                                                \
    _Static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#define IMAGE_PIN(type, member, at)                                                                \
    _Static_assert(__builtin_offsetof(struct type, member) == (at), "offset of " #type "." #member)

IMAGE_PIN_SIZE(image_control, 4096);
IMAGE_PIN(image_control, magic, 0);
IMAGE_PIN(image_control, major, 8);
IMAGE_PIN(image_control, minor, 10);
IMAGE_PIN(image_control, header_size, 12);
IMAGE_PIN(image_control, endian_tag, 16);
IMAGE_PIN(image_control, flags, 20);
IMAGE_PIN(image_control, store_epoch, 24);
IMAGE_PIN(image_control, set_seed, 32);
IMAGE_PIN(image_control, reserved0, 40);
IMAGE_PIN(image_control, generation, 128);
IMAGE_PIN(image_control, telemetry_window, 136);
IMAGE_PIN(image_control, reserved1, 144);
IMAGE_PIN(image_control, heartbeat_ms, 256);
IMAGE_PIN(image_control, agent_state, 264);
IMAGE_PIN(image_control, source_state, 268);
IMAGE_PIN(image_control, published_ms, 272);
IMAGE_PIN(image_control, publish_count, 280);
IMAGE_PIN(image_control, publish_failures, 288);
IMAGE_PIN(image_control, next_extent_id, 296);
IMAGE_PIN(image_control, incarnation, 304);
IMAGE_PIN(image_control, wake, 312);
IMAGE_PIN(image_control, reserved2, 316);
IMAGE_PIN(image_control, telemetry_wants, 320);
IMAGE_PIN(image_control, telemetry_ring_bytes, 324);
IMAGE_PIN(image_control, source, 328);
IMAGE_PIN(image_control, delivery, 640);
IMAGE_PIN(image_control, big_segments, 832);
IMAGE_PIN(image_control, reserved3, 840);
IMAGE_PIN(image_control, levels, 1024);
IMAGE_PIN(image_control, reserved4, 1312);
IMAGE_PIN_SIZE(image_levels_report, 288);
IMAGE_PIN(image_levels_report, first, 4);
IMAGE_PIN(image_levels_report, hits, 8);
IMAGE_PIN(image_levels_report, items, 48);
IMAGE_PIN(image_levels_report, older, 88);
IMAGE_PIN(image_levels_report, sink, 128);
IMAGE_PIN(image_levels_report, sink_ms, 136);
IMAGE_PIN(image_levels_report, sink_wholes, 144);
IMAGE_PIN(image_levels_report, sink_items, 152);
IMAGE_PIN(image_levels_report, sink_text, 160);
IMAGE_PIN_SIZE(image_delivery_report, 192);
IMAGE_PIN(image_delivery_report, sequence, 0);
IMAGE_PIN(image_delivery_report, state, 4);
IMAGE_PIN(image_delivery_report, last_status, 8);
IMAGE_PIN(image_delivery_report, processes, 12);
IMAGE_PIN(image_delivery_report, delivered, 16);
IMAGE_PIN(image_delivery_report, failures, 24);
IMAGE_PIN(image_delivery_report, waiting_bytes, 32);
IMAGE_PIN(image_delivery_report, dropped_payloads, 40);
IMAGE_PIN(image_delivery_report, dropped_events, 48);
IMAGE_PIN(image_delivery_report, reserved, 56);
IMAGE_PIN(image_delivery_report, error_text, 64);
IMAGE_PIN_SIZE(image_source_report, 312);
IMAGE_PIN(image_source_report, sequence, 0);
IMAGE_PIN(image_source_report, error, 4);
IMAGE_PIN(image_source_report, error_status, 8);
IMAGE_PIN(image_source_report, since_ms, 16);
IMAGE_PIN(image_source_report, error_ms, 24);
IMAGE_PIN(image_source_report, data_ms, 32);
IMAGE_PIN(image_source_report, error_text, 40);
IMAGE_PIN(image_source_report, environment_id, 240);
IMAGE_PIN_SIZE(image_head, 256);
IMAGE_PIN(image_head, magic, 0);
IMAGE_PIN(image_head, major, 8);
IMAGE_PIN(image_head, minor, 10);
IMAGE_PIN(image_head, header_size, 12);
IMAGE_PIN(image_head, endian_tag, 16);
IMAGE_PIN(image_head, extent_count, 20);
IMAGE_PIN(image_head, generation, 24);
IMAGE_PIN(image_head, store_epoch, 32);
IMAGE_PIN(image_head, file_size, 40);
IMAGE_PIN(image_head, features_required, 48);
IMAGE_PIN(image_head, features_optional, 56);
IMAGE_PIN(image_head, created_ms, 64);
IMAGE_PIN(image_head, digest, 72);
IMAGE_PIN(image_head, flag_count, 88);
IMAGE_PIN(image_head, segment_count, 92);
IMAGE_PIN(image_head, slot_count, 96);
IMAGE_PIN(image_head, extents_offset, 100);
IMAGE_PIN(image_head, slots_offset, 104);
IMAGE_PIN(image_head, index_extent, 108);
IMAGE_PIN(image_head, index_offset, 112);
IMAGE_PIN(image_head, reserved0, 116);
IMAGE_PIN(image_head, payload_checksum, 120);
IMAGE_PIN(image_head, reserved1, 128);
IMAGE_PIN(image_head, header_checksum, 248);
IMAGE_PIN_SIZE(image_extent_ref, 32);
IMAGE_PIN(image_extent_ref, id, 0);
IMAGE_PIN(image_extent_ref, size, 8);
IMAGE_PIN(image_extent_ref, checksum, 16);
IMAGE_PIN(image_extent_ref, live_bytes, 24);
IMAGE_PIN_SIZE(image_slot, 8);
IMAGE_PIN(image_slot, extent, 0);
IMAGE_PIN(image_slot, offset, 4);
IMAGE_PIN_SIZE(image_extent, 128);
IMAGE_PIN(image_extent, magic, 0);
IMAGE_PIN(image_extent, major, 8);
IMAGE_PIN(image_extent, minor, 10);
IMAGE_PIN(image_extent, header_size, 12);
IMAGE_PIN(image_extent, endian_tag, 16);
IMAGE_PIN(image_extent, blob_count, 20);
IMAGE_PIN(image_extent, id, 24);
IMAGE_PIN(image_extent, store_epoch, 32);
IMAGE_PIN(image_extent, file_size, 40);
IMAGE_PIN(image_extent, starts_offset, 48);
IMAGE_PIN(image_extent, starts_words, 52);
IMAGE_PIN(image_extent, regex_count, 56);
IMAGE_PIN(image_extent, reserved0, 60);
IMAGE_PIN(image_extent, payload_checksum, 64);
IMAGE_PIN(image_extent, reserved1, 72);
IMAGE_PIN(image_extent, header_checksum, 120);
IMAGE_PIN_SIZE(image_string, 8);
IMAGE_PIN(image_string, offset, 0);
IMAGE_PIN(image_string, length, 4);
IMAGE_PIN_SIZE(image_blob, 32);
IMAGE_PIN(image_blob, size, 0);
IMAGE_PIN(image_blob, kind, 4);
IMAGE_PIN(image_blob, key_hash, 8);
IMAGE_PIN(image_blob, key, 16);
IMAGE_PIN(image_blob, version, 24);
IMAGE_PIN_SIZE(image_set, 16);
IMAGE_PIN(image_set, count, 0);
IMAGE_PIN(image_set, capacity, 4);
IMAGE_PIN(image_set, entries_offset, 8);
IMAGE_PIN(image_set, reserved, 12);
IMAGE_PIN_SIZE(image_set_entry, 16);
IMAGE_PIN(image_set_entry, lo, 0);
IMAGE_PIN(image_set_entry, hi, 8);
IMAGE_PIN_SIZE(image_serve, 8);
IMAGE_PIN(image_serve, variation, 0);
IMAGE_PIN(image_serve, rollout, 4);
IMAGE_PIN_SIZE(image_selector, 40);
IMAGE_PIN(image_selector, attribute, 0);
IMAGE_PIN(image_selector, path, 4);
IMAGE_PIN(image_selector, hash, 8);
IMAGE_PIN(image_selector, kind_hash, 16);
IMAGE_PIN(image_selector, text, 24);
IMAGE_PIN(image_selector, kind, 32);
IMAGE_PIN_SIZE(image_path, 8);
IMAGE_PIN(image_path, count, 0);
IMAGE_PIN(image_path, reserved, 4);
IMAGE_PIN(image_path, components, 8);
IMAGE_PIN_SIZE(image_rollout, 72);
IMAGE_PIN(image_rollout, by, 0);
IMAGE_PIN(image_rollout, prefix, 40);
IMAGE_PIN(image_rollout, experiment, 48);
IMAGE_PIN(image_rollout, count, 52);
IMAGE_PIN(image_rollout, weighted_offset, 56);
IMAGE_PIN(image_rollout, below, 60);
IMAGE_PIN(image_rollout, reserved, 64);
IMAGE_PIN_SIZE(image_weighted, 16);
IMAGE_PIN(image_weighted, variation, 0);
IMAGE_PIN(image_weighted, upper, 4);
IMAGE_PIN(image_weighted, weight, 8);
IMAGE_PIN(image_weighted, untracked, 12);
IMAGE_PIN_SIZE(image_value, 24);
IMAGE_PIN(image_value, type, 0);
IMAGE_PIN(image_value, length, 4);
IMAGE_PIN(image_value, as, 8);
IMAGE_PIN(image_value, offset, 16);
IMAGE_PIN(image_value, reserved, 20);
IMAGE_PIN_SIZE(image_semver, 32);
IMAGE_PIN(image_semver, major, 0);
IMAGE_PIN(image_semver, minor, 8);
IMAGE_PIN(image_semver, patch, 16);
IMAGE_PIN(image_semver, prerelease, 24);
IMAGE_PIN_SIZE(image_clause, 96);
IMAGE_PIN(image_clause, by, 0);
IMAGE_PIN(image_clause, op, 40);
IMAGE_PIN(image_clause, negate, 41);
IMAGE_PIN(image_clause, plain, 42);
IMAGE_PIN(image_clause, reserved0, 43);
IMAGE_PIN(image_clause, value_count, 44);
IMAGE_PIN(image_clause, values_offset, 48);
IMAGE_PIN(image_clause, reserved1, 52);
IMAGE_PIN(image_clause, first, 56);
IMAGE_PIN(image_clause, op_name, 80);
IMAGE_PIN(image_clause, reserved2, 88);
IMAGE_PIN_SIZE(image_rule, 32);
IMAGE_PIN(image_rule, serve, 0);
IMAGE_PIN(image_rule, clause_count, 8);
IMAGE_PIN(image_rule, clauses_offset, 12);
IMAGE_PIN(image_rule, id, 16);
IMAGE_PIN(image_rule, flags, 24);
IMAGE_PIN(image_rule, reserved, 28);
IMAGE_PIN_SIZE(image_variation, 40);
IMAGE_PIN(image_variation, type, 0);
IMAGE_PIN(image_variation, boolean, 4);
IMAGE_PIN(image_variation, number, 8);
IMAGE_PIN(image_variation, text, 16);
IMAGE_PIN(image_variation, json, 24);
IMAGE_PIN(image_variation, key, 32);
IMAGE_PIN_SIZE(image_prerequisite, 16);
IMAGE_PIN(image_prerequisite, slot, 0);
IMAGE_PIN(image_prerequisite, variation, 4);
IMAGE_PIN(image_prerequisite, key, 8);
IMAGE_PIN_SIZE(image_target, 40);
IMAGE_PIN(image_target, kind_hash, 0);
IMAGE_PIN(image_target, kind, 8);
IMAGE_PIN(image_target, variation, 16);
IMAGE_PIN(image_target, reserved, 20);
IMAGE_PIN(image_target, keys, 24);
IMAGE_PIN_SIZE(image_flag, 192);
IMAGE_PIN(image_flag, blob, 0);
IMAGE_PIN(image_flag, steps, 32);
IMAGE_PIN(image_flag, off_variation, 36);
IMAGE_PIN(image_flag, fallthrough, 40);
IMAGE_PIN(image_flag, variations_offset, 48);
IMAGE_PIN(image_flag, variation_count, 52);
IMAGE_PIN(image_flag, prerequisites_offset, 56);
IMAGE_PIN(image_flag, prerequisite_count, 60);
IMAGE_PIN(image_flag, targets_offset, 64);
IMAGE_PIN(image_flag, target_count, 68);
IMAGE_PIN(image_flag, rules_offset, 72);
IMAGE_PIN(image_flag, rule_count, 76);
IMAGE_PIN(image_flag, flags, 80);
IMAGE_PIN(image_flag, reserved0, 84);
IMAGE_PIN(image_flag, tags_offset, 88);
IMAGE_PIN(image_flag, tag_count, 92);
IMAGE_PIN(image_flag, debug_until_ms, 96);
IMAGE_PIN(image_flag, sampling_ratio, 104);
IMAGE_PIN(image_flag, migration_check_ratio, 108);
IMAGE_PIN(image_flag, provenance, 112);
IMAGE_PIN(image_flag, digest, 120);
IMAGE_PIN(image_flag, reserved, 136);
IMAGE_PIN_SIZE(image_segment, 144);
IMAGE_PIN(image_segment, blob, 0);
IMAGE_PIN(image_segment, flags, 32);
IMAGE_PIN(image_segment, include_count, 36);
IMAGE_PIN(image_segment, includes_offset, 40);
IMAGE_PIN(image_segment, exclude_count, 44);
IMAGE_PIN(image_segment, excludes_offset, 48);
IMAGE_PIN(image_segment, rule_count, 52);
IMAGE_PIN(image_segment, rules_offset, 56);
IMAGE_PIN(image_segment, reserved0, 60);
IMAGE_PIN(image_segment, generation, 64);
IMAGE_PIN(image_segment, unbounded_kind_hash, 72);
IMAGE_PIN(image_segment, unbounded_kind, 80);
IMAGE_PIN(image_segment, provenance, 88);
IMAGE_PIN(image_segment, digest, 96);
IMAGE_PIN(image_segment, reserved, 112);
IMAGE_PIN_SIZE(image_segment_rule, 24);
IMAGE_PIN(image_segment_rule, clause_count, 0);
IMAGE_PIN(image_segment_rule, clauses_offset, 4);
IMAGE_PIN(image_segment_rule, id, 8);
IMAGE_PIN(image_segment_rule, rollout, 16);
IMAGE_PIN(image_segment_rule, reserved, 20);
IMAGE_PIN_SIZE(image_index, 64);
IMAGE_PIN(image_index, blob, 0);
IMAGE_PIN(image_index, capacity, 32);
IMAGE_PIN(image_index, count, 36);
IMAGE_PIN(image_index, entries_offset, 40);
IMAGE_PIN(image_index, reserved, 44);
IMAGE_PIN_SIZE(image_index_entry, 8);
IMAGE_PIN(image_index_entry, hash, 0);
IMAGE_PIN(image_index_entry, slot, 4);

#endif
