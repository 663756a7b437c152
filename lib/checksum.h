/*
 * checksum.h - XXH3-64 of whole files, by the widest vectors that the machine has.
 *
 * The same function as hash_bytes; inlined code can only use the vectors that every x86-64 has, and
 * a file of many MiB is worth a call. Chosen when the library is loaded.
 */
#ifndef FFSHM_CHECKSUM_H
#define FFSHM_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

extern uint64_t (*checksum_bytes)(const void *bytes, size_t length);

#endif
