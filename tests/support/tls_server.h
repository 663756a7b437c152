/*
 * tls_server.h - an HTTPS server (`openssl s_server`) whose certificate was made for the test. A
 * GET is answered with the file of that name in its directory, which holds a response, status line
 * and all. There is one: hello.
 */
#ifndef FFSHM_TESTS_TLS_SERVER_H
#define FFSHM_TESTS_TLS_SERVER_H

struct tls_server;

/* NULL: there is no openssl command. Whatever else goes wrong fails the test. */
struct tls_server *tls_server_start(void);
/* Removes its files, too. */
void tls_server_stop(struct tls_server *server);
unsigned tls_server_port(const struct tls_server *server);
/* Holds ca.pem, which signed the certificate for the name localhost, and other.pem, which did
   not. */
const char *tls_server_dir(const struct tls_server *server);

#endif
