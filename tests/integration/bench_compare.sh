#!/usr/bin/env bash
# ctest: quick timeout=60
# The comparison with peers: what a driver that ends, hangs or talks nonsense does to it, and that
# what a program does after its turn is part of its time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/driver" <<'DRIVER'
#!/usr/bin/env python3
"""A driver that does what its argument says at the second request."""
import sys, threading, time

def burn(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass

print('{"ready": true, "version": "1", "cases": ["rules"]}', flush=True)
for number, line in enumerate(sys.stdin):
    if number == 1 and sys.argv[1] == "ends":
        sys.exit("out of patience")
    if number == 1 and sys.argv[1] == "hangs":
        time.sleep(60)
    if number == 1 and sys.argv[1] == "raves":
        print("I am fine", flush=True)
    if number == 1 and sys.argv[1] == "burns":
        threading.Thread(target=burn, args=(0.05,)).start()
    print('{"ns": 1000000}', flush=True)
DRIVER
chmod +x "$work/driver"
PYTHONPATH=$FFSHM_SOURCE_DIR/bench/peers python3 -B - "$work" <<'PYTHON'
import pathlib, sys
import driver

WORK = pathlib.Path(sys.argv[1])
driver.ANSWER_S = driver.ENDS_S = 1
driver.SETTLED_S, driver.SETTLE_S = 0.1, 2  # others may have the processor for a while


def fault(what, events="off"):
    d = driver.Driver("fake", events, [WORK / "driver", what], WORK / f"{what}.log")
    try:
        d.begin(driver.os.sched_getaffinity(0))
        d.run("rules", 1)
        return d.run("rules", 1)
    except driver.Absent as reason:
        assert reason.failed, what
        return str(reason)
    finally:
        d.close()
        assert d.process.returncode is not None, what


assert "out of patience" in fault("ends"), fault("ends")
assert fault("hangs") == "no answer within 1 s", fault("hangs")
assert "'I am fine', which is no JSON" in fault("raves"), fault("raves")
assert fault("burns") == 0.001
took = fault("burns", "on")
assert 0.04 < took < 0.2, took
PYTHON
if "$FFSHM_SOURCE_DIR/bench/peers/compare.py" --ffbench /bin/true --only nobody 2>"$work/said"; then
    echo "a peer that does not exist is taken"
    exit 1
fi
grep -q 'no peer is called nobody; there are:.*launchdarkly-go' "$work/said"
