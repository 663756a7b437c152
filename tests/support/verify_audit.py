#!/usr/bin/env python3
# Verifies the audit of an agent, without ffshm: of its file, while no agent has that open (a backup,
# say), or of an export (GET /audit?format=ndjson):
#
#     verify_audit.py FILE [NUMBER HASH]      HASH: what somebody kept of entry NUMBER
#
# Prints the newest number and its hash; exit code 1 and the reason when something is wrong.
import hashlib, json, sqlite3, sys


def field(value):
    if value is None:
        return b"\xff" * 8
    value = str(value).encode() if isinstance(value, (int, str)) else value
    return len(value).to_bytes(8, "big") + value


def rows_of_file(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.text_factory = bytes
    yield from db.execute("SELECT previous, hash, number, time_ms, actor, authenticated, action,"
                          " target, before, after, reason, digest FROM audit ORDER BY number")


def rows_of_export(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            e = json.loads(line)
            if "checkpoint" in e:
                last.update(e)
                continue
            if last:
                sys.exit("there are lines behind the last one")
            if len(e) != 12:
                sys.exit(f"not the members of an entry: {' '.join(e)}")
            yield (bytes.fromhex(e["previous"]), bytes.fromhex(e["hash"]), e["number"], e["timeMs"],
                   e["actor"], e["authenticated"], e["action"], e["target"], e["beforeText"],
                   e["afterText"], e["reason"], e["digest"])
    if not last:
        sys.exit("the last line is missing")


with open(sys.argv[1], "rb") as file:
    exported = file.read(1) == b"{"
kept = {int(sys.argv[2]): sys.argv[3]} if len(sys.argv) > 3 else {}
last = {}
count, number, head, gap = 0, 0, bytes(32), False
for row in (rows_of_export if exported else rows_of_file)(sys.argv[1]):
    previous, stored, *members = row
    encoding = b"ffshm audit 1\0" + previous + b"".join(map(field, members))
    follows = members[0] == number + 1
    gap = gap or not follows
    if (not follows and (not exported or members[0] <= number) or follows and previous != head
            or stored != hashlib.sha256(encoding).digest()):
        sys.exit(f"entry {number + 1} is not right")
    if kept.pop(members[0] - 1, previous.hex()) != previous.hex():
        sys.exit(f"entry {members[0]} does not follow the one that was kept")
    count, number, head = count + 1, members[0], stored
    if kept.pop(number, head.hex()) != head.hex():
        sys.exit(f"entry {number} is not the one that was kept")
if kept:
    sys.exit("the entry that was kept is missing" if exported else f"entries behind {number} are missing")
if exported:
    newest = last["checkpoint"]
    if count != last["entries"] or last["whole"] and (gap or number != newest["number"]):
        sys.exit("entries are missing")
    if number > newest["number"] or number == newest["number"] and head.hex() != newest["hash"]:
        sys.exit(f"entry {number} is not the one that the last line tells of")
print(number, head.hex())
