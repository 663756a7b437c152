#!/usr/bin/env bash
# ctest: merge timeout=200
# Many people on several hosts change the same flags all at once: no update is lost, versions have no gaps, and the
# trails and histories of all hosts are the same.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/writers.py"
