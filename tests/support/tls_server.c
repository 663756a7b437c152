#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

struct tls_server {
    char dir[64];
    FILE *output;
    pid_t pid;
    unsigned port;
};

static void make_certificates(const struct tls_server *server)
{
    char command[2048];
    (void)snprintf(command, sizeof command,
                   "cd '%s' && exec 2>/dev/null && "
                   "key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2' && "
                   "openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=ca && "
                   "openssl req -x509 $key -keyout other.key -out other.pem -subj /CN=other && "
                   "openssl req $key -keyout key.pem -out csr.pem -subj /CN=localhost && "
                   "echo subjectAltName=DNS:localhost >ext && "
                   "openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
                   "-extfile ext -out cert.pem && "
                   "printf 'HTTP/1.0 200 OK\\r\\n\\r\\nhello' >hello",
                   server->dir);
    assert_int_equal(system(command), 0);
}

static void start(struct tls_server *server)
{
    char command[512];
    char line[256];
    (void)snprintf(command, sizeof command,
                   "cd '%s' && echo $$ && exec openssl s_server -accept 127.0.0.1:0 -cert cert.pem "
                   "-key key.pem -HTTP 2>/dev/null",
                   server->dir);
    server->output = popen(command, "r");
    assert_non_null(server->output);
    assert_non_null(fgets(line, sizeof line, server->output));
    server->pid = (pid_t)strtol(line, NULL, 10);
    assert_true(server->pid > 1);
    while (server->port == 0 && fgets(line, sizeof line, server->output) != NULL) {
        (void)sscanf(line, "ACCEPT 127.0.0.1:%u", &server->port);
    }
    assert_int_not_equal(server->port, 0);
}

struct tls_server *tls_server_start(void)
{
    if (system("openssl version >/dev/null 2>&1") != 0) {
        return NULL;
    }
    struct tls_server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    (void)snprintf(server->dir, sizeof server->dir, "/tmp/ffshm-tls-XXXXXX");
    assert_non_null(mkdtemp(server->dir));
    make_certificates(server);
    start(server);
    return server;
}

void tls_server_stop(struct tls_server *server)
{
    char command[128];
    (void)kill(server->pid, SIGTERM);
    (void)pclose(server->output);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", server->dir);
    assert_int_equal(system(command), 0);
    free(server);
}

unsigned tls_server_port(const struct tls_server *server)
{
    return server->port;
}

const char *tls_server_dir(const struct tls_server *server)
{
    return server->dir;
}
