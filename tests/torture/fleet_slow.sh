#!/usr/bin/env bash
# ctest: merge release timeout=300
# Redis answers 100 ms late, stands still for 100 ms at a time, or for seconds: changes take longer, evaluation does not,
# and agents go on answering what needs no Redis.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/slow.py"
