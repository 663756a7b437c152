#include "redis_lookup.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct redis_lookup {
    struct redis_lookup *next; /* of those that were given up */
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *request;
    struct event *told; /* the name server's callback is no place to free things in */
    struct redis_addresses found;
    void (*done)(void *arg, const struct redis_addresses *found); /* NULL: nobody waits any more */
    void *arg;
};

/* libevent answers what is cancelled in a later turn of the loop, and needs its base for that: what
   was given up ends there. If the loop does not turn again it stays here until the process ends. */
static struct redis_lookup *given_up;

static void destroy(struct redis_lookup *l)
{
    if (l->dns) {
        evdns_base_free(l->dns, 0);
    }
    event_free(l->told);
    free(l);
}

static void end_given_up(struct redis_lookup *l)
{
    if (l->request) {
        evdns_getaddrinfo_cancel(l->request); /* on_answer, and then here again */
        return;
    }
    struct redis_lookup **at = &given_up;
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    destroy(l);
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
    struct redis_lookup *l = arg;
    (void)fd, (void)what;
    if (l->done) {
        l->done(l->arg, &l->found);
    } else {
        end_given_up(l);
    }
}

static void keep(struct redis_addresses *found, const struct evutil_addrinfo *address)
{
    char *text = found->texts[found->count];
    const void *bytes = NULL;
    if (address->ai_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address->ai_addr)->sin_addr;
    } else if (address->ai_family == AF_INET6) {
        bytes = &((const struct sockaddr_in6 *)(const void *)address->ai_addr)->sin6_addr;
    }
    if (bytes && inet_ntop(address->ai_family, bytes, text, REDIS_ADDRESS)) {
        found->count++;
    }
}

static void on_answer(int error, struct evutil_addrinfo *addresses, void *arg)
{
    struct redis_lookup *l = arg;
    l->request = NULL;
    if (error) {
        l->found.error = evutil_gai_strerror(error);
    }
    for (const struct evutil_addrinfo *a = addresses; a && l->found.count < REDIS_ADDRESSES;
         a = a->ai_next) {
        keep(&l->found, a);
    }
    if (!error && l->found.count == 0) {
        l->found.error = "it has no address";
    }
    if (addresses) {
        evutil_freeaddrinfo(addresses);
    }
    event_active(l->told, EV_TIMEOUT, 0);
}

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1 ||
           strchr(host, '%'); /* fe80::1%eth0 */
}

static int ask(struct redis_lookup *l, struct event_base *base, const char *host)
{
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    l->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!l->dns) {
        return -1;
    }
    /* Without a readable resolv.conf there is the name server of this host, or none. */
    (void)evdns_base_resolv_conf_parse(l->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    evdns_base_set_option(l->dns, "timeout:", "2");
    evdns_base_set_option(l->dns, "attempts:", "2");
    evdns_base_set_option(l->dns, "getaddrinfo-allow-skew:", "0.2");
    /* NULL: answered at once (on_answer was called), as with names of /etc/hosts. */
    l->request = evdns_getaddrinfo(l->dns, host, NULL, &hints, on_answer, l);
    return 0;
}

struct redis_lookup *redis_lookup_new(struct event_base *base, const char *host,
                                      void (*done)(void *arg, const struct redis_addresses *found),
                                      void *arg)
{
    struct redis_lookup *l = calloc(1, sizeof *l);
    if (!l) {
        return NULL;
    }
    l->done = done;
    l->arg = arg;
    l->told = event_new(base, -1, 0, on_told, l);
    if (!l->told) {
        free(l);
        return NULL;
    }
    if (is_address(host)) {
        snprintf(l->found.texts[0], REDIS_ADDRESS, "%s", host);
        l->found.count = 1;
        event_active(l->told, EV_TIMEOUT, 0);
    } else if (ask(l, base, host) != 0) {
        redis_lookup_free(l);
        return NULL;
    }
    return l;
}

void redis_lookup_free(struct redis_lookup *l)
{
    if (!l) {
        return;
    }
    if (!l->dns) {
        destroy(l);
        return;
    }
    l->done = NULL;
    l->next = given_up;
    given_up = l;
    event_active(l->told, EV_TIMEOUT, 0);
}
