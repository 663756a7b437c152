"""Agents on the hosts, and people who ask them."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from admin_http import Connection, Gone, request  # noqa: E402

FOREIGN = ("FFSHM_", "FF_", "LAUNCHDARKLY_", "REDIS_URL", "NOTIFY_SOCKET", "WATCHDOG_", "JOURNAL_STREAM")


class Caller:
    """One kept connection to an agent's socket. No answer (the agent is gone, or was while it was asked): None."""

    def __init__(self, agent):
        self.agent = agent
        self.connection = None

    def ask(self, method, path, body=None, headers=()):
        data = b"" if body is None else json.dumps(body).encode()
        for fresh in (False, True):
            kept = self.connection is not None
            try:
                if not kept:
                    self.connection = Connection(self.agent.socket)
                self.connection.send(request(method, f"/api/v1{path}", headers, data))
                answer = self.connection.answer(method)
                if answer.closes:
                    self.close()
                return answer
            except (OSError, Gone):
                self.close()
                if fresh or not kept or method != "GET":
                    return None
        return None

    def get(self, path):
        answer = self.ask("GET", path)
        return answer.json if answer and answer.status == 200 else None

    def everything(self, path, cursor):
        """All items of a listing in pages."""
        items, mark = [], ""
        while True:
            page = self.get(f"{path}?limit=100{mark}")
            if page is None:
                raise AssertionError(f"{self.agent.name} does not answer {path}")
            items += page["items"]
            if page["next"] is None:
                return items
            mark = f"&{cursor}={page['next']}"

    def close(self):
        if self.connection:
            self.connection.socket.close()
            self.connection = None


class Agent:
    """options: of the program, beside --dir and --state."""

    def __init__(self, host, work, options):
        self.host = host
        self.name = host.name
        self.work = os.path.join(work, host.name)
        self.store = os.path.join(self.work, "store")
        self.state = os.path.join(self.work, "state", "agent.db")
        self.socket = os.path.join(self.store, "agent.sock")
        self.log = os.path.join(self.work, "agent.log")
        self.options = options
        self.process = None
        self.caller = Caller(self)
        os.makedirs(self.work)

    def start(self, wait=True):
        program = os.path.join(os.environ["FFSHM_BUILD_DIR"], "agent", "ffagent")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        environment["FFSHM_CONFIG"] = "/dev/null"  # this machine's configuration is none of the tests' business
        words = self.host.command(program, "--dir", self.store, "--state", self.state, *self.options)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        if wait:
            self.await_answer()

    def await_answer(self, patience_s=60):
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            status = self.status()
            if status and status["ready"] and status["pid"] == self.process.pid:
                return
            time.sleep(0.02)
        raise AssertionError(f"the agent of {self.name} does not answer (exit code {self.process.poll()})")

    def status(self):
        return self.caller.get("/status")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.caller.close()

    def stop(self):
        """In good order: its exit code must be 0 (a leak would make it another one)."""
        self.caller.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        if code != 0:
            raise AssertionError(f"the agent of {self.name} ended with {code}")

    def forget(self):
        """All of its files are lost; programs still have the store's."""
        shutil.rmtree(os.path.dirname(self.state))

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def said(self, event):
        """Lines of its log with that event."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return [line for line in log if f"event={event} " in line + " "]

    def close(self):
        self.caller.close()
        if self.runs():
            self.process.kill()
            self.process.wait()
