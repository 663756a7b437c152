/*
 * ctl_client_parts.h - what ctl_client.c and ctl_follow.c share, and nobody else needs.
 */
#ifndef FFSHM_CTL_CLIENT_PARTS_H
#define FFSHM_CTL_CLIENT_PARTS_H

#include <curl/curl.h>
#include <sys/un.h>

#include "ctl_client.h"

/* One request under way. */
struct asking {
    const struct ctl *ctl;
    const struct client_request *request;
    struct client_answer *answer;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* "": TCP */
    const char *url;                                             /* FFSHM_URL; NULL: the socket */
    char error[CURL_ERROR_SIZE];
    bool stopped; /* by the request's sink, which has said why */
};

/* Everything; who takes the bytes, and for how long, can be said anew. CTL_OK, or reported. */
int client_prepare(struct asking *a);
void client_done(struct asking *a);
/* Into the answer, which arg is. */
size_t client_bytes(char *bytes, size_t size, size_t count, void *arg);
/* All bytes of the answer are there. CTL_OK for 2xx; else it is reported. */
int client_judge(struct asking *a);
/* Reports why there is no answer. */
int client_no_answer(const struct asking *a, CURLcode code);

#endif
