#!/usr/bin/env python3
# Verifies the audit of an agent's file that no agent has open (a backup, say), without ffshm:
#
#     verify_audit.py FILE [NUMBER HASH]      HASH: what somebody kept of entry NUMBER
#
# Prints the newest number and its hash; exit code 1 and the reason when something is wrong.
import hashlib, sqlite3, sys


def field(value):
    if value is None:
        return b"\xff" * 8
    value = str(value).encode() if isinstance(value, int) else value
    return len(value).to_bytes(8, "big") + value


db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
db.text_factory = bytes
kept = {int(sys.argv[2]): sys.argv[3]} if len(sys.argv) > 3 else {}
number, head = 0, bytes(32)
for row in db.execute("SELECT previous, hash, number, time_ms, actor, authenticated, action, target,"
                      " before, after, reason, digest FROM audit ORDER BY number"):
    previous, stored, *members = row
    encoding = b"ffshm audit 1\0" + previous + b"".join(map(field, members))
    if members[0] != number + 1 or previous != head or stored != hashlib.sha256(encoding).digest():
        sys.exit(f"entry {number + 1} is not right")
    number, head = members[0], stored
    if kept.pop(number, head.hex()) != head.hex():
        sys.exit(f"entry {number} is not the one that was kept")
if kept:
    sys.exit(f"entries behind {number} are missing")
print(number, head.hex())
