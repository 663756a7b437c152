#define NARRATED 0
#include "evaluate_core.h"

void evaluate(const struct snapshot *snapshot, struct snapshot_blob where,
              const struct ffshm_context *c, struct evaluation *out)
{
    evaluate_run(snapshot, where, c, out, NULL);
}
