/*
 * GET /audit/verify: the whole chain, some entries in each turn of the loop. What is added
 * meanwhile is verified, too.
 */
#include <stdlib.h>

#include "../admin/admin_later.h"
#include "../admin/admin_work.h"
#include "../admin/audit_export.h"
#include "routes_audit_parts.h"

#define ENTRIES_AT_ONCE 32

struct verification {
    struct routes_audit *routes;
    struct admin_later *later;
    struct admin_work work;
    struct audit_checkpoint known; /* number 0: none */
    struct audit_result result;    /* of the last piece */
    uint64_t entries;              /* of all pieces */
};

static void verification_free(struct verification *v)
{
    v->routes->verifications--;
    free(v);
}

static void on_gone(void *arg)
{
    struct verification *v = arg;
    admin_work_stop(&v->work);
    verification_free(v);
}

/* 0, or -1 and *fault; v->result.more: there is more to do. */
static int verify_some(struct verification *v, struct storage *s, struct fault *fault)
{
    const int64_t end_us = admin_work_now_us() + ADMIN_WORK_STEP_US;
    do {
        const struct audit_checkpoint from = v->result.head;
        if (audit_verify(s, &from, v->known.number ? &v->known : NULL, ENTRIES_AT_ONCE, &v->result,
                         fault) != 0) {
            return -1;
        }
        v->entries += v->result.entries;
    } while (v->result.more && admin_work_now_us() < end_us);
    return 0;
}

static void answer_result(struct verification *v, struct admin_answer *answer)
{
    const struct audit_result *result = &v->result;
    char hash[AUDIT_HASH_TEXT];
    audit_hash_text(result->head.hash, hash);
    admin_answer_json(answer, 200,
                      json_pack("{s:I, s:o, s:s*, s:{s:I, s:s}}", "entries", (json_int_t)v->entries,
                                "bad", result->bad ? json_integer(result->bad) : json_null(), "why",
                                result->bad ? result->why : NULL, "head", "number",
                                (json_int_t)result->head.number, "hash", hash));
}

static bool verification_step(void *arg)
{
    struct verification *v = arg;
    struct storage *s = state_file_storage(v->routes->state);
    struct admin_answer *answer = admin_later_answer(v->later);
    struct audit_checkpoint newest;
    struct fault fault = {0};
    if (s && verify_some(v, s, &fault) == 0 && v->result.more) {
        return true;
    }
    if (fault.cause[0] || audit_newest_to_keep(v->routes, &newest, &fault) != 0) {
        audit_answer_fault(answer, &fault);
    } else {
        answer_result(v, answer);
    }
    admin_later_end(v->later);
    verification_free(v);
    return false;
}

/* Both or none. 0, or -1 with *error. */
static int take_known(const struct admin_request *r, struct audit_checkpoint *known,
                      struct admin_error *error)
{
    const char *hash = admin_request_parameter(r, "hash");
    *known = (struct audit_checkpoint){.number = 0};
    if (admin_request_number(r, "number", 1, INT64_MAX, &known->number, error) != 0) {
        return -1;
    }
    if ((known->number == 0) != (hash == NULL)) {
        return admin_error_set(error, 400, "invalid_parameter", hash ? "number" : "hash",
                               "a checkpoint is the number of an entry and its hash", "is missing");
    }
    if (hash && audit_hash_parse(hash, known->hash) != 0) {
        return admin_error_set(error, 400, "invalid_parameter", "hash", NULL,
                               "must be 64 hexadecimal digits");
    }
    return 0;
}

void audit_verify_all(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct routes_audit *a = arg;
    struct admin_error error = {0};
    struct audit_checkpoint known;
    if (take_known(request, &known, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    struct verification *v =
        a->verifications < AUDIT_VERIFICATIONS_MOST ? calloc(1, sizeof *v) : NULL;
    if (!v) {
        audit_answer_busy(answer);
        return;
    }
    a->verifications++;
    *v = (struct verification){.routes = a, .known = known};
    admin_work_init(&v->work, admin_server_works(a->server), verification_step, v);
    v->later = admin_later_begin(answer, on_gone, v);
    if (verification_step(v)) {
        admin_work_go(&v->work);
    }
}
