#!/usr/bin/env bash
# ctest: merge release serial timeout=900
# lib/, agent/ and examples/ are clean under .clang-tidy.
exec "$FFSHM_SOURCE_DIR/scripts/lint" tidy "$FFSHM_BUILD_DIR"
