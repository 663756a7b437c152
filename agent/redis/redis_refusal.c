#include "redis_refusal.h"

#include <string.h>

static const struct refusal {
    const char *begins;
    const char *hint;
} refusals[] = {
    {"WRONGPASS", "check user and password of the URL, or the password file"},
    {"NOAUTH", "the server wants a password: redis://:PASSWORD@HOST or redis.password_file"},
    {"NOPERM", "the ACL user may not do this: docs/redis.md lists the commands and keys"},
    {"ERR AUTH <password> called without any password", "leave the password out"},
    {"ERR Client sent AUTH, but no password is set", "leave the password out"},
    {"ERR invalid password", "check the password of the URL, or the password file"},
    {"ERR DB index is out of range", "the server has fewer databases: see its setting `databases`"},
    {"ERR SELECT is not allowed in cluster mode", "a cluster has database 0 alone"},
    {"ERR max number of clients reached", "raise the server's maxclients"},
    {"LOADING", "the server reads its data; tried again"},
    {"MASTERDOWN", "the replica has lost its primary; tried again"},
    {"READONLY", "this is a replica: name the primary"},
    {"OOM", "the server's maxmemory is used up: raise it, or free memory; nothing was written"},
    {"MISCONF", "the server cannot write to its disk, and refuses to change data until it can"},
    {"NOREPLICAS", "too few replicas are connected: see min-replicas-to-write"},
    {"BUSY", "a script runs too long on the server"},
    {"MOVED", "the key is on another node of the cluster: name that one"},
    {"CLUSTERDOWN", "the cluster does not serve all keys"},
    {"DENIED", "protected mode: set a password, or bind the server to an address"},
    {"-DENIED", "protected mode: set a password, or bind the server to an address"},
};

void redis_refusal(const char *text, struct fault *fault)
{
    /* "ERR unknown command 'AUTH', with args beginning with: " and the password */
    const char *end = strstr(text, ", with args");
    const size_t length = end ? (size_t)(end - text) : strlen(text);
    const char *hint = "";
    for (size_t i = 0; !*hint && i < sizeof refusals / sizeof *refusals; i++) {
        if (strncmp(text, refusals[i].begins, strlen(refusals[i].begins)) == 0) {
            hint = refusals[i].hint;
        }
    }
    fault_set(fault, "", hint, "the server answered: %.*s", (int)(length < 400 ? length : 400),
              text);
}
