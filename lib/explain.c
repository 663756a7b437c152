#define NARRATED 1
#include "evaluate_core.h"

void evaluate_narrated(const struct snapshot *snapshot, struct snapshot_blob where,
                       const struct ffshm_context *c, struct evaluation *out,
                       struct narrator *narrator)
{
    evaluate_run(snapshot, where, c, out, narrator, NULL);
}
