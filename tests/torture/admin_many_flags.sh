#!/usr/bin/env bash
# ctest: nightly release serial timeout=1800
# How long a change takes with 10 flags and with 10,000: nothing may go over all of them.
set -euo pipefail
for flags in 10 10000; do
    bash "$FFSHM_SOURCE_DIR/tests/torture/admin_writers.sh" times $flags 2000
done
