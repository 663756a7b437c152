"""A real redis-server of the test's own: a unix socket and a free port of this host, in a directory
of its own. Never a server that runs on the system.

    with RedisServer("--requirepass", "x") as redis:
        redis.url, redis.socket, redis.port
        redis.ask("SET", "k", "v")          # the answer as redis-cli prints it raw
        redis.kill(); redis.start()         # kill -9, and again with what was answered
        redis.kill(); redis.start(empty=True)
        redis.pause(); redis.resume()       # SIGSTOP, SIGCONT

What was answered survives a kill (an append-only file that is written, not synced). Without
redis-server the program ends with 77: skipped.
"""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 20


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port(address="127.0.0.1"):
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]


class RedisServer:
    def __init__(self, *options, address="127.0.0.1", wrap=()):
        """options: redis-server's; wrap: what runs it ("ip", "netns", "exec", "x")."""
        if shutil.which("redis-server") is None:
            print("skipped: redis-server is not installed")
            sys.exit(77)
        self.directory = tempfile.mkdtemp(prefix="ffshm_redis_")
        self.socket = os.path.join(self.directory, "redis.sock")
        self.address = address
        self.port = free_port() if not wrap else 6379
        self.options = list(options)
        self.wrap = list(wrap)
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://{self.address}:{self.port}"

    def start(self, empty=False):
        if empty:
            for name in os.listdir(self.directory):
                path = os.path.join(self.directory, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        self.process = subprocess.Popen(
            self.wrap
            + ["redis-server", "--port", str(self.port), "--bind", self.address]
            + ["--unixsocket", self.socket, "--dir", self.directory, "--save", ""]
            + ["--appendonly", "yes", "--appendfsync", "no", "--logfile", "log"]
            + ["--daemonize", "no"]
            + self.options,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("redis-server does not start: " + self.log())
            time.sleep(0.005)

    def _answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(PATIENCE_S)
                one.connect(self.socket)
                one.sendall(b"PING\r\n")
                answer = one.recv(256)
        except OSError:
            return False
        return answer != b"" and not answer.startswith(b"-LOADING")

    def log(self):
        try:
            with open(os.path.join(self.directory, "log"), encoding="utf-8") as text:
                return text.read()
        except OSError:
            return ""

    def ask(self, *words, password=None):
        """One command; the answer as redis-cli prints it raw, without the last newline."""
        auth = ["--no-auth-warning", "-a", password] if password else []
        return subprocess.run(
            ["redis-cli", "-s", self.socket, *auth, "--raw", *[str(word) for word in words]],
            check=True, capture_output=True, text=True, timeout=PATIENCE_S,
        ).stdout.rstrip("\n")

    def config(self, name, value):
        self.ask("CONFIG", "SET", name, value)

    def info(self, section, name):
        for line in self.ask("INFO", section).splitlines():
            if line.startswith(name + ":"):
                return line[len(name) + 1:].strip()
        return None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
