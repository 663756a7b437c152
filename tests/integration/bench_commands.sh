#!/usr/bin/env bash
# ctest: merge timeout=120
# Every subcommand of ffbench runs with parameters that make it short, and its JSON lines have what
# is promised of them: what they were measured on, and the fields of that subcommand.
set -euo pipefail
bench=$FFSHM_BUILD_DIR/bench/ffbench
[ -x "$bench" ] || {
    echo "skipped: the benchmark programs are not built"
    exit 77
}
work=$(mktemp -d /var/tmp/ffshm-bench-XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 - "$bench" "$work" <<'PYTHON'
import glob, json, os, signal, subprocess, sys, time

BENCH, WORK = sys.argv[1:]
EVERY = {"bench", "cpu", "kernel", "compiler", "commit", "snapshot_bytes", "telemetry"}
SPREAD = {"median_ns", "min_ns", "p10_ns", "p90_ns", "rounds"}
CHANGE = {"where", "flags", "median_us", "min_us", "p90_us", "max_us", "rounds"}
TINY = ["--flags", "100", "--rounds", "1"]
# Arguments; what tells its lines apart; per kind of line the fields that it must have.
COMMANDS = [
    (["limit", *TINY, "--case", "l1-load"], "what", {"l1-load": {"pages", "area_bytes"} | SPREAD}),
    (["limit", *TINY, "--case", "hash"], "what", {"hash": SPREAD}),
    (["limit", *TINY, "--case", "bool-off"], "what",
     {"floor": {"case", "by", "pick", "flags", "floor_ns", "alone_ns", "from"}}),
    (["memory", "--flags", "100"], "what",
     {"readers": {"readers", "size_bytes", "per_reader_bytes", "copies_bytes"},
      **{what: {"flags", "size_bytes", "per_flag_bytes"} for what in
         ("snapshot", "reader-private", "reader-telemetry", "reader-shared", "agent-rss",
          "agent-private")}}),
    (["start", *TINY, "--directory", WORK], "what",
     {"open-to-answer": {"process", "verify", "flags", "median_us", "max_us", "rounds"},
      "execute-to-answer": {"process", "verify", "flags", "median_us", "max_us", "rounds"},
      "agent-to-answer": {"flags", "median_ms", "rounds"},
      "restart-to-answer": {"flags", "median_ms", "rounds"}}),
    (["scale", *TINY, "--case", "rules"], "kind",
     {kind: {"case", "by", "pick", "n", "evaluations_per_s", "efficiency", "rounds", "disturbed"}
      for kind in ("threads", "processes")}),
    (["tail", *TINY, "--seconds", "0.02"], "mode",
     {mode: {"publishes_per_s", "reached_per_s", "p50_ns", "p99_ns", "p999_ns", "p9999_ns", "max_ns",
             "over_1us_per_s", "samples", "clock_ns", "cdf"} for mode in ("none", "inline", "thread")}),
    (["publish", *TINY], "step",
     {"publish": {"written_bytes"} | CHANGE, "file-saved": {"written_bytes"} | CHANGE,
      **{step: CHANGE for step in ("compile", "refresh", "visible")}}),
    (["kill", "--flags", "100", "--rounds", "5"], "step",
     {"kill": {"what"} | CHANGE, "revive": {"what"} | CHANGE}),
    (["eval", *TINY, "--case", "rules"], "case",
     {"rules": {"by", "pick", "context", "flags"} | SPREAD}),
    (["count", "--rounds", "1"], "case",
     {case: {"by", "context", "calls"}
      for case in ("bool-off", "bool-fallthrough", "rules", "rollout", "targets-miss")}),
]


def fields_of(lines, arguments, tell_apart, kinds):
    found = set()
    for line in lines:
        kind = line.get(tell_apart)
        wanted = EVERY | kinds.get(kind, set())
        if "absent" in line:
            wanted = EVERY
        missing = sorted(wanted - line.keys())
        if missing or line["bench"] != arguments[0] or kind not in kinds:
            yield f"{arguments}: {line}: missing: {missing}"
        yield from (f"{arguments}: {name} is negative: {line}" for name, value in line.items()
                    if name.endswith("_ns") and value < 0)
        found.add(kind)
    yield from (f"{arguments}: no line of {kind}" for kind in sorted(kinds.keys() - found))


def faults():
    for arguments, tell_apart, kinds in COMMANDS:
        told = subprocess.run([BENCH, *arguments, "--json"], stdout=subprocess.PIPE, text=True)
        if told.returncode != 0:
            yield f"{arguments}: ended with {told.returncode}"
            continue
        lines = [json.loads(line) for line in told.stdout.splitlines()]
        yield from fields_of(lines, arguments, tell_apart, kinds)
        print(f"{' '.join(arguments[:1])}: {len(lines)} lines")


# What cannot be taken; what stderr names then.
REFUSED = [
    (["eval", "--case", "rulez"], "bool-fallthrough"),
    (["eval", "--context", "rebuild"], "rebuilt"),
    (["limit", *TINY, "--case", "l1"], "l1-load"),
    (["scale", "--case", "rulez"], "rules"),
    (["scale", "--by", "view"], "handle"),
    (["count", "--case", "rulez"], "rules"),
    (["memory", "--telemetry", "on"], "counting"),
    (["serve", "--by", "foo"], "handle"),
    (["serve", "--telemetry", "foo"], "events"),
    (["kill", "--case", "rules"], "--case"),
    (["tail", "--flags", "5"], "32"),
    (["start", "--rounds", "5000"], "1000"),
]


def refusal_faults():
    for arguments, named in REFUSED:
        told = subprocess.run([BENCH, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if told.returncode != 2 or named not in told.stderr or told.stdout:
            yield f"{arguments}: ended with {told.returncode}: {told.stdout}{told.stderr}"


def await_it(condition):
    for _ in range(3000):
        if condition():
            return True
        time.sleep(0.01)
    return False


def stores():
    return set(glob.glob("/dev/shm/ffbench*"))


# Whatever it has started, by the word that only they have.
def processes_of(mark):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environment:
                if mark.encode() in environment.read() and int(pid) != os.getpid():
                    found.append(pid)
        except OSError:
            pass
    return found


# In the middle of it: nothing stays.
def signal_faults():
    for arguments in (["eval"], ["tail", "--seconds", "60"]):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            mark = f"FFSHM_BENCH_TEST={os.getpid()}-{arguments[0]}-{number.name}"
            before = stores()
            environment = {**os.environ, **dict([mark.split("=")])}
            bench = subprocess.Popen([BENCH, *arguments], env=environment, stdout=subprocess.DEVNULL)
            await_it(lambda: stores() - before and len(processes_of(mark)) > 2)
            made = stores() - before
            bench.send_signal(number)
            if bench.wait() != -number:
                yield f"{arguments}: {number.name}: ended with {bench.returncode}"
            if not made or not await_it(lambda: not (stores() & made or processes_of(mark))):
                yield f"{arguments}: {number.name}: stays: {made & stores()}, {processes_of(mark)}"


signal.signal(signal.SIGINT, signal.SIG_DFL)  # for those that are started; a job in the background ignores it
wrong = [*faults(), *refusal_faults(), *signal_faults()]
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
PYTHON
leftovers=$(ls "$work")
[ -z "$leftovers" ] || {
    echo "left behind: $leftovers"
    exit 1
}
