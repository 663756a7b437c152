/*
 * telemetry_writer.h - telemetry files written by hand, good and bad ones.
 *
 * A writer is alive while it is open: it holds the lock as a process's mapping does.
 */
#ifndef FFSHM_TESTS_TELEMETRY_WRITER_H
#define FFSHM_TESTS_TELEMETRY_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "telemetry_file.h"

#define WRITER_ARENA (64u << 10)

struct telemetry_writer {
    char path[256];
    uint64_t id[2];
    int fd;
    uint8_t *bytes;
    size_t size;
    struct telemetry_header *header;
};

/* All of them exit(1) on failure. dir: the store's; id[0] 0 gives a random one. */
void writer_open(struct telemetry_writer *w, const char *dir, uint64_t id0, uint32_t ring_bytes);
/* The same for a file without a name, and without a lock. */
void writer_open_nameless(struct telemetry_writer *w, uint32_t ring_bytes);
/* The end of its process. The file stays. */
void writer_die(struct telemetry_writer *w);
/* Tells the agent to flush, as ffshm_flush does. */
void writer_ask_flush(struct telemetry_writer *w);

struct telemetry_block *writer_block(struct telemetry_writer *w, enum telemetry_block_kind kind,
                                     const char *key, int64_t version, unsigned variations,
                                     unsigned stripe);
/* variation -1: the fallback. */
void writer_count(struct telemetry_block *b, int variation, uint64_t n);
void writer_error(struct telemetry_writer *w, unsigned slot, int error, const char *key,
                  uint64_t count);

/* Takes room in the ring, with a PAD before it where the end is near. */
uint64_t writer_claim(struct telemetry_writer *w, size_t length);
void writer_finish(struct telemetry_writer *w, uint64_t position, unsigned type, unsigned flags,
                   const void *payload, size_t length);
/* Both. */
uint64_t writer_put(struct telemetry_writer *w, unsigned type, unsigned flags, const void *payload,
                    size_t length);
/* The payload is written as JSON; an object {"bin": TEXT} in it stands for a msgpack bin. */
uint64_t writer_put_json(struct telemetry_writer *w, unsigned type, unsigned flags,
                         const char *json);
/* A custom event that is recognised by its key. */
uint64_t writer_put_event(struct telemetry_writer *w, const char *key);

/* JSON as above to msgpack; malloc'ed. */
void *writer_pack(const char *json, size_t *length);

#endif
