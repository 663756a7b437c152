#include "model_references.h"

#include <string.h>

static bool asks_for_segments(const struct model_clause *clause)
{
    static const char op[] = "segmentMatch";
    return clause->op.text && clause->op.length == sizeof op - 1 &&
           memcmp(clause->op.text, op, sizeof op - 1) == 0;
}

static void of_clauses(size_t rule, const struct model_clause *clauses, size_t count,
                       model_reference_fn *fn, void *arg)
{
    for (size_t i = 0; i < count; i++) {
        size_t n;
        json_t *value;
        if (!asks_for_segments(&clauses[i])) {
            continue;
        }
        json_array_foreach(clauses[i].values, n, value)
        {
            if (json_is_string(value)) {
                const struct model_reference r = {.kind = IMAGE_SEGMENT,
                                                  .key = json_string_value(value),
                                                  .length = json_string_length(value),
                                                  .at = rule,
                                                  .clause = i,
                                                  .value = n};
                fn(arg, &r);
            }
        }
    }
}

void model_references(const struct model_item *item, model_reference_fn *fn, void *arg)
{
    if (item->kind == IMAGE_SEGMENT) {
        const struct model_segment *segment = &item->as.segment;
        for (size_t i = 0; i < segment->rule_count; i++) {
            of_clauses(i, segment->rules[i].clauses, segment->rules[i].clause_count, fn, arg);
        }
        return;
    }
    const struct model_flag *flag = &item->as.flag;
    for (size_t i = 0; i < flag->prerequisite_count; i++) {
        const struct model_prerequisite *p = &flag->prerequisites[i];
        const struct model_reference r = {.kind = IMAGE_FLAG,
                                          .key = p->key.text ? p->key.text : "",
                                          .length = p->key.length,
                                          .prerequisite = p,
                                          .at = i};
        fn(arg, &r);
    }
    for (size_t i = 0; i < flag->rule_count; i++) {
        of_clauses(i, flag->rules[i].clauses, flag->rules[i].clause_count, fn, arg);
    }
}
