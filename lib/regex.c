/*
 * regex.c - see regex.h.
 *
 * Compiling: PCRE2 allocates from an arena of mmap'ed chunks, which goes away as a whole. Blocks
 * that PCRE2 frees meanwhile are handed out again (the JIT compiler frees all that it took).
 *
 * Matching: PCRE2 keeps its backtracking frames in memory that it asks the match data's allocator
 * for. One of a pool's work spaces serves a match: taken by an atomic bit, a bump allocator's
 * memory meanwhile. They are reserved address space that costs memory only once touched. With all
 * of them taken, a small buffer on the stack serves instead.
 */
#include "regex.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "snapshot.h"

#if PCRE2_MAJOR == 10 && PCRE2_MINOR < 34
#error "PCRE2_MATCH_INVALID_UTF needs PCRE2 10.34"
#endif

#define BLOCK_ALIGN 16u
#define CHUNK (64u << 10)
#define WORKSPACES 16u
#define WORKSPACE (4u << 20)
#define POOL_HEADER 4096u
#define STACK_WORKSPACE (24u << 10)
/* KiB of PCRE2's frames. They double, and what was before is not freed: three times the most that
   they reach is allocated in all. On the stack they cannot grow beyond their first 20 KiB. */
#define WORKSPACE_FRAMES ((WORKSPACE >> 10) / 3 - 4)
#define STACK_FRAMES 20u
#define JIT_PATTERNS 64u /* more are not worth the time that the JIT compiler takes for them */

/* As RE2, the engine of LaunchDarkly's Go SDK, has it: UTF-8, '$' matches at the very end only, a
   subject that is not UTF-8 matches where it is. \C could match half a character. */
#define COMPILE_OPTIONS                                                                            \
    (PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY)

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) & ~(to - 1);
}

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* ---- arena: memory for compiled patterns --------------------------------------------------- */

struct block {
    size_t size; /* that the caller may use */
    struct block *next_free;
};
_Static_assert(sizeof(struct block) % BLOCK_ALIGN == 0, "what follows a block is aligned");

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    size_t reserved;
};
_Static_assert(sizeof(struct chunk) % BLOCK_ALIGN == 0, "what follows a chunk is aligned");

struct arena {
    struct chunk *chunks; /* the first one has room, the others are full */
    struct block *free;
};

static bool arena_grow(struct arena *a, size_t need)
{
    const size_t size =
        need + sizeof(struct chunk) > CHUNK ? round_up(need + sizeof(struct chunk), 4096) : CHUNK;
    struct chunk *chunk = map(size);
    if (!chunk) {
        return false;
    }
    *chunk = (struct chunk){a->chunks, size, sizeof *chunk, 0};
    a->chunks = chunk;
    return true;
}

/* The first free block that fits and is not much too large. */
static struct block *arena_reuse(struct arena *a, size_t size)
{
    for (struct block **at = &a->free; *at; at = &(*at)->next_free) {
        struct block *found = *at;
        if (found->size >= size && found->size / 2 <= size) {
            *at = found->next_free;
            return found;
        }
    }
    return NULL;
}

static void *arena_allocate(size_t size, void *data)
{
    struct arena *a = data;
    if (size > IMAGE_MAX_FILE) {
        return NULL;
    }
    size = round_up(size, BLOCK_ALIGN);
    struct block *block = arena_reuse(a, size);
    if (!block) {
        const size_t need = size + sizeof *block;
        if ((!a->chunks || a->chunks->size - a->chunks->used < need) && !arena_grow(a, need)) {
            return NULL;
        }
        block = (struct block *)(void *)((uint8_t *)a->chunks + a->chunks->used);
        a->chunks->used += need;
        block->size = size;
    }
    return block + 1;
}

static void arena_free(void *p, void *data)
{
    struct arena *a = data;
    if (p) {
        struct block *block = (struct block *)p - 1;
        block->next_free = a->free;
        a->free = block;
    }
}

static void arena_release(struct arena *a)
{
    struct chunk *next;
    for (struct chunk *chunk = a->chunks; chunk; chunk = next) {
        next = chunk->next;
        munmap(chunk, chunk->size);
    }
}

/* ---- work spaces: memory for matches ------------------------------------------------------- */

/* The header's page is zero in a child after fork: nobody there holds what other threads held. */
struct pool {
    _Atomic uint32_t taken; /* bit n: work space n */
};
_Static_assert(WORKSPACES <= 32, "one bit each");

static struct pool *_Atomic pool;

/* Maps the pool once a process; without it matches have the stack. */
static void pool_prepare(void)
{
    if (atomic_load_explicit(&pool, memory_order_acquire)) {
        return;
    }
    const size_t size = POOL_HEADER + (size_t)WORKSPACES * WORKSPACE;
    struct pool *fresh = map(size);
    struct pool *expected = NULL;
    if (!fresh) {
        return;
    }
#if defined(MADV_WIPEONFORK)
    (void)madvise(fresh, POOL_HEADER, MADV_WIPEONFORK);
#endif
    /* Release: pairs with the acquire loads of `pool`. */
    if (!atomic_compare_exchange_strong_explicit(&pool, &expected, fresh, memory_order_release,
                                                 memory_order_relaxed)) {
        munmap(fresh, size);
    }
}

/* The lowest free one, so that few are ever touched; -1: none. */
static int workspace_take(struct pool *p)
{
    uint32_t taken = atomic_load_explicit(&p->taken, memory_order_relaxed);
    while (taken != (uint32_t)((UINT64_C(1) << WORKSPACES) - 1)) {
        const int n = __builtin_ctz(~taken);
        /* Acquire: pairs with the release in workspace_give. */
        if (atomic_compare_exchange_weak_explicit(&p->taken, &taken, taken | 1u << n,
                                                  memory_order_acquire, memory_order_relaxed)) {
            return n;
        }
    }
    return -1;
}

static void workspace_give(struct pool *p, int n)
{
    atomic_fetch_and_explicit(&p->taken, ~(1u << n), memory_order_release);
}

/* Never frees: a match's memory goes with the match. */
struct bump {
    uint8_t *memory;
    size_t size;
    size_t used;
};

static void *bump_allocate(size_t size, void *data)
{
    struct bump *b = data;
    if (size > b->size - b->used) {
        return NULL;
    }
    void *p = b->memory + b->used;
    b->used = round_up(b->used + size, BLOCK_ALIGN);
    b->used = b->used > b->size ? b->size : b->used;
    return p;
}

static void bump_free(void *p, void *data)
{
    (void)p;
    (void)data;
}

/* ---- compiling ----------------------------------------------------------------------------- */

struct entry {
    uint32_t offset; /* of the pattern in the extent; 0: empty */
    bool jit;
    pcre2_code *code; /* NULL: does not compile */
};

struct regexes {
    struct arena arena;
    const uint8_t *extent;
    bool jit;
    bool has_jit_code;
    bool out_of_memory; /* a pattern could not be compiled for want of it */
    struct regexes *next_left_over;
    pcre2_compile_context *compile_context;
    struct entry *entries;
    uint32_t mask;
};

static uint32_t spread(uint32_t offset)
{
    return offset * 0x9e3779b1u >> 7;
}

/* The entry of the offset, or the empty one where it belongs. Ends: at most half are in use. */
static struct entry *find(const struct regexes *r, uint32_t offset)
{
    uint32_t i = spread(offset) & r->mask;
    while (r->entries[i].offset != 0 && r->entries[i].offset != offset) {
        i = (i + 1) & r->mask;
    }
    return &r->entries[i];
}

static pcre2_code *compile(const char *pattern, size_t length, pcre2_compile_context *context,
                           int *error, size_t *error_offset)
{
    return pcre2_compile((PCRE2_SPTR)pattern, length, COMPILE_OPTIONS, error, error_offset,
                         context);
}

static void add(struct regexes *r, const void *blob, const struct image_value *value)
{
    const char *text = image_at(blob, value->offset);
    const uint32_t offset = (uint32_t)((const uint8_t *)text - r->extent);
    struct entry *e = find(r, offset);
    if (e->offset == offset) {
        return;
    }
    int error;
    size_t error_offset;
    e->offset = offset;
    e->code = compile(text, value->length, r->compile_context, &error, &error_offset);
    r->out_of_memory |= !e->code && error == PCRE2_ERROR_HEAP_FAILED;
    e->jit = r->jit && e->code && pcre2_jit_compile(e->code, PCRE2_JIT_COMPLETE) == 0;
    r->has_jit_code |= e->jit;
}

static void add_clauses(struct regexes *r, const void *blob, uint32_t offset, uint32_t count)
{
    const struct image_clause *clauses = image_at(blob, offset);
    for (uint32_t i = 0; i < count; i++) {
        const struct image_value *values = image_at(blob, clauses[i].values_offset);
        for (uint32_t j = 0; j < clauses[i].value_count; j++) {
            if (values[j].type == IMAGE_VALUE_REGEX) {
                add(r, blob, &values[j]);
            }
        }
    }
}

static void add_flag(struct regexes *r, const struct image_flag *flag)
{
    const struct image_rule *rules = image_at(flag, flag->rules_offset);
    for (uint32_t i = 0; i < flag->rule_count; i++) {
        add_clauses(r, flag, rules[i].clauses_offset, rules[i].clause_count);
    }
}

static void add_segment(struct regexes *r, const struct image_segment *segment)
{
    const struct image_segment_rule *rules = image_at(segment, segment->rules_offset);
    for (uint32_t i = 0; i < segment->rule_count; i++) {
        add_clauses(r, segment, rules[i].clauses_offset, rules[i].clause_count);
    }
}

/* Blobs follow one another from the end of the extent's header. */
static void add_blobs(struct regexes *r, const struct image_extent *extent)
{
    const uint8_t *at = r->extent + extent->header_size;
    for (uint32_t i = 0; i < extent->blob_count; i++) {
        const struct image_blob *blob = (const struct image_blob *)(const void *)at;
        if (blob->kind == IMAGE_FLAG) {
            add_flag(r, (const struct image_flag *)blob);
        } else if (blob->kind == IMAGE_SEGMENT) {
            add_segment(r, (const struct image_segment *)blob);
        }
        at += blob->size;
    }
}

/* LF ends a line, whatever libpcre2 was built for. */
static pcre2_compile_context *compile_context(pcre2_general_context *general)
{
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    if (context) {
        (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    }
    return context;
}

/* The structure lives in its own arena; `a` is moved into it. */
static struct regexes *prepare(struct arena *a, const struct image_extent *extent, bool jit)
{
    uint32_t capacity = 4;
    while (capacity / 2 < extent->regex_count) {
        capacity *= 2;
    }
    struct regexes *r = arena_allocate(sizeof *r, a);
    struct entry *entries = r ? arena_allocate(capacity * sizeof *entries, a) : NULL;
    if (!entries) {
        return NULL;
    }
    memset(entries, 0, capacity * sizeof *entries);
    *r = (struct regexes){.arena = *a,
                          .extent = (const uint8_t *)extent,
                          .jit = jit && extent->regex_count <= JIT_PATTERNS,
                          .entries = entries,
                          .mask = capacity - 1};
    pcre2_general_context *general =
        pcre2_general_context_create(arena_allocate, arena_free, &r->arena);
    r->compile_context = general ? compile_context(general) : NULL;
    *a = r->arena;
    return r->compile_context ? r : NULL;
}

static void release(struct regexes *r)
{
    /* The code of the JIT compiler is libpcre2's own memory. */
    for (uint32_t i = 0; i <= r->mask; i++) {
        if (r->entries[i].jit) {
            pcre2_code_free(r->entries[i].code);
        }
    }
    struct arena arena = r->arena;
    arena_release(&arena);
}

struct regexes *regexes_compile(const struct image_extent *extent, bool jit)
{
    if (extent->regex_count == 0) {
        return NULL;
    }
    pool_prepare();
    struct arena arena = {NULL, NULL};
    struct regexes *r = prepare(&arena, extent, jit);
    if (!r) {
        arena_release(&arena);
        return NULL;
    }
    add_blobs(r, extent);
    if (r->out_of_memory) {
        release(r);
        return NULL;
    }
    return r;
}

/* Pushed by evaluations, taken as a whole by those who may take libpcre2's lock. Never more than
   they have compiled. */
static struct regexes *_Atomic left_over;

static void release_left_over(void)
{
    struct regexes *r = atomic_exchange_explicit(&left_over, NULL, memory_order_acquire);
    while (r) {
        struct regexes *next = r->next_left_over;
        release(r);
        r = next;
    }
}

void regexes_free(struct regexes *r)
{
    if (r) {
        release(r);
    }
    release_left_over();
}

void regexes_free_later(struct regexes *r)
{
    if (!r) {
        return;
    }
    if (!r->has_jit_code) {
        release(r);
        return;
    }
    r->next_left_over = atomic_load_explicit(&left_over, memory_order_relaxed);
    /* Release: pairs with the acquire in release_left_over. */
    while (!atomic_compare_exchange_weak_explicit(&left_over, &r->next_left_over, r,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

bool regex_valid(const char *pattern, size_t length, char *buffer, size_t capacity,
                 size_t *error_offset)
{
    int error;
    size_t offset = 0;
    pcre2_compile_context *context = compile_context(NULL);
    pcre2_code *code = context ? compile(pattern, length, context, &error, &offset) : NULL;
    const bool valid = code != NULL;
    if (!valid) {
        *error_offset = offset;
        error = context ? error : PCRE2_ERROR_NOMEMORY;
        if (capacity > 0) {
            buffer[0] = 0;
            (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)buffer, capacity);
        }
    }
    pcre2_code_free(code);
    pcre2_compile_context_free(context);
    return valid;
}

/* ---- matching ------------------------------------------------------------------------------ */

/* heap_limit: KiB that PCRE2 may have for its frames at any time. */
static bool match_in(const struct entry *e, const char *subject, size_t length, struct bump bump,
                     uint32_t heap_limit)
{
    pcre2_general_context *general = pcre2_general_context_create(bump_allocate, bump_free, &bump);
    pcre2_match_context *context = general ? pcre2_match_context_create(general) : NULL;
    pcre2_match_data *data = context ? pcre2_match_data_create(1, general) : NULL;
    if (!data) {
        return false;
    }
    (void)pcre2_set_match_limit(context, REGEX_MATCH_LIMIT);
    (void)pcre2_set_heap_limit(context, heap_limit);
    int result = pcre2_match(e->code, (PCRE2_SPTR)subject, length, 0, 0, data, context);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
        /* 32 KiB of stack did not do; the interpreter has more. */
        result = pcre2_match(e->code, (PCRE2_SPTR)subject, length, 0, PCRE2_NO_JIT, data, context);
    }
    return result >= 0;
}

/* Apart, so that only a match without a work space needs the stack. */
__attribute__((noinline)) static bool match_on_stack(const struct entry *e, const char *subject,
                                                     size_t length)
{
    _Alignas(BLOCK_ALIGN) uint8_t memory[STACK_WORKSPACE];
    const struct bump bump = {memory, sizeof memory, 0};
    return match_in(e, subject, length, bump, STACK_FRAMES);
}

bool regex_match(const struct regexes *r, uint32_t offset, const char *subject, size_t length)
{
    const struct entry *e = r && offset != 0 ? find(r, offset) : NULL;
    if (!e || !e->code) {
        return false;
    }
    /* Acquire: pairs with the release in pool_prepare. */
    struct pool *p = atomic_load_explicit(&pool, memory_order_acquire);
    const int n = p ? workspace_take(p) : -1;
    if (n < 0) {
        return match_on_stack(e, subject, length);
    }
    uint8_t *memory = (uint8_t *)p + POOL_HEADER + (size_t)n * WORKSPACE;
    const struct bump bump = {memory, WORKSPACE, 0};
    const bool matched = match_in(e, subject, length, bump, WORKSPACE_FRAMES);
    workspace_give(p, n);
    return matched;
}
