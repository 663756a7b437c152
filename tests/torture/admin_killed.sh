#!/usr/bin/env bash
# ctest: merge timeout=400
# The agent is killed with -9 while clients write: what was answered is there and in force, what was
# not is there as a whole or not at all.
set -euo pipefail
rounds=100
[ "$FFSHM_VARIANT" = release ] || rounds=25
exec bash "$FFSHM_SOURCE_DIR/tests/torture/admin_writers.sh" killed $rounds 8
