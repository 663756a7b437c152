#!/usr/bin/env python3
"""Puts what was measured into the README, and draws its plots: all of the newest bench/results/*.json.

    bench/readme.py             writes README.md and bench/plots
    bench/readme.py --check     only compares; 1: something is not that of the file, or a speed stands outside of marks
    bench/readme.py --names     the names for bench:n, and what they are

Marks in the README, each with a closing one (<!-- /bench:NAME -->):
    <!-- bench:costs -->  <!-- bench:peers -->  <!-- bench:growth -->  <!-- bench:goals -->
    <!-- bench:machine -->        tables and texts
    <!-- bench:plot latency -->   a plot (latency, peers, tail, scaling, publish)
    <!-- bench:n NAME -->         one number, in a line

For tests: --results FILE, --readme FILE, --plots DIRECTORY.
77: there is no result file.
"""
import argparse
import pathlib
import re
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from plotting import plots, results, tables  # noqa: E402

MARK = re.compile(r"(<!-- bench:(\w+)(?: (\S+))? -->)(.*?)(<!-- /bench:\2 -->)", re.S)
FENCE = re.compile(r"^```.*?^```", re.S | re.M)
SPEED = re.compile(
    r"\d[\d.,]*(?:"
    r" ?(?:ns|us|µs|ms|(?:nano|micro|milli)seconds?)\b"
    r"|x\b|×| times (?:as fast|faster|slower)"
    r"| ?(?:thousand|million|billion)(?: \w+)? (?:a|per) second"
    r")"
)
TABLES = {
    "costs": tables.costs,
    "peers": tables.peers,
    "growth": tables.growth,
    "machine": tables.machine,
    "goals": tables.goals_table,
}


class Wrong(Exception):
    pass


def content(r, made, kind, name):
    """What belongs between two marks."""
    if kind in TABLES and not name:
        return f"\n{TABLES[kind](r)}\n"
    if kind == "plot" and name in made:
        return f"\n![{made[name][0]}](bench/plots/{name}.svg)\n"
    if kind == "n" and name in (found := tables.numbers(r)):
        return found[name]
    raise Wrong(f"{r.path} has nothing for <!-- bench:{kind}{' ' + name if name else ''} -->")


def filled(text, r, made):
    return MARK.sub(lambda m: m[1] + content(r, made, m[2], m[3]) + m[5], text)


def stray(text):
    """(line number, speed) of each that does not come out of a result file."""
    blank = re.compile(r"[^\n]")
    for outside in (MARK, FENCE):
        text = outside.sub(lambda m: blank.sub(" ", m[0]), text)
    return [(text.count("\n", 0, m.start()) + 1, m[0]) for m in SPEED.finditer(text)]


def differences(options, r, made, before, after):
    """What --check has to say."""
    again = f"bench/readme.py makes it that of {r.path}"
    for line, speed in stray(before):
        yield f"{options.readme}:{line}: `{speed}` is not between marks: no result file has it"
    old, new = before.splitlines(), after.splitlines()
    if before != after:
        line = next((i for i, pair in enumerate(zip(old, new)) if pair[0] != pair[1]), min(len(old), len(new)))
        yield f"{options.readme}:{line + 1}: is not what was measured; {again}"
    for name, (_, svg) in made.items():
        file = options.plots / f"{name}.svg"
        if not file.exists() or file.read_text(encoding="utf-8") != svg:
            yield f"{file}: is not what was measured; {again}"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--results", type=pathlib.Path, default=results.newest(HERE / "results"))
    parser.add_argument("--readme", type=pathlib.Path, default=HERE.parent / "README.md")
    parser.add_argument("--plots", type=pathlib.Path, default=HERE / "plots")
    return parser.parse_args()


def main():
    options = parse()
    if not options.results:
        print("bench/readme.py: skipped: there is no bench/results/*.json; bench/run makes one", file=sys.stderr)
        return 77
    r = results.Results(options.results)
    if options.names:
        for name, text in tables.numbers(r).items():
            print(f"{name}\t{text}")
        return 0
    made = plots.draw_all(r)
    before = options.readme.read_text(encoding="utf-8")
    try:
        after = filled(before, r, made)
    except Wrong as wrong:
        print(f"{options.readme}: {wrong}", file=sys.stderr)
        return 1
    if options.check:
        found = list(differences(options, r, made, before, after))
        print("\n".join(found) if found else f"{options.readme} and {options.plots} are those of {r.path}")
        return 1 if found else 0
    options.readme.write_text(after, encoding="utf-8")
    options.plots.mkdir(parents=True, exist_ok=True)
    for name, (_, svg) in made.items():
        (options.plots / f"{name}.svg").write_text(svg, encoding="utf-8")
    return 0


sys.exit(main())
