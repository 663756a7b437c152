#include "admin_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum source_kind { SOURCE_USER = 1, SOURCE_IPV4, SOURCE_IPV6 };

static int local_peer(int fd, struct admin_peer *peer)
{
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
        return -errno;
    }
    peer->local = true;
    peer->uid = credentials.uid;
    peer->pid = credentials.pid;
    peer->groups[peer->group_count++] = credentials.gid;
    /* The others; a user of more groups than fit, or an old kernel, has the first one only. */
    length = sizeof peer->groups - sizeof peer->groups[0];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups + 1, &length) == 0) {
        peer->group_count += length / sizeof peer->groups[0];
    }
    peer->source[0] = SOURCE_USER;
    memcpy(peer->source + 1, &peer->uid, sizeof peer->uid);
    snprintf(peer->text, sizeof peer->text, "uid %u", (unsigned)peer->uid);
    return 0;
}

static int remote_peer(const struct sockaddr_storage *address, struct admin_peer *peer)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        peer->source[0] = SOURCE_IPV4;
        memcpy(peer->source + 1, &in->sin_addr, 4);
        inet_ntop(AF_INET, &in->sin_addr, peer->text, sizeof peer->text);
        return 0;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        peer->source[0] = mapped ? SOURCE_IPV4 : SOURCE_IPV6;
        memcpy(peer->source + 1, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
        inet_ntop(AF_INET6, &in6->sin6_addr, peer->text, sizeof peer->text);
        return 0;
    }
    return -EAFNOSUPPORT;
}

int admin_peer_of(int fd, struct admin_peer *peer)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    *peer = (struct admin_peer){0};
    if (getpeername(fd, (struct sockaddr *)&address, &length) != 0) {
        return -errno;
    }
    return address.ss_family == AF_UNIX ? local_peer(fd, peer) : remote_peer(&address, peer);
}

/* ---- rules ---------------------------------------------------------------------------------- */

static bool parse_id(const char *text, id_t *id)
{
    char *end;
    errno = 0;
    const unsigned long number = strtoul(text, &end, 10);
    *id = (id_t)number;
    return *text >= '0' && *text <= '9' && !*end && !errno && number < UINT32_MAX;
}

static bool find_user(const char *name, id_t *id)
{
    const struct passwd *user = getpwnam(name);
    *id = user ? user->pw_uid : 0;
    return user || parse_id(name, id);
}

static bool find_group(const char *name, id_t *id)
{
    const struct group *group = getgrnam(name);
    *id = group ? group->gr_gid : 0;
    return group || parse_id(name, id);
}

int admin_peer_rule_parse(const char *text, struct admin_peer_rule *rule, struct fault *fault)
{
    static const char form[] = "write user=role, @group=role or *=role, where role is none, "
                               "viewer, editor or admin";
    *rule = (struct admin_peer_rule){0};
    const char *equals = strrchr(text, '=');
    if (!equals || equals == text || admin_role_parse(equals + 1, &rule->role) != 0) {
        fault_set(fault, "", form, "\"%.64s\" gives no role to a user or group", text);
        return -1;
    }
    const bool group = *text == '@';
    const char *name = text + group;
    snprintf(rule->name, sizeof rule->name, "%.*s", (int)(equals - name), name);
    if (strcmp(rule->name, "*") == 0 && !group) {
        rule->who = ADMIN_PEER_ANYBODY;
        return 0;
    }
    rule->who = group ? ADMIN_PEER_GROUP : ADMIN_PEER_USER;
    if (!(group ? find_group : find_user)(rule->name, &rule->id)) {
        fault_set(fault, "", form, "this host has no %s \"%.63s\"", group ? "group" : "user",
                  rule->name);
        return -1;
    }
    return 0;
}

static bool is_in(const struct admin_peer *peer, id_t group)
{
    for (size_t i = 0; i < peer->group_count; i++) {
        if (peer->groups[i] == group) {
            return true;
        }
    }
    return false;
}

enum admin_role admin_peer_role(const struct admin_peer *peer, const struct admin_peer_rule *rules,
                                size_t count, const char **name)
{
    const struct admin_peer_rule *user = NULL;
    const struct admin_peer_rule *group = NULL;
    const struct admin_peer_rule *anybody = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct admin_peer_rule *rule = &rules[i];
        if (rule->who == ADMIN_PEER_ANYBODY) {
            anybody = rule;
        } else if (rule->who == ADMIN_PEER_USER && rule->id == peer->uid) {
            user = rule;
        } else if (rule->who == ADMIN_PEER_GROUP && is_in(peer, rule->id) &&
                   (!group || rule->role > group->role)) {
            group = rule;
        }
    }
    *name = user ? user->name : NULL;
    if (peer->uid == 0 || peer->uid == geteuid()) {
        return ADMIN_ROLE_ADMIN;
    }
    return user ? user->role : group ? group->role : anybody ? anybody->role : ADMIN_ROLE_VIEWER;
}
