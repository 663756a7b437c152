/* TLS for addresses that others can reach. */
#include "admin_server_state.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static void fail(struct fault *fault, const char *file, const char *member, const char *what)
{
    char why[160] = "no reason given";
    const unsigned long error = ERR_peek_last_error();
    if (error) {
        ERR_error_string_n(error, why, sizeof why);
    }
    ERR_clear_error();
    fault_set(fault, member, "it must be PEM, and the agent's user must be able to read it",
              "%s: %s", what, why);
    snprintf(fault->file, sizeof fault->file, "%s", file);
}

struct ssl_ctx_st *admin_tls_new(const char *certificate, const char *key, struct fault *fault)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls) {
        fail(fault, "", "admin.tls_certificate", "TLS is not available");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1) {
        fail(fault, certificate, "admin.tls_certificate", "cannot use the certificate");
    } else if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fail(fault, key, "admin.tls_key", "cannot use the key");
    } else if (SSL_CTX_check_private_key(tls) != 1) {
        fail(fault, key, "admin.tls_key", "the key is not the certificate's");
    } else {
        return tls;
    }
    SSL_CTX_free(tls);
    return NULL;
}

void admin_tls_free(struct ssl_ctx_st *tls)
{
    SSL_CTX_free(tls);
}

struct ssl_st *admin_tls_connection(struct ssl_ctx_st *tls)
{
    return SSL_new(tls);
}

void admin_tls_drop(struct ssl_st *ssl)
{
    SSL_free(ssl);
}
