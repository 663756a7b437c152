#!/usr/bin/env bash
# The README's numbers are those of the newest result file.
# ctest: quick
set -euo pipefail
cd "$FFSHM_SOURCE_DIR"
newest=$(find bench/results -maxdepth 1 -name '*.jsonl' | sort | tail -n 1)
exec python3 bench/table.py "$newest" README.md --check
