#!/usr/bin/env bash
# bench/plot and bench/readme.py on a small result file, which has absent peers, missing cases and long names: the plots
# are well-formed, complete, readable and always the same, and no number of the README can differ from them.
# ctest: quick
set -euo pipefail
cd "$FFSHM_SOURCE_DIR"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
results=tests/data/bench_results.json

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

# What it says on stderr is of labels that overlap.
bench/plot $results "$dir/plots" >/dev/null 2>"$dir/complaints"
[ ! -s "$dir/complaints" ] || fail "$(cat "$dir/complaints")"
bench/plot $results "$dir/again" >/dev/null
diff -r "$dir/plots" "$dir/again" >/dev/null || fail "the same file gave other plots"

python3 -B - "$dir/plots" <<'PYTHON'
import pathlib
import sys
import xml.etree.ElementTree

sys.path.insert(0, "bench")
from plotting import axes, theme, wording

texts = {}
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.svg")):
    svg = file.read_text()
    root = xml.etree.ElementTree.fromstring(svg)
    texts[file.stem] = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "prefers-color-scheme:dark" in svg, file
    for outside in ("href", "url(", "@import", "<script", "nan", "inf,"):
        assert outside not in svg, (file, outside)
assert sorted(texts) == ["latency", "peers", "publish", "scaling", "tail"], sorted(texts)

peers = ["ffshm", "Unleash Rust", "LaunchDarkly Go", "Redis GET", "LaunchDarkly C", "no equivalent"]
peers += ["context made at each call", "100 ns*", "* flag off, Unleash Rust: a flag that is off is always false."]
for name in [*peers, "not measured: no installed copy of <ldclient> & friends"]:
    assert name in texts["peers"], name
for name in ["Unleash Rust", "prerequisites", "60.0 ns", "61.0 ns"]:
    assert (name in " ".join(texts["latency"])) == (name != "60.0 ns"), name  # ffshm beside its peers goes first
for name, words in {"tail": "over 1 µs", "scaling": "98.0 % of ideal", "publish": "visible in another process"}.items():
    assert words in texts[name], words

for name, shades in theme.COLOURS.items():
    least = 4.5 if name in theme.TEXTS else 3 if name in theme.MARKS else 1
    for shade, ground in zip(shades, theme.COLOURS["ground"]):
        assert theme.contrast(shade, ground) >= least, (name, shade, ground)
for shade, wash in zip(theme.COLOURS["ours"], theme.COLOURS["wash"]):
    assert theme.contrast(shade, wash) >= 4.5, (shade, wash)

times = [wording.time(ns) for ns in (6, 13.63, 999.6, 1240, 2.8e9)]
assert times == ["6.00 ns", "13.6 ns", "1.00 µs", "1.24 µs", "2.80 s"], times
assert [wording.lead(x) for x in (9.96, 10, 41.9, 1239)] == ["9.9×", "10×", "41×", "1,230×"]
assert axes.spread([10, 12, 50], 10) == [6, 16, 50]
PYTHON

# A file that has less: what is missing is told, and not drawn.
python3 - $results "$dir/less.json" <<'PYTHON'
import json
import sys

whole = json.load(open(sys.argv[1]))
whole["lines"] = [line for line in whole["lines"] if line["bench"] == "eval"]
json.dump(whole, open(sys.argv[2], "w"))
PYTHON
bench/plot "$dir/less.json" "$dir/less" >/dev/null 2>"$dir/complaints"
for table in costs peers growth goals; do echo "<!-- bench:$table --><!-- /bench:$table -->"; done >"$dir/less.md"
bench/readme.py --results "$dir/less.json" --readme "$dir/less.md" --plots "$dir/less"
grep -qF "| flag off: 10x as fast as the fastest alternative | - | - |" "$dir/less.md" || fail "a goal met by nothing"
[ "$(ls "$dir/less")" = latency.svg ] || fail "plots of nothing: $(ls "$dir/less")"
[ "$(grep -c 'not made' "$dir/complaints")" = 4 ] || fail "not told what is missing"

# ---- the README

cat >"$dir/README.md" <<'README'
An evaluation takes <!-- bench:n bool-fallthrough -->?<!-- /bench:n -->, a kill <!-- bench:n kill --><!-- /bench:n -->.
<!-- bench:plot latency -->
<!-- /bench:plot -->
<!-- bench:costs -->
<!-- /bench:costs -->
<!-- bench:peers -->
<!-- /bench:peers -->
<!-- bench:growth -->
<!-- /bench:growth -->
<!-- bench:goals -->
<!-- /bench:goals -->
<!-- bench:machine -->
<!-- /bench:machine -->
```
sleep 5 ms
```
README
readme() {
    bench/readme.py --results $results --readme "$dir/README.md" --plots "$dir/plots" "$@"
}

# refused WORDS...: the check fails and says all of that.
refused() {
    local code=0 words
    readme --check >"$dir/told" 2>&1 || code=$?
    [ $code = 1 ] || fail "the check ended with $code, expected: $1"
    for words in "$@"; do
        grep -qF -- "$words" "$dir/told" || fail "expected: $words; told: $(cat "$dir/told")"
    done
}

refused "README.md:1: is not what was measured"
readme
readme --check >/dev/null
for words in 'takes <!-- bench:n bool-fallthrough -->13.0 ns<' 'a kill <!-- bench:n kill -->500 us<' \
    '| the same, by key | 13.0 ns | 12.3 ns | 2.6x |' '| **ffshm**, by key | 0.1.0 | counted | **12.0 ns** |' \
    '| ffshm, by key, context made at each call | 0.1.0 | counted | 52.0 ns |' \
    '| ffshm, by key | 0.1.0 | each told | 200 ns |' '| Unleash Rust | 0.21.1 | off | 100 ns*, 8.3x | 290 ns, 22x |' \
    '* flag off, Unleash Rust: a flag that is off is always false' '* LaunchDarkly Go: 32.0 % counted, 100.0 % each told' \
    '| LaunchDarkly Go | 7.14.6 | counted | 5.20 us, 433x | 5.30 us, 407x |' \
    '| LaunchDarkly Go | 7.14.6 | each told | 10.0 us, 50x |' \
    '| Redis GET | 1.1.0 | off | 17.0 us, 1,410x | 17.1 us, 1,310x | - | - |' \
    '| 8.3x Unleash Rust, events off; 433x LaunchDarkly Go, events on | **no** |' \
    '; even the floor would reach only 8.3x on ' '; the floor would reach 20x on ' \
    '| 433x LaunchDarkly Go, events on | yes |' '| 84.0 ns; over 1 us: 610 a second, of an empty loop 510 | yes |' \
    '* LaunchDarkly C: no installed copy of <ldclient> & friends' '* Unleash Rust: with events on: no metrics' \
    '| any of them, at random | 2.50x |' '| 2 threads, of 2 times one | 98.0 % |' \
    '(bench/plots/latency.svg)' 'A processor, 2 processors, Linux 6.1, gcc 12.2.0, commit abc1234, 2026-11-27'; do
    grep -qF -- "$words" "$dir/README.md" || fail "the README lacks: $words"
done
cp "$dir/README.md" "$dir/good.md"

sed -i 's/| the same, by key | 13.0 ns/| the same, by key | 12.0 ns/' "$dir/README.md"
sed -i 's/Measured by/Drawn by hand, not by/' "$dir/plots/tail.svg"
refused "README.md:9: is not what was measured" "tail.svg: is not what was measured"
cp "$dir/good.md" "$dir/README.md"
echo "It takes 7 ns, is 100 times as fast; or 8 nanoseconds, 9x, 10 million evaluations a second." >>"$dir/README.md"
for speed in '7 ns' '100 times as fast' '8 nanoseconds' 9x '10 million evaluations a second'; do
    refused "\`$speed\` is not between marks"
done
{
    cat "$dir/good.md"
    echo '<!-- bench:n no-such-number -->5<!-- /bench:n -->'
} >"$dir/README.md"
refused "has nothing for <!-- bench:n no-such-number -->"
