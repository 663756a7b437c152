#!/usr/bin/env bash
# ctest: merge serial timeout=300
# A change made on one host is evaluated on all others, and so is a kill: within 20 ms in the median, with hundreds of
# programs that evaluate.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/changes.py"
