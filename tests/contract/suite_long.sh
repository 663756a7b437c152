#!/usr/bin/env bash
# ctest: nightly release timeout=1800
# The checks of the contract suite that wait for minutes: what a refused source does.
set -euo pipefail
exec bash "$FFSHM_SOURCE_DIR/tests/contract/suite.sh" --long --jobs 8 --run '^long/' "$@"
