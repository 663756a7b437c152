#!/usr/bin/env bash
# ctest: quick timeout=120
# A part of the contract suite, with fewer variants.
set -euo pipefail
exec bash "$FFSHM_SOURCE_DIR/tests/contract/suite.sh" --quick "$@"
