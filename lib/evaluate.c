#define NARRATED 0
#include "evaluate_core.h"

void evaluate(const struct snapshot *snapshot, struct snapshot_blob where,
              const struct ffshm_context *c, struct evaluation *out)
{
    evaluate_run(snapshot, where, c, out, NULL, NULL);
}

void evaluate_recorded(const struct snapshot *snapshot, struct snapshot_blob where,
                       const struct ffshm_context *c, struct evaluation *out,
                       struct recorder *recorder)
{
    evaluate_run(snapshot, where, c, out, NULL, recorder);
}
