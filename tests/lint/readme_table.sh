#!/usr/bin/env bash
# What the README says of speed, and its plots, are those of the newest result file.
# ctest: quick
set -euo pipefail
cd "$FFSHM_SOURCE_DIR"
exec python3 bench/readme.py --check
