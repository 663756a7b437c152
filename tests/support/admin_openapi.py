#!/usr/bin/env python3
"""The agent's OpenAPI document: is it one, and does the agent do what it says?

    admin_openapi.py SOCKET

Structure: what OpenAPI 3.1 requires of what the document uses; anything else in it is a fault, so
that new parts are looked at here, too. Then every route: each documented parameter is understood,
an undocumented one is not; a body is taken where there is one, and refused where there is none;
every status that comes is documented.
"""
import re
import sys

from admin_http import ask
from admin_routes import PARAMETERS, ROLES, ROOT, Routes

METHODS = {"get", "put", "post", "patch", "delete", "options", "head", "trace"}
TYPES = {"string", "integer", "number", "boolean", "object", "array", "null"}
MEDIA = {"application/json", "application/merge-patch+json", "application/x-ndjson", "text/event-stream"}


class Structure:
    """Faults with the place of each, as a path into the document."""

    def __init__(self, document):
        self.document = document
        self.faults = []
        self.ids = set()

    def fault(self, at, text):
        self.faults.append(f"{at}: {text}")

    def has(self, at, thing, required, optional=()):
        """thing is an object with these members (name: type) and no others."""
        if not isinstance(thing, dict):
            self.fault(at, "is no object")
            return False
        optional = dict(optional)
        for name, kind in required.items():
            if not isinstance(thing.get(name), kind) or thing[name] == "":
                self.fault(at, f"{name} is missing, or of a wrong type")
        for name, value in thing.items():
            if name not in required and name not in optional:
                self.fault(at, f"{name} is not known here")
            elif name in optional and not isinstance(value, optional[name]):
                self.fault(f"{at}/{name}", "is of a wrong type")
        return all(isinstance(thing.get(n), k) for n, k in required.items())

    def check(self):
        d = self.document
        if not self.has("", d, {"openapi": str, "info": dict, "paths": dict}, {"security": list, "components": dict}):
            return self.faults
        if not re.fullmatch(r"3\.1\.\d+", d["openapi"]):
            self.fault("/openapi", f"is {d['openapi']}")
        self.has("/info", d["info"], {"title": str, "version": str}, {"description": str})
        self.check_components(d.get("components", {}))
        self.check_security("/security", d.get("security", []))
        for path, item in d["paths"].items():
            self.check_path(path, item)
        shapes = [re.sub(r"{[^}]*}", "{}", path) for path in d["paths"]]
        for shape in {s for s in shapes if shapes.count(s) > 1}:
            self.fault("/paths", f"two paths are {shape}")
        return self.faults

    def check_components(self, components):
        self.has("/components", components, {}, {"schemas": dict, "securitySchemes": dict})
        for name, schema in components.get("schemas", {}).items():
            self.check_schema(f"/components/schemas/{name}", schema)
        for name, scheme in components.get("securitySchemes", {}).items():
            at = f"/components/securitySchemes/{name}"
            self.has(at, scheme, {"type": str, "scheme": str}, {"bearerFormat": str, "description": str})
            if (scheme.get("type"), scheme.get("scheme")) != ("http", "bearer"):
                self.fault(at, "is no bearer token")

    def check_security(self, at, security):
        schemes = self.document.get("components", {}).get("securitySchemes", {})
        for alternative in security:
            for name, scopes in alternative.items():
                if name not in schemes or scopes != []:
                    self.fault(at, f"{name} is no scheme of components")

    def check_schema(self, at, schema):
        if "$ref" in schema:
            here = self.document
            for name in schema["$ref"].removeprefix("#/").split("/"):
                here = here.get(name, {}) if isinstance(here, dict) else {}
            if not here or set(schema) != {"$ref"} or not schema["$ref"].startswith("#/"):
                self.fault(at, f"there is no {schema['$ref']}")
            return
        members = {"properties": dict, "required": list, "items": dict, "enum": list, "description": str,
                   "additionalProperties": (bool, dict), "format": str, "minimum": int, "maximum": int}
        self.has(at, schema, {"type": (str, list)}, members)
        kinds = schema.get("type", [])
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind not in TYPES:
                self.fault(at, f"{kind} is no type")
        for name in schema.get("required", []):
            if name not in schema.get("properties", {}):
                self.fault(at, f"{name} is required and no property")
        for name, inner in schema.get("properties", {}).items():
            self.check_schema(f"{at}/properties/{name}", inner)
        if "items" in schema:
            self.check_schema(f"{at}/items", schema["items"])

    def check_path(self, path, item):
        at = f"/paths{path}"
        if not re.fullmatch(r"(/([A-Za-z0-9._-]+|{[A-Za-z][A-Za-z0-9]*}))+", path):
            self.fault(at, "is no path")
        for method, operation in item.items():
            if method not in METHODS:
                self.fault(at, f"{method} is no method")
            self.check_operation(f"{at}/{method}", path, operation)

    def check_operation(self, at, path, operation):
        required = {"operationId": str, "summary": str, "tags": list, "parameters": list,
                    "responses": dict, "x-least-role": str}
        if not self.has(at, operation, required, {"requestBody": dict, "security": list, "description": str}):
            return
        if not re.fullmatch(r"[a-z][A-Za-z0-9]*", operation["operationId"]) or operation["operationId"] in self.ids:
            self.fault(at, f"operationId {operation['operationId']} is not good, or is there twice")
        self.ids.add(operation["operationId"])
        if operation["x-least-role"] not in ROLES:
            self.fault(at, f"there is no role {operation['x-least-role']}")
        if (operation.get("security") == []) != (operation["x-least-role"] == "none"):
            self.fault(at, "whether it takes a token is said in two ways")
        self.check_security(f"{at}/security", operation.get("security", []))
        self.check_parameters(at, path, operation["parameters"])
        if "requestBody" in operation:
            body = operation["requestBody"]
            self.has(f"{at}/requestBody", body, {"content": dict, "required": bool}, {"description": str})
            self.check_content(f"{at}/requestBody", body.get("content", {}))
        if not any(status[0] == "2" for status in operation["responses"]):
            self.fault(at, "no response is a success")
        for status, response in operation["responses"].items():
            where = f"{at}/responses/{status}"
            if not re.fullmatch(r"[1-5]\d\d|default", status):
                self.fault(where, "is no status")
            if self.has(where, response, {"description": str}, {"content": dict, "headers": dict}):
                self.check_content(where, response.get("content", {}))

    def check_parameters(self, at, path, parameters):
        seen = set()
        for parameter in parameters:
            required = {"name": str, "in": str, "required": bool, "schema": dict, "description": str}
            if not self.has(f"{at}/parameters", parameter, required):
                continue
            where = f"{at}/parameters/{parameter['name']}"
            name = (parameter["in"], parameter["name"].lower())
            if parameter["in"] not in ("path", "query", "header") or name in seen:
                self.fault(where, "is in a wrong place, or is there twice")
            if name[1] in ("accept", "content-type", "authorization") and name[0] == "header":
                self.fault(where, "OpenAPI says this in other ways")
            if parameter["in"] == "path" and not parameter["required"]:
                self.fault(where, "is in the path and not required")
            self.check_schema(f"{where}/schema", parameter["schema"])
            seen.add(name)
        in_path = {f"{{{p['name']}}}" for p in parameters if p.get("in") == "path"}
        if in_path != set(re.findall(r"{[^}]*}", path)):
            self.fault(at, "the parameters are not those of the path")

    def check_content(self, at, content):
        for media, described in content.items():
            if media not in MEDIA:
                self.fault(at, f"{media} is not known here")
            if self.has(f"{at}/{media}", described, {"schema": dict}):
                self.check_schema(f"{at}/{media}/schema", described["schema"])


class Behaviour:
    """Does the agent do what the document says?"""

    def __init__(self, socket, routes):
        self.socket = socket
        self.routes = routes
        self.faults = []
        self.requests = 0

    def values(self):
        """What is not there: nothing is to be changed."""
        return {"key": "no-such-thing", "id": "none", "number": "999999", "generation": "99.99", "to": "99.98"}

    def says(self, operation, what, wanted, headers=(), query="", body=None):
        """wanted: (status, code, member), or the codes that must not come."""
        answer = operation.ask(self.socket, self.values(), headers, query, body)
        self.requests += 1
        if not operation.describes(answer.status):
            self.faults.append(f"{operation.name} with {what}: the status is not described: {answer}")
        got = (answer.status, answer.code(), answer.detail("member"))
        wrong = answer.code() in wanted if isinstance(wanted, set) else got != wanted
        if wrong:
            self.faults.append(f"{operation.name} with {what}: {answer}")

    def try_queries(self, o):
        unknown = {"unknown_parameter", "malformed_query"}
        dry = "&dryRun=true" if o.changes else ""
        for name in o.queries:
            query = f"{name}={PARAMETERS.get(name, '1')}"
            self.says(o, f"?{query}", unknown, query=query + (dry if name != "dryRun" else ""))
        for name in ("undocumented", *(q.upper() for q in o.queries), *({"dryRun", "limit"} - set(o.queries))):
            self.says(o, f"?{name}", (400, "unknown_parameter", name), query=f"{name}=1")

    def try_headers(self, o):
        if not o.changes:
            return
        self.says(o, "a wrong If-Match", (400, "invalid_if_match", "If-Match"), ["If-Match: x"])
        self.says(o, "a long X-Reason", (400, "invalid_reason", "X-Reason"), ["X-Reason: " + 1001 * "x"])

    def try_bodies(self, o):
        query = "dryRun=true" if o.changes else ""
        if not o.takes_body:
            self.says(o, "a body", (400, "no_body", "body"), body=b"{}", query=query)
            self.says(o, "nothing", {"body_required"}, query=query)
            return
        self.says(o, "a body that is wrong", (400, "invalid_json", "body"), body=b"[]", query=query)
        self.says(o, "a body of another kind", (415, "unsupported_media_type", "Content-Type"),
                  ["Content-Type: text/plain"], query, b"{}")
        if o.needs_body:
            self.says(o, "no body", (400, "body_required", "body"), body=b"", query=query)
        else:
            self.says(o, "no body", {"body_required", "no_body"}, body=b"", query=query)
        self.says(o, "a body", {"no_body", "invalid_json"}, query=query)

    def try_methods(self):
        """OPTIONS tells the methods that are described; others are 405."""
        for path, methods in self.routes.document["paths"].items():
            target = re.sub(r"{[^}]*}", "x", path)
            allowed = {m.upper() for m in methods} | {"OPTIONS"} | ({"HEAD"} if "get" in methods else set())
            told = ask(self.socket, "OPTIONS", target).headers.get("allow", "")
            if set(told.split(", ")) != allowed:
                self.faults.append(f"OPTIONS {path} tells {told}")
            for method in {"GET", "PUT", "POST", "PATCH", "DELETE"} - allowed:
                self.requests += 1
                if (answer := ask(self.socket, method, target)).status != 405:
                    self.faults.append(f"{method} {path} is not described, and is {answer}")

    def run(self):
        for operation in self.routes.operations:
            self.try_queries(operation)
            self.try_headers(operation)
            self.try_bodies(operation)
        self.try_methods()
        if (answer := ask(self.socket, "GET", ROOT + "/not-described")).status != 404:
            self.faults.append(f"something is there that is not described: {answer}")
        return self.faults


def main():
    routes = Routes(sys.argv[1])
    faults = Structure(routes.document).check() + routes.faults
    behaviour = Behaviour(sys.argv[1], routes)
    if not faults:
        faults = behaviour.run()
    for fault in faults:
        print(fault)
    print(f"{len(routes.operations)} routes, {behaviour.requests} requests: {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
