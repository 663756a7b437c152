"""The routes of an agent, out of its own OpenAPI document: what to send to each of them.

A route that the document has and that is not understood here is a fault: Routes.faults.
"""
import itertools
import re

from admin_http import ask

ROOT = "/api/v1"
ROLES = ["none", "viewer", "editor", "admin"]
METHODS = ["get", "put", "post", "patch", "delete"]

# What stands in paths: a flag's key, a token's id. Who sends requests has values for them.
PLACEHOLDERS = {"key", "id", "number", "generation", "to"}

# What is kept, for requests about it: both are tagged, for tokens that are limited to the tag.
FLAG = {"variants": [{"key": "only", "value": True}], "default_variant": "only", "tags": ["web"]}
SEGMENT = {"included": ["ann"], "tags": ["web"]}
SCHEDULE = {"at": "2999-01-01T00:00:00Z", "set": {"enabled": False}}

QUESTION = {"flag": "shop-cart", "context": {"kind": "user", "key": "ann"}}

NEW = itertools.count()

# Bodies with which a request is right, or what makes one; of other routes it is {}.
BODIES = {
    "POST /evaluate": QUESTION,
    "POST /explain": QUESTION,
    "POST /flags/{key}/kill": {"comment": "a test"},
    "PUT /flags/{key}": FLAG,
    "PATCH /flags/{key}": {"description": "changed by a test"},
    "POST /flags/{key}/copy": lambda: {"to": f"shop-copy-{next(NEW)}"},
    "POST /flags/{key}/schedule": SCHEDULE,
    "PUT /segments/{key}": SEGMENT,
    "PATCH /segments/{key}": {"description": "changed by a test"},
    "POST /snapshots/{generation}/rollback": {"comment": "a test"},
    # No limited token may touch this one.
    "POST /import": {"flags": {"gate": {"variants": [{"key": "a", "value": 1}], "default_variant": "a"}}},
    "POST /tokens": {"name": "made by a test", "role": "viewer"},
}

# Query parameters that a right request has to have.
QUERIES = {}

# What reads, though it is a POST.
READS_BY_POST = {"POST /evaluate", "POST /explain"}

# What a parameter may be; of those that are not here, "1".
PARAMETERS = {"dryRun": "true"}


class Operation:
    def __init__(self, method, path, described):
        self.method = method.upper()
        self.path = path
        self.name = f"{self.method} {path.removeprefix(ROOT)}"
        self.least = described["x-least-role"]
        self.described = described
        self.parameters = described.get("parameters", [])
        self.queries = [p["name"] for p in self.parameters if p["in"] == "query"]
        self.headers = [p["name"] for p in self.parameters if p["in"] == "header"]
        self.changes = "X-Reason" in self.headers
        self.takes_body = "requestBody" in described
        self.needs_body = self.takes_body and described["requestBody"].get("required", False)
        media = [m for r in described["responses"].values() for m in r.get("content", {})]
        self.streams = "text/event-stream" in media or "application/x-ndjson" in media
        self.placeholders = re.findall(r"{([^}]*)}", path)

    def target(self, values, query=""):
        """The path with its placeholders filled; values: by name."""
        path = re.sub(r"{([^}]*)}", lambda m: values[m[1]], self.path)
        both = "&".join(q for q in (QUERIES.get(self.name, ""), query) if q)
        return path + ("?" + both if both else "")

    def body(self):
        if not self.takes_body:
            return b""
        body = BODIES.get(self.name, {})
        return body() if callable(body) else body

    def ask(self, address, values, headers=(), query="", body=None, method=None, source=None):
        """Of a stream the head alone."""
        method = method or self.method
        return ask(address, method, self.target(values, query), headers,
                   self.body() if body is None else body, self.streams, source)

    def describes(self, status):
        """What comes well is described one by one; errors may be in common."""
        answers = self.described["responses"]
        return str(status) in answers or (status >= 400 and "default" in answers)

    def faults(self):
        """Why it is not understood, or is not as it should be."""
        if self.least not in ROLES:
            yield f"there is no role {self.least}"
        for name in self.placeholders:
            if name not in PLACEHOLDERS:
                yield f"it is not known what {{{name}}} may be"
        for parameter in self.parameters:
            if parameter["in"] not in ("path", "query", "header"):
                yield f"a parameter is in {parameter['in']}"
        changing = self.method != "GET" and self.name not in READS_BY_POST
        if changing and not self.changes:
            yield "it takes no reason and is not among those that only read"
        if self.changes and ("dryRun" not in self.queries or "If-Match" not in self.headers):
            yield "it changes something, without dryRun or If-Match"
        if self.changes and ROLES.index(self.least) < ROLES.index("editor"):
            yield f"{self.least} may change something"


class Routes:
    def __init__(self, address):
        answer = ask(address, "GET", ROOT + "/openapi.json")
        assert answer.status == 200, answer
        self.document = answer.json
        self.operations = [
            Operation(method, path, described)
            for path, methods in self.document["paths"].items()
            for method, described in methods.items()
        ]
        names = {o.name for o in self.operations}
        self.faults = [f"{o.name}: {fault}" for o in self.operations for fault in o.faults()]
        self.faults += [f"{o.name}: an unknown method" for o in self.operations if o.method.lower() not in METHODS]
        self.faults += [f"{name} has a body here, and is no route" for name in BODIES if name not in names]
