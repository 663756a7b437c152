#!/usr/bin/env python3
"""No role can do what a lower one may not: every route of an agent, by every kind of caller.

    admin_roles.py SOCKET PORT

What the OpenAPI document says is the least role must be what the agent does: below it 401 or 403,
and nothing has changed; at or above it anything else. A route that is new is tried, too.
The agent: flags shop-cart (tagged web) and gate; peers 61001=viewer, @61002=editor, 61003=admin,
*=none. Peers other than our own user take root to be tried.
"""
import contextlib
import os
import sys
import time

from admin_http import Connection, ask, request
from admin_routes import BODIES, FLAG, ROLES, ROOT, SCHEDULE, SEGMENT, Routes

INSIDE, OUTSIDE = "shop-cart", "gate"  # of what the limited tokens may touch

# Who may is told by the table of routes, which the document is made from; so some of it is said
# here again.
PUBLIC = {"GET /health", "GET /ready", "GET /whoami", "GET /openapi.json"}
FOR_ADMINS = {"tokens", "backup"}

# What a request may change without having done anything, or that changes by itself.
UNSTABLE = {"/health", "/ready", "/whoami", "/openapi.json", "/rates", "/snapshots",
            "/fleet/hosts", "/fleet/rates", "/fleet/readers"}


# What this agent has no answer for: it is not one of a fleet.
NOT_YET = {"GET /ready", "GET /fleet/hosts", "GET /fleet/rates", "GET /fleet/readers"}


class Caller:
    def __init__(self, name, role, address, token=None, uid=0, gid=0):
        self.name = name
        self.role = ROLES.index(role)
        self.address = address
        self.headers = [f"Authorization: Bearer {token}"] if token else []
        self.uid = uid
        self.gid = gid
        self.nobody = not token and not isinstance(address, str)

    @contextlib.contextmanager
    def being(self):
        """The kernel tells the agent who connects by the effective ids."""
        if not self.uid:
            yield
            return
        os.setegid(self.gid or self.uid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)

    def ask(self, operation, values, **more):
        with self.being():
            return operation.ask(self.address, values, self.headers, **more)


class Tester:
    def __init__(self, socket, port):
        self.socket = socket
        self.tcp = ("127.0.0.1", port)
        self.routes = Routes(socket)
        self.faults = list(self.routes.faults)
        self.requests = 0
        self.sources = 0

    # ---- what there is ------------------------------------------------------------------------

    def admin(self, method, path, body=b""):
        return ask(self.socket, method, ROOT + path, body=body)

    def make_token(self, name, role, **more):
        answer = self.admin("POST", "/tokens", {"name": name, "role": role, **more})
        assert answer.status == 201, answer
        return answer.json

    def make_item(self, operation):
        """What an operation is about is kept here, whatever the ones before have done to it."""
        kind = operation.path.removeprefix(ROOT + "/").split("/")[0]
        answer = self.admin("PUT", f"/{kind}/{INSIDE}", SEGMENT if kind == "segments" else FLAG)
        assert answer.status in (200, 201), answer
        return INSIDE

    def generation(self):
        return self.admin("GET", "/status").json["snapshot"]["generationText"]

    def values(self, operation):
        """For its placeholders: what is there and may be changed."""
        makers = {
            "key": lambda: self.make_item(operation),
            "number": lambda: str(self.admin("POST", f"/flags/{INSIDE}/schedule", SCHEDULE).json["number"]),
            "id": lambda: self.make_token("to be changed", "viewer")["id"],
            "generation": self.generation,
            "to": self.generation,
        }
        return {name: makers[name]() for name in operation.placeholders}

    def state(self):
        """All that is told by routes without parameters, but for what changes by itself."""
        found = {}
        for operation in self.routes.operations:
            path = operation.path.removeprefix(ROOT)
            whole = operation.method == "GET" and not operation.placeholders and not operation.streams
            if whole and path not in UNSTABLE:
                found[path] = operation.ask(self.socket, {}).json
        for token in found["/tokens"]["items"]:
            del token["lastUsedMs"]
        trail = self.admin("GET", "/audit?limit=1000").json["items"]
        found["/audit"] = next((e for e in trail if "refuse" not in e["action"] and e["actor"] != "files"), None)
        assert found.pop("/audit/verify")["bad"] is None
        found["/status"] = found["/status"]["snapshot"]
        return found

    def callers(self):
        """Of each role several, by each of the ways to have one."""
        tokens = {role: self.make_token(role, role) for role in ROLES[1:]}
        old = self.make_token("rotated, goes on", "editor")
        new = self.admin("POST", f"/tokens/{old['id']}/rotate", {"overlapSeconds": 600}).json
        yield Caller("nobody", "none", self.tcp)
        for role, token in tokens.items():
            yield Caller(f"a token of the role {role}", role, self.tcp, token["token"])
        yield Caller("a rotated token that goes on", "editor", self.tcp, old["token"])
        yield Caller("its successor", "editor", self.tcp, new["token"])
        yield Caller("the agent's user", "admin", self.socket)
        yield Caller("the agent's user with a token", "viewer", self.socket, tokens["viewer"]["token"])
        if os.geteuid() != 0:
            print("other users as peers are not tried: that takes root")
            return
        yield Caller("a peer without a role", "none", self.socket, uid=61000)
        yield Caller("a peer, viewer", "viewer", self.socket, uid=61001)
        yield Caller("a peer, editor by its group", "editor", self.socket, uid=61000, gid=61002)
        yield Caller("a peer, admin", "admin", self.socket, uid=61003)
        yield Caller("a peer without a role, with a token", "editor", self.socket, tokens["editor"]["token"], uid=61000)

    def ended_tokens(self):
        """Tokens of admins, none of which is good any more."""
        expired = self.make_token("expired", "admin", expiresInSeconds=1)
        revoked = self.make_token("revoked", "admin")
        rotated = self.make_token("rotated", "admin")
        self.admin("POST", f"/tokens/{revoked['id']}/revoke", {})
        self.admin("POST", f"/tokens/{rotated['id']}/rotate", {"overlapSeconds": 0})
        time.sleep(1.1)
        unknown = "ffs_" + 12 * "0" + "_" + 64 * "0"
        return {
            "token_expired": [expired["token"], rotated["token"]],
            "token_revoked": [revoked["token"]],
            "token_unknown": [unknown, f"ffs_{revoked['id']}_{64 * '0'}"],
        }

    # ---- trying -------------------------------------------------------------------------------

    def fault(self, operation, caller, text, answer):
        self.faults.append(f"{operation.name} by {caller}: {text}: {str(answer)[:300]}")

    def refuses(self, operation, caller, code, answers):
        """They were refused, with nothing done."""
        for answer in answers:
            self.requests += 1
            wanted = 401 if code == "unauthenticated" or code.startswith("token_") else 403
            if answer.status != wanted or (answer.json and answer.code() != code):
                self.fault(operation, caller, f"is not answered {wanted} {code}", answer)
        before, self.before = self.before, self.state()
        for path in before:
            if before[path] != self.before[path]:
                self.fault(operation, caller, "was refused and has changed", path)

    def tries_below(self, operation, caller, values):
        answers = [caller.ask(operation, values)]
        if operation.changes:
            answers.append(caller.ask(operation, values, query="dryRun=true"))
        if operation.method == "GET":
            answers.append(caller.ask(operation, values, method="HEAD"))
        if operation.takes_body:
            answers.append(caller.ask(operation, values, body=b"{"))
        self.refuses(operation, caller.name, "unauthenticated" if caller.nobody else "forbidden", answers)

    def tries_from(self, operation, caller):
        """At its role or above. True: it did what it should."""
        answer = caller.ask(operation, self.values(operation))
        self.requests += 1
        not_there = answer.status == 404 and answer.detail("member") == "path"
        if answer.status in (401, 403, 405, 500, 501) or not_there:
            self.fault(operation, caller.name, "may do this", answer)
        if not operation.describes(answer.status):
            self.fault(operation, caller.name, "this status is not described", answer)
        return answer.status in (200, 201, 202, 204) or operation.name in NOT_YET

    def tries_ended(self, operation, ended, values):
        """All at once: each waits a little to be answered, from the same address longer and longer."""
        for code, tokens in ended.items():
            with contextlib.ExitStack() as stack:
                connections = []
                for token in tokens:
                    self.sources += 1
                    source = f"127.1.{self.sources // 250}.{self.sources % 250 + 1}"
                    connections.append(stack.enter_context(Connection(self.tcp, source)))
                    connections[-1].send(request(
                        operation.method, operation.target(values), [f"Authorization: Bearer {token}"]))
                self.refuses(operation, code, code, [c.answer() for c in connections])

    def tries_limited(self, operation, values):
        """What a token is not for it may not change, whatever its role."""
        for caller in self.limited if operation.changes else []:
            if caller.role < ROLES.index(operation.least):
                continue
            name = caller.name
            if "key" in operation.placeholders:
                other = values | {"key": OUTSIDE}
                answers = [caller.ask(operation, other), caller.ask(operation, other, query="dryRun=true")]
                self.refuses(operation, name, "beyond_limits", answers)
                self.tries_from(operation, caller)
                self.before = self.state()
            else:
                self.refuses(operation, name, "beyond_limits", [caller.ask(operation, values)])

    def tries(self, operation, callers, ended):
        least = ROLES.index(operation.least)
        first = operation.path.removeprefix(ROOT + "/").split("/")[0]
        if (operation.least == "none") != (operation.name in PUBLIC):
            self.faults.append(f"{operation.name}: its least role is {operation.least}")
        if first in FOR_ADMINS and operation.least != "admin":
            self.faults.append(f"{operation.name}: is not for admins alone")
        values = self.values(operation)
        self.before = self.state()
        for caller in callers:
            if caller.role < least:
                self.tries_below(operation, caller, values)
        self.tries_ended(operation, ended, values)
        self.tries_limited(operation, values)
        done = [self.tries_from(operation, c) for c in callers if c.role >= least]
        simple = operation.method == "GET" and not operation.placeholders
        if (simple or operation.name in BODIES) and not any(done):
            self.faults.append(f"{operation.name}: nobody could do it")

    def run(self):
        if self.faults:
            return
        self.admin("PUT", f"/segments/{OUTSIDE}", {"included": ["ann"]})
        callers = list(self.callers())
        ended = self.ended_tokens()
        self.limited = [
            Caller(f"a token of the role {role}, limited by {list(limits)[0]}", role, self.tcp,
                   self.make_token(f"limited {role}", role, limits=limits)["token"])
            for role in ("editor", "admin")
            for limits in ({"prefixes": ["shop-"]}, {"tags": ["web"]})
        ]
        for operation in self.routes.operations:
            self.tries(operation, callers, ended)
        print(f"{len(self.routes.operations)} routes, {len(callers)} kinds of callers with a role, "
              f"{self.requests} requests: {len(self.faults)} faults")


def main():
    tester = Tester(sys.argv[1], int(sys.argv[2]))
    tester.run()
    for fault in tester.faults:
        print(fault)
    return 1 if tester.faults else 0


if __name__ == "__main__":
    sys.exit(main())
