/* The OpenAPI description: its structure, and that it is about what really answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin_fixture.h"

static void setup(struct admin_fixture *f)
{
    admin_fixture_init(f);
    admin_fixture_start(f);
}

static json_t *get_description(struct admin_fixture *f)
{
    struct admin_reply reply;
    admin_ask(f, "GET /api/v1/openapi.json", &reply);
    assert_int_equal(reply.status, 200);
    json_t *description = json_incref(reply.json);
    admin_reply_free(&reply);
    assert_true(json_is_object(description));
    return description;
}

static const char *text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_string(value));
    assert_true(json_string_length(value) > 0);
    return json_string_value(value);
}

/* "#/components/schemas/Error" is there. */
static void check_reference(const json_t *root, const char *reference)
{
    char copy[128];
    assert_int_equal(strncmp(reference, "#/", 2), 0);
    (void)snprintf(copy, sizeof copy, "%s", reference + 2);
    for (char *rest = copy, *name; (name = strsep(&rest, "/")) != NULL;) {
        root = json_object_get(root, name);
        assert_non_null(root);
    }
}

static void check_references(const json_t *root, json_t *at)
{
    const char *name;
    json_t *value;
    size_t i;
    json_object_foreach(at, name, value)
    {
        if (strcmp(name, "$ref") == 0) {
            check_reference(root, json_string_value(value));
        }
        check_references(root, value);
    }
    json_array_foreach(at, i, value)
    {
        check_references(root, value);
    }
}

/* Every {name} of the path is a parameter of it, required; and the other way round. */
static void check_parameters(const char *path, json_t *operation)
{
    json_t *parameter;
    size_t i;
    unsigned in_path = 0;
    unsigned braces = 0;
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        const char *in = text(parameter, "in");
        (void)text(parameter, "description");
        assert_true(json_is_object(json_object_get(parameter, "schema")));
        assert_true(strcmp(in, "path") == 0 || strcmp(in, "query") == 0 ||
                    strcmp(in, "header") == 0);
        if (strcmp(in, "path") == 0) {
            char placeholder[80];
            (void)snprintf(placeholder, sizeof placeholder, "{%s}", text(parameter, "name"));
            assert_non_null(strstr(path, placeholder));
            assert_true(json_is_true(json_object_get(parameter, "required")));
            in_path++;
        }
    }
    for (const char *c = path; *c; c++) {
        braces += *c == '{';
    }
    assert_int_equal(in_path, braces);
}

static void check_answers(json_t *operation)
{
    json_t *answers = json_object_get(operation, "responses");
    const char *status;
    json_t *answer;
    assert_non_null(json_object_get(answers, "200"));
    assert_non_null(json_object_get(answers, "400"));
    json_object_foreach(answers, status, answer)
    {
        assert_true(strspn(status, "0123456789") == 3 || strcmp(status, "default") == 0);
        (void)text(answer, "description");
        assert_true(json_object_size(json_object_get(answer, "content")) > 0);
    }
}

static void the_description_is_openapi_3_1(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    json_t *d = get_description(&f);
    assert_string_equal(text(d, "openapi"), "3.1.0");
    (void)text(json_object_get(d, "info"), "title");
    (void)text(json_object_get(d, "info"), "version");
    check_references(d, d);
    json_t *ids = json_object();
    const char *path;
    const char *method;
    json_t *methods;
    json_t *operation;
    json_object_foreach(json_object_get(d, "paths"), path, methods)
    {
        assert_int_equal(path[0], '/');
        json_object_foreach(methods, method, operation)
        {
            const char *id = text(operation, "operationId");
            assert_null(json_object_get(ids, id));
            json_object_set_new(ids, id, json_true());
            (void)text(operation, "summary");
            (void)text(operation, "x-least-role");
            check_parameters(path, operation);
            check_answers(operation);
        }
    }
    assert_int_equal(json_object_size(ids), admin_routes_count(admin_server_routes(f.server)));
    json_decref(ids);
    json_decref(d);
    admin_fixture_free(&f);
}

static void every_operation_that_is_described_answers(void **state)
{
    struct admin_fixture f;
    const char *path;
    const char *method;
    json_t *methods;
    json_t *operation;
    (void)state;
    setup(&f);
    json_t *d = get_description(&f);
    json_object_foreach(json_object_get(d, "paths"), path, methods)
    {
        json_object_foreach(methods, method, operation)
        {
            char capitals[16] = "";
            char request[512];
            struct admin_reply reply;
            const bool stream = json_object_get(
                json_object_get(json_object_get(json_object_get(operation, "responses"), "200"),
                                "content"),
                "text/event-stream");
            for (size_t i = 0; method[i]; i++) {
                capitals[i] = (char)(method[i] - 'a' + 'A');
            }
            (void)snprintf(request, sizeof request, "%s %s%s", stream ? "HEAD" : capitals, path,
                           json_object_get(operation, "requestBody")
                               ? "\nContent-Type: application/json\n\n{}"
                               : "");
            for (char *c = request; *c; c++) { /* {key} stands for itself, escaped or not */
                *c = *c == '{' && c[1] != '}' ? 'k' : *c == '}' && c[-1] != '{' ? 'k' : *c;
            }
            admin_ask(&f, request, &reply);
            const char *code = admin_member(&reply, "code");
            const bool is_there = reply.status != 0 && reply.status != 405 && reply.status != 501 &&
                                  (reply.status != 404 ||
                                   strcmp(admin_member(&reply, "details.member"), "path") != 0);
            if (!is_there) {
                print_error("%s\n%u %s\n", request, reply.status, code);
            }
            assert_true(is_there);
            /* And the status is one that is described; errors are, with `default`. */
            char status[8];
            (void)snprintf(status, sizeof status, "%u", reply.status);
            if (reply.status < 400 && reply.status != 204) {
                assert_non_null(json_object_get(json_object_get(operation, "responses"), status));
            }
            admin_reply_free(&reply);
        }
    }
    json_decref(d);
    admin_fixture_free(&f);
}

static void health_and_readiness_are_told_to_anybody(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask(&f, "GET /api/v1/ready", &reply);
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    f.is_ready = false;
    admin_ask(&f, "GET /api/v1/ready", &reply);
    assert_int_equal(reply.status, 503);
    assert_string_equal(admin_member(&reply, "code"), "not_ready");
    assert_non_null(strstr(admin_member(&reply, "message"), "the test says so"));
    admin_reply_free(&reply);
    admin_ask(&f, "GET /api/v1/status", &reply);
    assert_string_equal(admin_member(&reply, "agent"), "a test");
    assert_true(json_is_object(json_object_get(reply.json, "admin")));
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void a_route_that_is_there_already_is_refused(void **state)
{
    static const struct admin_route twice = {
        .method = ADMIN_GET, .pattern = ADMIN_ROOT "/things/{id}", .summary = "{id} is {key}"};
    static const struct admin_route deep = {.method = ADMIN_GET,
                                            .pattern = "/1/2/3/4/5/6/7/8/9/10/11/12/13"};
    struct admin_fixture f;
    (void)state;
    setup(&f);
    assert_int_equal(admin_server_add(f.server, &twice, 1, NULL), -1);
    assert_int_equal(admin_server_add(f.server, &deep, 1, NULL), -1);
    admin_fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_description_is_openapi_3_1),
        cmocka_unit_test(every_operation_that_is_described_answers),
        cmocka_unit_test(health_and_readiness_are_told_to_anybody),
        cmocka_unit_test(a_route_that_is_there_already_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
