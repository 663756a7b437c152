#include "admin_openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ffshm.h"

/* "getFlagsKey" of GET /api/v1/flags/{key}: unique, as patterns of a method are. */
static void operation_id(const struct admin_route *route, char *text, size_t capacity)
{
    const char *method = admin_method_name(route->method);
    size_t used = 0;
    bool capital = true;
    for (const char *c = method; *c && used + 1 < capacity; c++) {
        text[used++] = (char)tolower((unsigned char)*c);
    }
    for (const char *c = route->pattern + strlen(ADMIN_ROOT); *c && used + 1 < capacity; c++) {
        if (!isalnum((unsigned char)*c)) {
            capital = true;
        } else {
            text[used++] = capital ? (char)toupper((unsigned char)*c) : *c;
            capital = false;
        }
    }
    text[used] = '\0';
}

/* "flags" of /api/v1/flags/{key}. */
static json_t *tag_of(const struct admin_route *route)
{
    const char *name = route->pattern + strlen(ADMIN_ROOT) + 1;
    const size_t length = strcspn(name, "/.");
    return json_stringn(name, length);
}

static json_t *parameter(const char *name, const char *in, bool required, const char *type,
                         const char *summary)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", in, "required", required,
                     "description", summary, "schema", "type", type);
}

static void add_path_parameters(const struct admin_route *route, json_t *list)
{
    for (const char *at = route->pattern; (at = strchr(at, '{')) != NULL;) {
        char name[64];
        const size_t length = strcspn(++at, "}");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        json_array_append_new(
            list, parameter(name, "path", true, "string", "One segment, percent-encoded"));
    }
}

static json_t *parameters(const struct admin_route *route)
{
    json_t *list = json_array();
    add_path_parameters(route, list);
    for (const struct admin_parameter_info *p = route->parameters; p && p->name; p++) {
        json_array_append_new(list, parameter(p->name, "query", false, "string", p->summary));
    }
    if (route->changes) {
        json_array_append_new(list, parameter("dryRun", "query", false, "boolean",
                                              "Tell what would change, and change nothing"));
        json_array_append_new(list, parameter("X-Reason", "header", false, "string",
                                              "Why; goes into the audit trail. The body's member "
                                              "comment does the same"));
        json_array_append_new(list, parameter("If-Match", "header", false, "string",
                                              "The ETag that the change is meant for; 409 when it "
                                              "is another one now"));
        json_array_append_new(list, parameter("If-None-Match", "header", false, "string",
                                              "*: only where there is nothing yet; else 409"));
    }
    return list;
}

static json_t *answer(const char *text, const char *media, json_t *schema)
{
    return json_pack("{s:s, s:{s:{s:o}}}", "description", text, "content", media, "schema", schema);
}

static json_t *error_answer(const char *text)
{
    return answer(text, admin_media_name(ADMIN_JSON),
                  json_pack("{s:s}", "$ref", "#/components/schemas/Error"));
}

static json_t *schema_of(enum admin_media media)
{
    return json_pack("{s:s}", "type", media == ADMIN_JSON ? "object" : "string");
}

static json_t *good_answer(const struct admin_route *route, const char *text)
{
    json_t *body = answer(text, admin_media_name(route->answers), schema_of(route->answers));
    if (route->offers != ADMIN_JSON) {
        json_object_set_new(json_object_get(body, "content"), admin_media_name(route->offers),
                            json_pack("{s:o}", "schema", schema_of(route->offers)));
    }
    return body;
}

static json_t *answers(const struct admin_route *route)
{
    json_t *all = json_object();
    json_object_set_new(all, "200", good_answer(route, "Done"));
    if (route->creates) {
        json_object_set_new(all, "201", good_answer(route, "Made"));
    }
    json_object_set_new(all, "400", error_answer("The request is wrong"));
    json_object_set_new(all, "401",
                        error_answer("Who asks is not known, or the token is not good"));
    if (route->least > ADMIN_ROLE_NONE) {
        json_object_set_new(all, "403", error_answer("Who asks may not"));
    }
    if (strchr(route->pattern, '{')) {
        json_object_set_new(all, "404", error_answer("There is no such thing"));
    }
    if (route->changes) {
        json_object_set_new(all, "409", error_answer("It was changed meanwhile"));
    }
    if (route->body != ADMIN_BODY_NONE) {
        json_object_set_new(all, "413", error_answer("The body is too large"));
        json_object_set_new(all, "415", error_answer("The body is not JSON"));
        json_object_set_new(all, "422", error_answer("The body does not say what it should"));
    }
    json_object_set_new(all, "503", error_answer("Not now"));
    json_object_set_new(all, "default", error_answer("What the code and the message say"));
    return all;
}

static json_t *body(const struct admin_route *route)
{
    json_t *content = json_object();
    json_object_set_new(content, "application/json",
                        json_pack("{s:{s:s}}", "schema", "type", "object"));
    if (route->method == ADMIN_PATCH) {
        json_object_set_new(content, "application/merge-patch+json",
                            json_pack("{s:{s:s}}", "schema", "type", "object"));
    }
    return json_pack("{s:b, s:o}", "required", route->body == ADMIN_BODY_REQUIRED, "content",
                     content);
}

static json_t *operation(const struct admin_route *route)
{
    char id[128];
    operation_id(route, id, sizeof id);
    json_t *o =
        json_pack("{s:s, s:s, s:[o], s:o, s:o, s:s}", "operationId", id, "summary", route->summary,
                  "tags", tag_of(route), "parameters", parameters(route), "responses",
                  answers(route), "x-least-role", admin_role_name(route->least));
    if (o && route->body != ADMIN_BODY_NONE) {
        json_object_set_new(o, "requestBody", body(route));
    }
    if (o && route->least == ADMIN_ROLE_NONE) {
        json_object_set_new(o, "security", json_array()); /* none is needed */
    }
    return o;
}

static json_t *components(void)
{
    json_t *text = json_pack("{s:s}", "type", "string");
    json_t *number = json_pack("{s:s}", "type", "integer");
    json_t *details =
        json_pack("{s:s, s:{s:O, s:O, s:O, s:O, s:O}}", "type", "object", "properties", "member",
                  text, "line", number, "column", number, "hint", text, "requestId", text);
    json_t *error =
        json_pack("{s:s, s:[s, s], s:{s:O, s:O, s:o}}", "type", "object", "required", "code",
                  "message", "properties", "code", text, "message", text, "details", details);
    json_decref(text);
    json_decref(number);
    return json_pack("{s:{s:o}, s:{s:{s:s, s:s, s:s}}}", "schemas", "Error", error,
                     "securitySchemes", "token", "type", "http", "scheme", "bearer", "bearerFormat",
                     "ffs_<id>_<secret>");
}

static int add_route(json_t *paths, const struct admin_route *route)
{
    char method[16];
    size_t length = 0;
    for (const char *c = admin_method_name(route->method); *c; c++) {
        method[length++] = (char)tolower((unsigned char)*c);
    }
    method[length] = '\0';
    json_t *path = json_object_get(paths, route->pattern);
    if (!path) {
        path = json_object();
        if (json_object_set_new(paths, route->pattern, path) != 0) {
            return -1;
        }
    }
    return json_object_set_new(path, method, operation(route));
}

json_t *admin_openapi(const struct admin_routes *routes)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < admin_routes_count(routes); i++) {
        if (add_route(paths, admin_routes_at(routes, i)) != 0) {
            json_decref(paths);
            return NULL;
        }
    }
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:[]}, {}], s:o, s:o}", "openapi", "3.1.0",
                     "info", "title", "ffshm agent", "version", FFSHM_VERSION, "description",
                     "Feature flags of one host: what they are, and changing them. On the unix "
                     "socket agent.sock the kernel tells who asks; on TCP a token does.",
                     "security", "token", "paths", paths, "components", components());
}
