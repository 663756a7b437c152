#!/usr/bin/env bash
# ctest: merge release timeout=120
# No path of an evaluation takes over 2 % more instructions than bench/baseline.json says; and the
# gate that says so fails when it should.
set -euo pipefail
unset "${!GIT_@}" # of a hook that runs the tests
[ -x "$FFSHM_BUILD_DIR/bench/ffbench" ] || {
    echo "skipped: the benchmark programs are not built"
    exit 77
}
"$FFSHM_SOURCE_DIR/bench/gate.py" "$FFSHM_BUILD_DIR"

exec python3 - "$FFSHM_SOURCE_DIR/bench/gate.py" "$FFSHM_BUILD_DIR" <<'PYTHON'
import json, pathlib, shutil, subprocess, sys, tempfile

directory = tempfile.TemporaryDirectory()
file = pathlib.Path(directory.name, "baseline.json")
counted = pathlib.Path(directory.name, "now.json")


def expect(code, words, paths, unwanted=None, **other):
    """Against such a baseline the gate ends with that code, and says these words."""
    file.write_text(json.dumps(now | {"paths": paths} | other))
    command = [*sys.argv[1:], "--baseline", file, "--now", counted]
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    missing = [word for word in words if word not in told.stdout]
    if told.returncode != code or missing or (unwanted and unwanted in told.stdout):
        sys.exit(f"the gate ended with {told.returncode}, not {code}, or without {missing}:\n{told.stdout}")


def git(*arguments):
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody"]
    subprocess.run(["git", "-C", directory.name, *who, *arguments], check=True)


def expect_to_refuse(reason):
    command = [*sys.argv[1:], "--baseline", counted, "--now", counted, "--write", reason]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 1 or json.loads(counted.read_text()) != now:
        sys.exit(f"{reason!r} was taken as a new reason")


subprocess.run([*sys.argv[1:], "--baseline", counted, "--write", "Now."], check=True)
now = json.loads(counted.read_text())
expect_to_refuse("Now.")
expect_to_refuse("")


def paths(ratio):
    return {path: count * ratio for path, count in now["paths"].items()}


added = paths(1 / 1.03) | {"a path of old": 100}
another = {"history": now["history"] + [{"date": "2026-12-31", "reason": "Another."}]}
again = {"history": now["history"] + [{"date": "2026-12-31", "reason": "Now."}]}
unchecked = "The reason was not checked"
expect(1, [unchecked] + [f"    {path}: " for path in added], added)
for part in "compiler", "libc", "xxhash", "avx2":
    expect(77, ["SKIPPED", f"    {part}: 0.9 in"], paths(1), made_with=now["made_with"] | {part: "0.9"})
expect(0, ["the baseline is stale"], paths(1.1))
expect(0, [unchecked], paths(1 / 1.015))
if shutil.which("git"):
    git("init", "--quiet")
    expect(0, [unchecked], paths(1))
    git("add", "baseline.json")
    git("commit", "--quiet", "-m", "a baseline")
    expect(0, [], paths(1), unwanted=unchecked)
    expect(0, [], paths(1.1), unwanted=unchecked, **another)
    expect(1, ["no new reason"], paths(1.1), **again)
    expect(1, ["no new reason"], paths(1.1))
    git("commit", "--quiet", "-a", "-m", "other numbers")
    expect(1, ["no new reason"], paths(1.1))
    git("clone", "--quiet", "--depth=1", f"file://{directory.name}", f"{directory.name}/shallow")
    file = pathlib.Path(directory.name, "shallow", "baseline.json")
    expect(0, [unchecked], paths(1.1))
    expect(1, ["no new reason"], paths(1.2))
PYTHON
