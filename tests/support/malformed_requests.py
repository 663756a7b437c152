#!/usr/bin/env python3
"""Sends an agent what is wrong, and looks at what it is told.

    malformed_requests.py TABLE SOCKET PORT

TABLE: tests/data/malformed_requests.txt, which says what its lines mean. The agent: flags of
ffctl_support.bash, a state file. Every case goes over the socket, whole and in single bytes, and
over TCP; after each the agent must serve a good request, after all of them nothing has changed.
"""
import re
import sys
import time

from admin_http import Connection, Gone, ask, request

ROOT = "/api/v1"
GOOD = request("GET", ROOT + "/health")
BYTES_MOST = 400  # of a request that is sent in single bytes
HEADER = re.compile(r"[A-Za-z-]+:( |$)")


class Case:
    def __init__(self, number, line, names):
        wanted, member, message, *fields = line.split(" | ")
        statuses, self.code = wanted.split()
        self.number = number
        self.closes = statuses.endswith("!")
        self.statuses = [int(s) for s in statuses.rstrip("!").split(",")]
        self.member, self.place = re.fullmatch(r"(.*?)(?: (\d+:\d+))?", member).groups()
        self.member = None if self.member == "-" else fill(self.member, names).decode()
        self.message = fill(message, names).decode()
        self.raw = fields[0].startswith("raw ")
        self.fields = [" | ".join(fields)[4:]] if self.raw else fields
        self.names = names
        self.method = "GET" if self.raw else fields[0].split()[0]

    def bytes(self, authorization):
        """authorization: a header for those that have none; None: the socket tells who asks."""
        fields = [fill(f, self.names) for f in self.fields]
        add = f"Authorization: {authorization}".encode() if authorization else None
        if self.raw:
            (text,) = fields
            if add and b"Authorization:" not in text:
                text = text.replace(b"Host: t\r\n", b"Host: t\r\n" + add + b"\r\n")
            return text
        method, target = fields[0].decode("latin-1").split(" ", 1)
        headers = [f.decode("latin-1") for s, f in zip(self.fields, fields) if HEADER.match(s)]
        bodies = [f for s, f in zip(self.fields[1:], fields[1:]) if not HEADER.match(s)]
        assert len(bodies) <= 1, f"line {self.number}: two bodies"
        if add and not any(h.startswith("Authorization:") for h in headers):
            headers.append(add.decode())
        body = bodies[0] if bodies else b""
        if any(h.startswith(("Content-Length:", "Transfer-Encoding:")) for h in headers):
            assert not body, f"line {self.number}: say it raw"
        return request(method, ROOT + target, headers, body.removeprefix(b"="))


def fill(text, names):
    """The bytes that a text of the table stands for."""
    text = re.sub(r"<(\d+)\*((?:[^<>]|<>|<[0-9a-f]{2}>)+)>", lambda m: m[2] * int(m[1]), text)
    text = re.sub(r"<([a-z]+:[a-z]+)>", lambda m: names[m[1]], text)
    parts = re.split(r"<((?:[0-9a-f]{2})?)>", text)
    out = parts[0].encode()
    for escape, rest in zip(parts[1::2], parts[2::2]):
        out += (bytes.fromhex(escape) or b"\r\n") + rest.encode()
    return out


def why_wrong(case, answer):
    """What is wrong with the last answer; None: nothing is."""
    said = answer.json
    if answer.status != case.statuses[-1]:
        return f"the status is not {case.statuses[-1]}"
    if case.method == "HEAD":
        return None
    if not said or set(said) != {"code", "message", "details"}:
        return "this is no error"
    if answer.headers.get("cache-control") != "no-store":
        return "a cache may keep it"
    if said["code"] != case.code:
        return f"the code is not {case.code}"
    if case.message not in said["message"]:
        return f"the message does not say: {case.message}"
    if answer.detail("member") != case.member:
        return f"the member is not {case.member}"
    place = f"{answer.detail('line')}:{answer.detail('column')}" if answer.detail("line") else None
    if place != case.place:
        return f"the place is {place}, not {case.place}"
    return None


def run(case, data, address, piece, source):
    """None, or what is wrong."""
    with Connection(address, source) as connection:
        connection.send(data, piece)
        if "within its" in case.message:
            connection.end()
        try:
            for status in case.statuses[:-1]:
                answer = connection.answer()
                if answer.status != status:
                    return f"an answer before is not {status}: {answer}"
            answer = connection.answer(case.method)
            if wrong := why_wrong(case, answer):
                return f"{wrong}: {answer}"
            if answer.closes != case.closes:
                return f"it says that the connection {'ends' if answer.closes else 'goes on'}"
            if not case.closes:
                connection.send(GOOD)
                if connection.answer().status != 200:
                    return "the next request is not served"
            elif not connection.is_closed():
                return f"something comes after the last answer: {connection.waiting[:200]}"
        except Gone as gone:
            return f"the connection is closed {gone}"
    return None


def is_refusal(entry):
    return "refuse" in entry["action"]


def state(socket):
    """All that a request can change, refusals aside."""
    def get(path):
        answer = ask(socket, "GET", ROOT + path)
        assert answer.status == 200, f"{path}: {answer}"
        return answer.json

    tokens = get("/tokens")["items"]
    for token in tokens:
        del token["lastUsedMs"]
    changes = [entry for entry in get("/audit?limit=1000")["items"] if not is_refusal(entry)]
    digest = get("/status")["snapshot"]["digest"]
    assert get("/audit/verify")["bad"] is None
    return digest, get("/overrides"), tokens, changes


FLAG = '"variants": [{"key": "on", "value": true}], "default_variant": "on"'


def prepare(socket):
    """Tokens, an override, a flag and a segment that are kept; names for the table."""
    names = {"flag:on": FLAG}

    def post(path, body, method="POST"):
        answer = ask(socket, method, ROOT + path, body=body)
        assert answer.status in (200, 201), f"{path}: {answer}"
        return answer

    def make(name, role, **more):
        made = post("/tokens", {"name": name, "role": role, **more}).json
        names[f"id:{name}"], names[f"token:{name}"] = made["id"], made["token"]

    for role in ("viewer", "editor", "admin"):
        make(role, role)
    make("limited", "editor", limits={"prefixes": ["shop"]})
    make("expired", "viewer", expiresInSeconds=1)
    make("revoked", "viewer")
    make("rotated", "viewer")
    post(f"/tokens/{names['id:revoked']}/revoke", {})
    post(f"/tokens/{names['id:rotated']}/rotate", {"overlapSeconds": 0})
    names["etag:shop"] = post("/flags/shop/kill", {"comment": "tests"}).headers["etag"].strip('"')
    post("/flags/kept", f"{{{FLAG}}}".encode(), "PUT")
    post("/segments/kept", {"included": ["ann"]}, "PUT")
    post("/flags/needy", f'{{"prerequisites": [{{"flag": "kept", "variant": "on"}}], {FLAG}}}'.encode(), "PUT")
    time.sleep(1.1)  # one has expired
    return names


def main():
    table, socket, port = sys.argv[1:]
    names = prepare(socket)
    with open(table, encoding="utf-8") as file:
        lines = [(n, line.rstrip("\n")) for n, line in enumerate(file, 1)]
    cases = [Case(n, line, names) for n, line in lines if line and line[0] != "#"]
    assert cases, f"{table} has no cases"
    before = state(socket)
    tcp = ("127.0.0.1", int(port))
    bearer = f"Bearer {names['token:admin']}"
    sent = faults = 0
    for case in cases:
        # Each address that fails to authenticate waits longer the next time.
        fails = case.code.startswith("token_")
        source = f"127.0.{case.number // 250}.{case.number % 250 + 2}" if fails else None
        ways = [("by TCP", tcp, bearer, None)]
        if not fails:
            ways += [("on the socket", socket, None, None), ("in bytes", socket, None, 1)]
        for way, address, authorization, piece in ways:
            data = case.bytes(authorization)
            if piece and len(data) > BYTES_MOST:
                continue
            sent += 1
            if wrong := run(case, data, address, piece, source):
                faults += 1
                print(f"{table}:{case.number}: {way}: {wrong}\n    {data[:300]}")
            if ask(address, "GET", ROOT + "/health").status != 200:
                sys.exit(f"{table}:{case.number}: {way}: then the agent serves nobody")
    if state(socket) != before:
        sys.exit("something has been changed")
    print(f"{len(cases)} malformed requests, sent in {sent} ways: {faults} wrong answers")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
