/*
 * A query that few entries match may have to look at many. So it is asked of SPAN numbers at a
 * time, from the next one on that there is.
 */
#include "audit_reader.h"

#include "admin_work.h"

#define SPAN 256 /* some 100 us when none of them matches */

#define STEP_IS_OVER INT32_MAX /* no result of a teller's own */

void audit_reader_begin(struct audit_reader *r, const struct storage_audit_query *query,
                        int64_t newest)
{
    *r = (struct audit_reader){.query = *query, .newest = newest ? newest : INT64_MAX};
    r->query.limit = 0;
}

/* One step. */
struct telling {
    struct audit_reader *reader;
    storage_audit_fn *fn;
    void *arg;
    int64_t end_us;
};

static int tell(void *arg, const struct storage_audit *e)
{
    const struct telling *t = arg;
    if (e->number < 1) {
        return 0;
    }
    const int result = t->fn(t->arg, e);
    if (result != 0) {
        return result;
    }
    t->reader->query.after = e->number;
    return admin_work_now_us() < t->end_us ? 0 : STEP_IS_OVER;
}

static int note_number(void *arg, const struct storage_audit *e)
{
    if (e->number < 1) {
        return 0;
    }
    *(int64_t *)arg = e->number;
    return 1;
}

/* The next number that there is, whatever it matches; 0: none. */
static int find_next(const struct audit_reader *r, struct storage *s, int64_t *number,
                     struct fault *fault)
{
    const struct storage_audit_query any = {.backward = r->query.backward, .after = r->query.after};
    *number = 0;
    return storage_audit_list(s, &any, note_number, number, fault) < 0 ? -1 : 0;
}

/* Where a span ends that begins there. */
static int64_t end_of_span(const struct audit_reader *r, int64_t number)
{
    if (r->query.backward) {
        return number > SPAN ? number - SPAN + 1 : 1;
    }
    return r->newest - number >= SPAN ? number + SPAN - 1 : r->newest;
}

int audit_reader_step(struct audit_reader *r, struct storage *s, storage_audit_fn *fn, void *arg,
                      struct fault *fault)
{
    struct telling telling = {r, fn, arg, admin_work_now_us() + ADMIN_WORK_STEP_US};
    while (!r->done && admin_work_now_us() < telling.end_us) {
        int64_t number;
        if (find_next(r, s, &number, fault) != 0) {
            return -1;
        }
        if (number == 0 || (!r->query.backward && number > r->newest)) {
            r->done = true;
            break;
        }
        r->query.until = end_of_span(r, number);
        const int result = storage_audit_list(s, &r->query, tell, &telling, fault);
        if (result != 0) {
            return result == STEP_IS_OVER ? 0 : result;
        }
        r->query.after = r->query.until;
    }
    return 0;
}
