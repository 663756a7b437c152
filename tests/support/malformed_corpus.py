#!/usr/bin/env python3
"""Makes fuzzers' inputs of the table of malformed requests.

    malformed_corpus.py TABLE FOLDER

FOLDER/admin_api, /admin_request, /admin_connection: a file a case, in the form that each of these
targets reads. Merge them into tests/fuzz/corpus with the target's -merge=1, which keeps what adds
coverage.
"""
import collections
import pathlib
import sys

from malformed_requests import ROOT, HEADER, Case, fill


def write(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    table, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    names = collections.defaultdict(lambda: "none")
    with open(table, encoding="utf-8") as file:
        lines = [(n, line.rstrip("\n")) for n, line in enumerate(file, 1)]
    for number, line in lines:
        if not line or line[0] == "#":
            continue
        case = Case(number, line, names)
        name = f"case-{number}"
        data = case.bytes(None)
        write(folder / "admin_request", name, data)
        write(folder / "admin_connection", name, b"\0" + data)  # uncut
        if not case.raw:
            method, target = case.fields[0].split(" ", 1)
            headers = [f for f in case.fields[1:] if HEADER.match(f)]
            bodies = [f for f in case.fields[1:] if not HEADER.match(f)]
            head = "\n".join([f"{method} {ROOT}{target}", *headers, "", *bodies[:1]])
            write(folder / "admin_api", name, fill(head, names))


main()
