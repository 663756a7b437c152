#include "membership_key.h"

#include <openssl/evp.h>

#include "sha256.h"

void membership_hash(const char *key, size_t length, char hash[MEMBERSHIP_HASH])
{
    struct sha256 h;
    uint8_t digest[SHA256_DIGEST];
    sha256_begin(&h);
    sha256_add(&h, key, length);
    sha256_end(&h, digest);
    EVP_EncodeBlock((unsigned char *)hash, digest, sizeof digest);
}
