#!/usr/bin/env python3
"""Instructions per evaluation against baseline.json: the gate of the library's speed.

    bench/gate.py BUILD_DIR                   prints a table; fails where a path takes over 2 % more
    bench/gate.py BUILD_DIR --write REASON    makes what is counted now the baseline
    bench/gate.py BUILD_DIR --baseline FILE   another file than baseline.json
    bench/gate.py BUILD_DIR --now FILE        counts that --write has put there, instead of counting

1: a path takes more, or the baseline changed without a new reason. 77: valgrind is not here, or what
the baseline was made with (made_with) is not what is here, so that nothing can be compared.
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


def warn(*lines):
    bar = "*" * 100
    print(bar, *lines, bar, sep="\n", file=sys.stderr, flush=True)


def skip(*why):
    warn("SKIPPED: no instructions were compared, the gate is open here.", *why)
    sys.exit(77)


def skip_unless_alike(baseline, here):
    """What decides about the instructions is to be what the baseline was made with."""
    names = [name for name in baseline | here if baseline.get(name) != here.get(name)]
    if names:
        skip(*(f"    {name}: {baseline.get(name)} in the baseline, {here.get(name)} here" for name in names),
             "Where this is what is used from now on: count the commit that made the baseline, then yours,",
             "and write the baseline with the new reason: bench/gate.py BUILD_DIR --write 'gcc 13; no path changed'")


def configured(build):
    return dict(re.findall(r"^(\w+):\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.M))


def configured_flags(cache):
    kind = cache["CMAKE_BUILD_TYPE"].upper()
    return f"{cache['CMAKE_C_FLAGS']} {cache.get(f'CMAKE_C_FLAGS_{kind}', '')}".strip()


def has_avx2():
    """Valgrind shows a program the AVX2 of its CPU, and libc takes other string functions with it."""
    return re.search(r"^flags\b.*\bavx2\b", pathlib.Path("/proc/cpuinfo").read_text(), re.M) is not None


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
    cache = configured(build)
    return {
        "compiler": lines[0]["compiler"],
        "flags": configured_flags(cache),
        "libc": " ".join(platform.libc_ver()),
        "xxhash": cache["XXHASH_VERSION"],
        "machine": platform.machine(),
        "avx2": has_avx2(),
        "valgrind": valgrind.strip().removeprefix("valgrind-"),
    }, paths


def git(file, *arguments):
    """What git says, in the directory of the file; nothing where there is no git or no repository."""
    if not shutil.which("git"):
        return ""
    command = ["git", "-C", str(file.parent), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()


def earlier_versions(file):
    """What was committed of the file, the newest first."""
    for commit in git(file, "log", "--format=%H", "--", file.name).split():
        text = git(file, "show", f"{commit}:./{file.name}")
        if text:
            yield json.loads(text)


def reasons(baseline):
    return [entry["reason"] for entry in baseline["history"]]


def has_a_reason(file, baseline):
    """The numbers are those of the last change, or the last reason is a new one; None: git cannot tell."""
    known = False
    for earlier in earlier_versions(file):
        known = True
        if earlier["paths"] != baseline["paths"] or earlier["made_with"] != baseline["made_with"]:
            return reasons(baseline)[-1] not in reasons(earlier)
    # The oldest commit of a shallow clone seems to have added every file.
    return True if known and git(file, "rev-parse", "--is-shallow-repository") == "false" else None


def check_reason(file, baseline):
    told = has_a_reason(file, baseline)
    if told is None:
        warn("The reason was not checked: git does not know the history of the baseline here "
             "(no git, or a shallow clone).")
    elif not told:
        sys.exit(f"{file.name} has other numbers than before, and no new reason: bench/gate.py --write")


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
    baseline = json.loads(file.read_text()) if file.exists() else {"history": []}
    if not reason.strip() or reason in reasons(baseline):
        sys.exit(f"{file.name} needs a reason that is not in it yet: why are these the numbers from now on?")
    history = [*baseline["history"], {"date": datetime.date.today().isoformat(), "reason": reason}]
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
    if arguments.write is None:
        baseline = json.loads(file.read_text())
        check_reason(file, baseline)
    if not arguments.now and not (arguments.build / "bench/ffbench").is_file():
        sys.exit(f"{arguments.build}/bench/ffbench is not built: cmake --preset release && cmake --build --preset release")
    if arguments.now:
        counted = json.loads(arguments.now.read_text())
        made_with, paths = counted["made_with"], counted["paths"]
    else:
        made_with, paths = measure(arguments.build)
    if arguments.write is not None:
        write(file, made_with, paths, arguments.write)
        return
    skip_unless_alike(baseline["made_with"], made_with)
    wrong = compare(baseline["paths"], paths)
    if wrong:
        print(f"\nmore than {100 * MOST:g} % over the baseline, or not the same paths:", *wrong, sep="\n    ")
        sys.exit("Make it cheaper; or, where it is worth it, change the baseline in the same commit:\n"
                 f"    bench/gate.py {arguments.build} --write 'why it is worth it'")


main()
