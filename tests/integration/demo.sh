#!/usr/bin/env bash
# ctest: merge release serial timeout=120
# scripts/demo shows what it claims (it checks itself) and leaves nothing behind; --keep leaves an
# agent that its own three lines work with, and that its last line stops.
set -euo pipefail
cd "$FFSHM_SOURCE_DIR"
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# The directories of demos in /dev/shm, of whoever's.
left() {
    find /dev/shm -maxdepth 1 -name 'ffshm-demo.*' | sort
}

before=$(left)
scripts/demo >"$said" || { cat "$said"; exit 1; }
grep -q 'All as it should be' "$said"
[ "$(left)" = "$before" ] || { echo "the demo left its directory behind"; exit 1; }
[ "$(wc -l <"$said")" -lt 56 ] || { echo "the demo says more than a screen"; exit 1; }
! grep -q $'\e' "$said" || { echo "the demo colours a file"; exit 1; }

scripts/demo --keep >"$said" || { cat "$said"; exit 1; }
stop=$(sed -n 's/.*to stop it: //p' "$said")
pid=$(sed -n 's/^kill \([0-9]*\) .*/\1/p' <<<"$stop")
failed=0
try() {
    local answer
    answer=$(bash -c "$(grep "$1" "$said")") || true
    grep -q "$2" <<<"$answer" || { echo "$1 said: $answer"; failed=1; }
}
try 'ffctl eval' '"advanced"'
try 'ffctl explain' 'Premium users'
bash -c "$stop"
for ((attempt = 0; attempt < 250; attempt++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
done
! kill -0 "$pid" 2>/dev/null || { echo "the agent still runs"; failed=1; }
[ "$(left)" = "$before" ] || { echo "the line that stops it left something behind"; failed=1; }
[ $failed = 0 ] && echo "the demo shows what it claims, and cleans up"
exit $failed
