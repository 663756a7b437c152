#!/usr/bin/env bash
# ctest: merge timeout=300
# A host is cut off from Redis, answers get lost, all hosts are cut off: evaluation goes on everywhere, changes there are
# refused with a reason, and after healing all hosts are equal within 2 s.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/partition.py"
