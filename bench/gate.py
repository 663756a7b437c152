#!/usr/bin/env python3
"""Instructions per evaluation against baseline.json: the gate of the library's speed.

    bench/gate.py BUILD_DIR                   prints a table; fails where a path takes over 2 % more
    bench/gate.py BUILD_DIR --write REASON    makes what is counted now the baseline
    bench/gate.py BUILD_DIR --baseline FILE   another file than baseline.json
    bench/gate.py BUILD_DIR --now FILE        counts that --write has put there, instead of counting

1: a path takes more, or the baseline changed without a new reason. 77: valgrind is not here, or the
baseline was made with another compiler, flags or machine, so that nothing can be compared.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

MOST = 0.02  # more than the baseline
STALE = 0.05  # less than it: worth lowering it
COUNTED = "ffbench_count_calls"
# Valgrind has no SHA-NI: the rounds would be those of plain C, six times everything else.
NOT_COUNTED = "compress_portable"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def configured_flags(build):
    cache = dict(re.findall(r"^(\w+):\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.M))
    kind = cache["CMAKE_BUILD_TYPE"].upper()
    return f"{cache['CMAKE_C_FLAGS']} {cache.get(f'CMAKE_C_FLAGS_{kind}', '')}".strip()


def path_name(line):
    name = f"{line['case']} by {line['by']}"
    if line["context"] != "prepared":
        name += f", {line['context']}"
    return name if line["telemetry"] == "off" else f"{name}, {line['telemetry']}"


def dump_number(file):
    return int(file.suffix[1:])


def measure(build):
    """What it was made with, and {path: instructions}."""
    if not shutil.which("valgrind"):
        skip("valgrind is not here")
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory, "counts")
        command = ["valgrind", "--command-line-only=yes", "--quiet", "--tool=callgrind", "--collect-atstart=no"]
        command += [f"--toggle-collect={COUNTED}", f"--toggle-collect={NOT_COUNTED}"]
        command += [f"--zero-before={COUNTED}", f"--dump-after={COUNTED}", f"--callgrind-out-file={out}"]
        command += [build / "bench" / "ffbench", "count", "--json"]
        environment = {"PATH": os.environ.get("PATH", "")}  # no variable of the library's or of libc's
        told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
        lines = [json.loads(line) for line in told.splitlines()]
        dumps = sorted(pathlib.Path(directory).glob("counts.*"), key=dump_number)
        totals = [int(re.search(r"^totals: (\d+)", dump.read_text(), re.M)[1]) for dump in dumps]
    if not lines or len(totals) != 2 * len(lines):
        sys.exit(f"{len(totals)} dumps of {len(lines)} paths: is {COUNTED} called by that name?")
    paths = {}
    for i, line in enumerate(lines):  # of N calls and of 2 N
        paths[path_name(line)] = round((totals[2 * i + 1] - totals[2 * i]) / line["calls"], 2)
    valgrind = subprocess.run(["valgrind", "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return {
        "compiler": lines[0]["compiler"],
        "flags": configured_flags(build),
        "machine": platform.machine(),
        "valgrind": valgrind.strip().removeprefix("valgrind-"),
    }, paths


def earlier_versions(file):
    """What was committed of the file, the newest first; nothing where there is no git."""

    def git(*arguments):
        command = ["git", "-C", str(file.parent), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout

    if not shutil.which("git"):
        return
    for commit in git("log", "--format=%H", "--", file.name).split():
        text = git("show", f"{commit}:./{file.name}")
        if text:
            yield json.loads(text)


def has_a_reason(file, baseline):
    """The numbers are those of the last change, or the last reason is a new one."""
    for earlier in earlier_versions(file):
        if earlier["paths"] != baseline["paths"] or earlier["made_with"] != baseline["made_with"]:
            return baseline["history"][-1] not in earlier["history"]
    return True


def compare(before, now):
    """Prints a table; what is wrong."""
    wrong = [f"{path}: not counted any more" for path in before if path not in now]
    print(f"{'instructions per evaluation':40}{'baseline':>10}{'now':>10}{'%':>9}")
    for path, count in now.items():
        if path not in before:
            wrong.append(f"{path}: not in the baseline")
            continue
        ratio = count / before[path]
        stale = "   the baseline is stale: lower it" if ratio < 1 - STALE else ""
        print(f"{path:40}{before[path]:10g}{count:10g}{100 * (ratio - 1):+9.2f}{stale}")
        if ratio > 1 + MOST:
            wrong.append(f"{path}: {before[path]:g} to {count:g} instructions, {100 * (ratio - 1):+.2f} %")
    return wrong


def write(file, made_with, paths, reason):
    history = json.loads(file.read_text())["history"] if file.exists() else []
    history.append({"date": datetime.date.today().isoformat(), "reason": reason})
    baseline = {"made_with": made_with, "paths": paths, "history": history}
    file.write_text(json.dumps(baseline, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, metavar="BUILD_DIR")
    parser.add_argument("--write", metavar="REASON")
    parser.add_argument("--baseline", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--now", type=pathlib.Path, metavar="FILE")
    arguments = parser.parse_args()
    file = arguments.baseline or pathlib.Path(__file__).resolve().parent / "baseline.json"
    if not arguments.write:
        baseline = json.loads(file.read_text())
        if not has_a_reason(file, baseline):
            sys.exit(f"{file.name} has other numbers than before, and no new reason: bench/gate.py --write")
    if arguments.now:
        counted = json.loads(arguments.now.read_text())
        made_with, paths = counted["made_with"], counted["paths"]
    else:
        made_with, paths = measure(arguments.build)
    if arguments.write:
        write(file, made_with, paths, arguments.write)
        return
    if made_with != baseline["made_with"]:
        skip(f"the baseline was made with {baseline['made_with']}, this with {made_with}")
    wrong = compare(baseline["paths"], paths)
    if wrong:
        print(f"\nmore than {100 * MOST:g} % over the baseline, or not the same paths:", *wrong, sep="\n    ")
        sys.exit("Make it cheaper; or, where it is worth it, change the baseline in the same commit:\n"
                 f"    bench/gate.py {arguments.build} --write 'why it is worth it'")


main()
