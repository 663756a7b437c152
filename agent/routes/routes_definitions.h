/*
 * routes_definitions.h - flags and segments over the API: looked at, written, archived, deleted;
 * their history.
 *
 * Everything that is served can be looked at; what can be changed is what operators wrote here.
 */
#ifndef FFSHM_AGENT_ROUTES_DEFINITIONS_H
#define FFSHM_AGENT_ROUTES_DEFINITIONS_H

#include "../admin/admin_answer.h"
#include "../admin/admin_server.h"
#include "../operate/definition_keeper.h"
#include "../operate/definition_state.h"

/* What the routes work on; borrowed, must stay. */
struct routes_definitions {
    struct operations operations;
    struct definition_keeper *keeper;
};

/* 0, or -1: no memory. */
int routes_definitions_add(struct routes_definitions *d, struct admin_server *server);

/* ---- for the routes beside these ------------------------------------------------------------ */

/* What is known of a key: what is kept, what is in force. */
struct routes_item {
    enum storage_kind kind;
    const char *key;
    struct definition_state state;  /* version 0: nothing is kept */
    const struct model_item *force; /* NULL: nothing is in force */
    char etag[ADMIN_ETAG_MOST];     /* "": nothing is kept */
};
/* Fills in the item of {key}, and sees that who asks may touch it. 0, or -1: answered.
   routes_item_free either way. */
int routes_item_take(const struct routes_definitions *d, enum storage_kind kind,
                     const struct admin_request *request, struct admin_answer *answer,
                     struct routes_item *item);
void routes_item_free(struct routes_item *item);
/* 0, or -1: answered, 404 or 409: it is not kept here. */
int routes_item_kept(const struct routes_item *item, struct admin_answer *answer);
/* Its entity tag now. 0 or -1 with *fault. */
/* The ETag of what an answer tells of, as it is when that is sent. */
void routes_answer_etag(const struct routes_definitions *d, enum storage_kind kind, const char *key,
                        struct admin_answer *answer);
int routes_item_etag(const struct routes_definitions *d, enum storage_kind kind, const char *key,
                     char etag[ADMIN_ETAG_MOST], struct fault *fault);

/* Reading: lists, one, history. In routes_definitions_read.c. */
int routes_definitions_read_add(struct routes_definitions *d, struct admin_server *server);

#endif
