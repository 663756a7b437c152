"""Are the API's evaluations those of ffctl, byte for byte? For every case of tests/data/cases.

    ask_evaluations.py FFCTL STORE FLAG_FILE CASES...

A running agent serves STORE from FLAG_FILE, which is written anew for each group of cases.
"""
import http.client
import json
import os
import socket
import subprocess
import sys
import time

PATIENCE_S = 20
EXPLAINED = 8  # every so many-th case is explained, too: a process each

ffctl, store, flag_file = sys.argv[1:4]


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(os.path.join(store, "agent.sock"))


connection = Connection("agent")


def ask(path, body):
    connection.request("POST", "/api/v1" + path, body.encode(), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def publish(data, number):
    flags = dict(data.get("flags", {}))
    flags["zz-marker"] = {"version": number, "on": False, "offVariation": 0, "variations": [number]}
    temporary = flag_file + ".new"
    with open(temporary, "w", encoding="utf-8") as out:
        json.dump({"flags": flags, "segments": data.get("segments", {})}, out)
    os.rename(temporary, flag_file)
    question = json.dumps({"flag": "zz-marker", "context": {"key": "u"}})
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        status, body = ask("/evaluate", question)
        if status == 200 and json.loads(body)["value"] == number:
            return
        time.sleep(0.01)
    sys.exit(f"group {number} is not published: {body.decode()}")


def run(*arguments, stdin=""):
    return subprocess.run([ffctl, "--dir", store, *arguments], input=stdin.encode(), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60).stdout


def differs(what, case, api, ctl):
    sys.exit(f"{what}, case \"{case['name']}\":\n  API:   {api.decode()}\n  ffctl: {ctl.decode()}")


def text_of(case, names):
    """With odd spacing, and escapes but in the key, which the batch gives back as it is written."""
    members = [f'"{name}" :\t{json.dumps(case[member], ensure_ascii=name != "flag")}'
               for name, member in names if member in case]
    return "{" + " ,\n".join(members) + "}"


def compare(cases, explained):
    names = [("flag", "flagKey"), ("context", "context"), ("default", "default")]
    questions = [text_of(case, names) for case in cases]
    lines = run("eval", "--batch", stdin="".join(q.replace("\n", " ") + "\n" for q in questions))
    refused = 0
    for case, question, line in zip(cases, questions, lines.splitlines(), strict=True):
        status, body = ask("/evaluate", question)
        if status == 422 and (b'"USER_NOT_SPECIFIED"' in line or case["flagKey"] == ""):
            refused += 1  # ffctl answers with an error, the API refuses the request
            continue
        if status != 200 or body != line:
            differs("evaluate", case, body, line)
    for case, question in list(zip(cases, questions))[::EXPLAINED]:
        status, body = ask("/explain", question)
        if status == 422:
            continue
        line = run("explain", case["flagKey"], "--json", "--context", json.dumps(case["context"]),
                   "--default", json.dumps(case.get("default")))
        if status != 200 or body + b"\n" != line:
            differs("explain", case, body, line)
        explained += 1
    return explained, refused


def main():
    total = explained = refused = number = 0
    for path in sys.argv[4:]:
        with open(path, encoding="utf-8") as cases:
            groups = json.load(cases)
        for group in groups:
            number += 1
            publish(group["data"], number)
            explained, more = compare(group["cases"], explained)
            refused += more
            total += len(group["cases"])
    print(f"{total} evaluations ({refused} refused) and {explained} explanations are the same")


main()
