#!/usr/bin/env bash
# ctest: quick dev
# The dependency rule: who may include whom. Data flows one way through the stages of agent/, and
# lib/ knows none of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 - <<'PYTHON'
import os, re, sys

# A stage includes itself and one neighbour, never both ways: source/ and catalog/ the stage that they
# feed; publish/ the blobs, slots and extents of compile/, whose holder it is.
# http/, redis/ and storage/ serve several stages and know none.
TOP = "the top"
USES = {
    "source": ["catalog", "http", "redis"],
    "catalog": ["compile"],
    "compile": [],
    "publish": ["compile"],
    "collect": ["deliver", "storage"],
    "deliver": ["http", "redis", "storage"],
    "http": [],
    "redis": [],
    "storage": [],
    # Memberships of big segments: asked for in Redis, put beside what is published.
    "big_segments": ["publish", "redis"],
    # One state for many hosts: the storage of each, kept equal through Redis.
    "fleet": ["admin", "redis", "storage"],
    "admin": ["catalog", "storage"],
    # What is published, looked at: through libffshm alone.
    "inspect": [],
    # What operators do stands beside the pipeline (TOP) that it changes; routes/ above all of that.
    "operate": ["admin", "catalog", "publish", "storage", TOP],
    "routes": ["admin", "catalog", "collect", "fleet", "inspect", "operate", "publish", "storage", TOP],
}
# The vocabulary that all stages speak: values, models, what is wrong with them and where; and the
# log.
COMMON = {"agent/catalog/" + name for name in ("fault.h", "member.h", "model.h", "document.h")}
COMMON.add("agent/log.h")
STDLIB_ONLY = {"lib/image.h": {"stdint.h", "stdatomic.h"}}
URCU = {"lib/rcu.h"}

faults = []


def fault(path, line, text):
    faults.append(f"{path}:{line}: {text}")


def resolve(path, name):
    """The file of the tree that a quoted include names, as the compiler would find it."""
    for folder in (os.path.dirname(path), "include", "lib", "agent"):
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.exists(candidate):
            return candidate
    return None


def sources():
    for top in ("include", "lib", "agent", "examples"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.join(folder, name)


def stage_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "agent" and len(parts) > 2 else None


def check(path, line, bracket, name):
    target = None if bracket == "<" else resolve(path, name)
    if "urcu" in name and path not in URCU:
        fault(path, line, f"only {', '.join(URCU)} may name urcu: {name}")
    if path in STDLIB_ONLY and name not in STDLIB_ONLY[path]:
        fault(path, line, f"may include only {', '.join(sorted(STDLIB_ONLY[path]))}: {name}")
    if bracket == '"' and target is None:
        fault(path, line, f"no such file in the tree: {name}")
        return
    if target is None:
        if name == "ffshm.h" and not path.startswith("examples/"):
            fault(path, line, 'the tree includes "ffshm.h" with quotes')
        return
    top, top_of_target = path.split("/")[0], target.split("/")[0]
    if top == "include":
        fault(path, line, f"the public header stands alone: {name}")
    if top == "lib" and top_of_target not in ("lib", "include"):
        fault(path, line, f"lib/ knows nothing of {top_of_target}/: {name}")
    if top == "examples" and target != "include/ffshm.h":
        fault(path, line, f"an example uses the public header only: {name}")
    stage = stage_of(path)
    if stage in USES and top_of_target == "agent" and target not in COMMON:
        allowed = [stage] + USES[stage]
        if (stage_of(target) or TOP) not in allowed:
            fault(path, line, f"stage {stage}/ may include {', '.join(allowed)} of agent/: {name}")


count = 0
for path in sources():
    count += 1
    with open(path, encoding="utf-8") as text:
        for line, content in enumerate(text, 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', content)
            if found:
                check(path, line, *found.groups())

print("\n".join(faults) if faults else f"{count} files keep the dependency rule")
sys.exit(1 if faults else 0)
PYTHON
