"""Does the trail explain every generation?

    check_trail.py SOCKET LOG... [killed:LOG...]

Asks an agent for all of /snapshots and /audit. Each generation that the logs say was published is
recorded (of an agent that was killed at least the last one: it was adopted), with audit entries
that exist, in their order; the newest one is what is published now.
"""
import http.client, json, re, socket, sys


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("agent", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def ask(connection, path):
    connection.request("GET", "/api/v1" + path)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    assert answer.status == 200, f"{path}: {answer.status} {body}"
    return body


def everything(connection, path, cursor):
    items, query = [], f"{path}?limit=7"
    while True:
        page = ask(connection, query)
        items += page["items"]
        if page["next"] is None:
            return items[::-1]
        query = f"{path}?limit=7&{cursor}={page['next']}"


def main():
    agent = Unix(sys.argv[1])
    status = ask(agent, "/status")["snapshot"]
    snapshots = everything(agent, "/snapshots", "before")
    entries = {e["number"]: e for e in everything(agent, "/audit", "after")}
    assert ask(agent, "/audit/verify")["bad"] is None, "the chain is broken"
    recorded = {s["generationText"]: s for s in snapshots}
    published, merged = set(), set()
    for log in sys.argv[2:]:
        said = re.findall(r"event=(published|compacted) generation=([0-9.]+)",
                          open(log.removeprefix("killed:")).read())
        merged |= {generation for event, generation in said if event == "compacted"}
        if log.startswith("killed:"):
            said = said[-1:]
        published |= {generation for _, generation in said}
    missing = published - set(recorded)
    assert not missing, f"published, and not recorded: {sorted(missing)}"
    last = 0
    for s in snapshots:
        first, end = s["firstAudit"], s["lastAudit"]
        if s["generationText"] in merged:
            assert (first, end) == (None, None), f"merged, but of entries: {s}"
            continue
        assert first and first <= end, f"of no entries: {s}"
        assert first in entries and end in entries, f"of entries that are not there: {s}"
        assert first in (last, last + 1), f"entries between are nobody's: {s}, after {last}"
        last = end
    newest = snapshots[-1]
    assert newest["generation"] == status["generation"], f"{newest} is not {status}"
    assert newest["digest"] == status["digest"]
    assert newest["current"] and newest["retained"]
    assert [s for s in snapshots if s["current"]] == [newest]
    assert sum(s["retained"] for s in snapshots) <= status["retained"]
    print(f"{len(snapshots)} snapshots, {len(entries)} entries")


try:
    main()
except AssertionError as wrong:
    sys.exit(str(wrong))
