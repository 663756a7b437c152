/*
 * admin_openapi.h - the OpenAPI 3.1 description of the API, made from its routes.
 */
#ifndef FFSHM_AGENT_ADMIN_OPENAPI_H
#define FFSHM_AGENT_ADMIN_OPENAPI_H

#include <jansson.h>

#include "admin_route.h"

/* The whole document; NULL: no memory. An operation's least role is its x-least-role. */
json_t *admin_openapi(const struct admin_routes *routes);

#endif
