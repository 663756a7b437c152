#!/usr/bin/env bash
# ctest: nightly timeout=3600
# As admin_killed.sh, 500 times.
set -euo pipefail
exec bash "$FFSHM_SOURCE_DIR/tests/torture/admin_writers.sh" killed 500 8
