/*
 * admin_peer.h - who is at the other end of a connection, and what the host's users may.
 */
#ifndef FFSHM_AGENT_ADMIN_PEER_H
#define FFSHM_AGENT_ADMIN_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "admin_route.h"

#define ADMIN_SOURCE 20      /* bytes that tell two sources apart */
#define ADMIN_SOURCE_TEXT 64 /* "uid 1000", "192.0.2.1" */
#define ADMIN_PEER_GROUPS 64u

/* One end of a connection. A source is a user of this host, an IPv4 address, or an IPv6 /64: what
   one party has in hand. */
struct admin_peer {
    bool local; /* the unix socket: the kernel says who it is */
    uid_t uid;  /* local only, as the rest */
    pid_t pid;
    gid_t groups[ADMIN_PEER_GROUPS];
    size_t group_count;
    uint8_t source[ADMIN_SOURCE];
    char text[ADMIN_SOURCE_TEXT];
};

/* Of a connected socket. 0 or a negative errno. */
int admin_peer_of(int fd, struct admin_peer *peer);

/* One rule: "alice=editor", "1000=admin", "@staff=viewer", "*=none" (everybody else). */
struct admin_peer_rule {
    enum { ADMIN_PEER_USER, ADMIN_PEER_GROUP, ADMIN_PEER_ANYBODY } who;
    id_t id;
    char name[64]; /* of the user or group, as it was written */
    enum admin_role role;
};

/* Looks the name up, once. 0, or -1 with member "" , cause and hint in *fault. */
int admin_peer_rule_parse(const char *text, struct admin_peer_rule *rule, struct fault *fault);

/* Root and the agent's own user are admins. A user's rule wins over those of groups; of these the
   one that allows most. Who has none is a viewer, or what "*" says. *name: what the user is called
   by the rules, else NULL. */
enum admin_role admin_peer_role(const struct admin_peer *peer, const struct admin_peer_rule *rules,
                                size_t count, const char **name);

#endif
