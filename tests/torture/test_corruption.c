/*
 * test_corruption.c - every single-byte corruption of an image is refused or harmless.
 *
 * The image of tests/data/rich.json, published and read back from its files. Each byte in turn is
 * replaced by other values: with the checksums left as they are (every one must be refused), and
 * with the checksums made right again (so that the structural verifier is what is tested: what it
 * accepts must evaluate without a fault, under ASan in the sanitizer build). Also every truncation,
 * and every aligned u32 set to boundary values.
 *
 * FFSHM_STRIDE=N takes one byte in N only.
 *
 * ctest: merge timeout=900
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ffshm.h"
#include "hash.h"
#include "image_verify.h"
#include "live_store.h"
#include "store.h"

struct bytes {
    uint8_t *at;
    size_t size;
};

static struct bytes head;
static struct bytes extent;
static unsigned long accepted, refused, failures;

static struct bytes read_file(const char *dir, char letter)
{
    struct bytes b = {NULL, 0};
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != letter || e->d_name[1] != '.') {
            continue;
        }
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) != 0) {
            exit(1);
        }
        b.size = (size_t)st.st_size;
        b.at = aligned_alloc(64, (b.size + 63) / 64 * 64);
        if (!b.at || read(fd, b.at, b.size) != (ssize_t)b.size) {
            exit(1);
        }
        close(fd);
    }
    closedir(d);
    return b;
}

static void seal(struct bytes b, size_t header, size_t payload_member, size_t header_member)
{
    uint64_t sum = hash_bytes(b.at + header, b.size - header);
    memcpy(b.at + payload_member, &sum, sizeof(sum));
    sum = hash_bytes(b.at, header_member);
    memcpy(b.at + header_member, &sum, sizeof(sum));
}

static void seal_extent(void)
{
    seal(extent, sizeof(struct image_extent), offsetof(struct image_extent, payload_checksum),
         offsetof(struct image_extent, header_checksum));
}

static void seal_head(void)
{
    struct image_head *h = (struct image_head *)(void *)head.at;
    const struct image_extent *e = (const struct image_extent *)(const void *)extent.at;
    if (h->extents_offset <= head.size - sizeof(struct image_extent_ref)) {
        memcpy(head.at + h->extents_offset + offsetof(struct image_extent_ref, checksum),
               &e->header_checksum, sizeof(uint64_t));
    }
    seal(head, sizeof(struct image_head), offsetof(struct image_head, payload_checksum),
         offsetof(struct image_head, header_checksum));
}

static const char *const contexts[] = {
    "{\"kind\":\"user\",\"key\":\"user-1\",\"country\":\"DE\",\"email\":\"admin@example.com\"}",
    "{\"kind\":\"user\",\"key\":\"user-7\",\"name\":\"Jan\",\"age\":20,\"logins\":90,\"vip\":true}",
    "{\"kind\":\"multi\",\"user\":{\"key\":\"user-9\",\"born\":\"1970-06-01T00:00:00Z\",\"app\":"
    "\"2.5.0\","
    "\"groups\":[\"a\",\"b\"],\"email\":\"x+beta@example.com\"},"
    "\"org\":{\"key\":\"acme\",\"address\":{\"country\":\"US\"}}}",
    "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":true,\"badge\":{\"a\":1},\"name\":\"Joan\"}",
};

static bool evaluate_flag(void *arg, const struct ffshm_flag_info *info)
{
    const struct ffshm_view *view = arg;
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
        struct ffshm_context c;
        char scratch[1024];
        ffshm_context_parse(&c, contexts[i], strlen(contexts[i]), scratch, sizeof(scratch));
        struct ffshm_result r = ffshm_evaluate(view, info->key, &c);
        /* Touch all that a caller may. */
        volatile size_t touched =
            strlen(r.variant) + strlen(r.rule_id) + strlen(r.prerequisite_key);
        touched += r.json ? strlen(r.json) : 0;
        touched += r.string ? strlen(r.string) : 0;
        for (size_t t = 0; t < info->tag_count; t++) {
            touched += strlen(ffshm_flag_tag(info, t));
        }
        touched += strlen(info->provenance);
        (void)touched;
    }
    return true;
}

/* Evaluates everything when the verifier accepts the image. */
static bool use(size_t head_size, size_t extent_size)
{
    const void *extents[] = {extent.at};
    const size_t sizes[] = {extent_size};
    struct ffshm *ff = store_of_memory(head.at, head_size, extents, sizes, 1, NULL);
    if (!ff) {
        refused++;
        return false;
    }
    struct ffshm_view view;
    ffshm_pin(ff, &view);
    ffshm_each(&view, evaluate_flag, &view);
    ffshm_unpin(&view);
    ffshm_close(ff);
    accepted++;
    return true;
}

static void corrupt(struct bytes *which, size_t at, uint8_t value)
{
    uint8_t was = which->at[at];
    if (value == was) {
        return;
    }
    struct image_extent extent_header = *(const struct image_extent *)(void *)extent.at;
    struct bytes head_copy = {malloc(head.size), head.size};
    memcpy(head_copy.at, head.at, head.size);
    which->at[at] = value;
    if (use(head.size, extent.size)) {
        printf("accepted without a right checksum: %s byte %zu = %#x\n",
               which == &head ? "head" : "extent", at, value);
        failures++;
    }
    if (which == &extent) {
        seal_extent();
    }
    seal_head();
    use(head.size, extent.size);
    which->at[at] = was;
    memcpy(extent.at, &extent_header, sizeof(extent_header));
    memcpy(head.at, head_copy.at, head.size);
    free(head_copy.at);
}

static void corrupt_word(struct bytes *which, size_t at, uint32_t value)
{
    struct image_extent extent_header = *(const struct image_extent *)(void *)extent.at;
    struct bytes head_copy = {malloc(head.size), head.size};
    memcpy(head_copy.at, head.at, head.size);
    uint32_t was;
    memcpy(&was, which->at + at, sizeof(was));
    memcpy(which->at + at, &value, sizeof(value));
    if (which == &extent) {
        seal_extent();
    }
    seal_head();
    use(head.size, extent.size);
    memcpy(which->at + at, &was, sizeof(was));
    memcpy(extent.at, &extent_header, sizeof(extent_header));
    memcpy(head.at, head_copy.at, head.size);
    free(head_copy.at);
}

static void sweep(struct bytes *which, size_t stride)
{
    static const uint8_t values[] = {0x00, 0xff, 0x01, 0x80, 0x7f};
    for (size_t at = stride / 2; at < which->size; at += stride) {
        for (size_t v = 0; v < sizeof(values); v++) {
            corrupt(which, at, values[v]);
        }
        for (int bit = 0; bit < 8; bit += 3) {
            corrupt(which, at, which->at[at] ^ (uint8_t)(1 << bit));
        }
    }
    const uint32_t words[] = {
        0, 1, (uint32_t)which->size - 1, (uint32_t)which->size, 0x80000000u, UINT32_MAX};
    for (size_t at = 0; at + 4 <= which->size; at += 4 * stride) {
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
            corrupt_word(which, at, words[w]);
        }
    }
}

int main(void)
{
    const char *stride_text = getenv("FFSHM_STRIDE");
    size_t stride = stride_text ? strtoul(stride_text, NULL, 10) : 1;
    json_error_t error;
    json_t *data = json_load_file(FFSHM_SOURCE_DIR "/tests/data/rich.json", 0, &error);
    if (!data || stride == 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    struct live_store store;
    live_store_open(&store);
    live_store_replace(&store, data);
    json_decref(data);
    live_store_publish(&store);
    head = read_file(store.dir, 's');
    extent = read_file(store.dir, 'x');
    live_store_close(&store);
    if (!use(head.size, extent.size)) {
        printf("the image is refused as it is\n");
        return 1;
    }
    printf("head %zu bytes, extent %zu bytes\n", head.size, extent.size);
    for (size_t size = 0; size < extent.size; size += 8 * stride) {
        failures += use(head.size, size);
    }
    for (size_t size = 0; size < head.size; size++) {
        failures += use(size, extent.size);
    }
    sweep(&head, 1);
    sweep(&extent, stride);
    if (!use(head.size, extent.size)) {
        printf("the test did not restore the image\n");
        failures++;
    }
    printf("corrupted images: %lu refused, %lu accepted and harmless\n", refused, accepted);
    printf("%d passed, %lu failed\n", failures == 0, failures);
    free(head.at);
    free(extent.at);
    return failures ? 1 : 0;
}
