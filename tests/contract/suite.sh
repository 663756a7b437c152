#!/usr/bin/env bash
# ctest: merge serial timeout=600
# Our contract suite against the service, an agent for each client: suite/run.py says how to run
# parts of it. Exit code 77: there is no python3.
set -euo pipefail

if ! command -v python3 >/dev/null; then
    echo "skipped: python3 is not installed"
    exit 77
fi
for variable in $(compgen -e); do
    case $variable in
    *_proxy | *_PROXY) unset "$variable" ;; # what is tried here is on this host
    esac
done

exec python3 -B "$FFSHM_SOURCE_DIR/tests/contract/suite/run.py" \
    --service "$FFSHM_BUILD_DIR/tests/contract_service" --agent "$FFSHM_BUILD_DIR/agent/ffagent" \
    --corpus "${FFSHM_CORPUS:-$FFSHM_SOURCE_DIR/../shared/data/ld-eval-cases}" "$@"
