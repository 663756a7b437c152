"""redis-server on a host of the network: killed, emptied, filled, frozen, replicated, moved, slowed down."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

PORT = 6379
PATIENCE_S = 30


class RedisError(Exception):
    """What Redis answered with, or that it did not answer."""


class Client:
    """A connection to a server's unix socket, which no network comes between."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise RedisError("the connection is closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode(errors="surrogateescape")
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return rest.decode()


class Redis:
    """options: of redis-server, as {"appendonly": "yes"}."""

    def __init__(self, host, work, port=PORT, **options):
        self.host = host
        self.port = port
        self.directory = os.path.join(work, f"redis-{host.name}")
        self.path = os.path.join(self.directory, "redis.sock")
        self.log = os.path.join(self.directory, "redis.log")
        self.options = {"appendonly": "no", "save": "", "repl-diskless-sync-delay": "0",
                        **{k.replace("_", "-"): v for k, v in options.items()}}
        self.process = None
        os.makedirs(self.directory)

    def start(self, await_data=True):
        options = {"port": self.port, "unixsocket": self.path, "unixsocketperm": "700", "dir": self.directory,
                   "logfile": self.log, "bind": "*", "protected-mode": "no", "daemonize": "no", **self.options}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(self.host.command("redis-server", *words),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                self.ask("PING")
                return self
            except (OSError, RedisError) as why:
                if isinstance(why, RedisError) and not await_data and "LOADING" in str(why):
                    return self
                time.sleep(0.01)
        raise RuntimeError(f"redis-server does not start: {open(self.log).read()[-2000:]}")

    def ask(self, *words):
        client = Client(self.path)
        try:
            return client.ask(*words)
        finally:
            client.close()

    def info(self, section):
        lines = self.ask("INFO", section).split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def set(self, name, value):
        self.ask("CONFIG", "SET", name, value)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """In good order: with what it is set up to save."""
        self.process.terminate()
        self.process.wait()

    def restart(self, empty=False):
        if self.process.poll() is None:
            self.kill()
        if empty:
            shutil.rmtree(self.directory)
            os.makedirs(self.directory)
        return self.start()

    def remember(self):
        """Its files as they are now: what a crash of the machine would leave, if all were on the disk."""
        shutil.rmtree(self.directory + "-then", ignore_errors=True)
        shutil.copytree(self.directory, self.directory + "-then", ignore=shutil.ignore_patterns("*.sock", "*.log"))

    def go_back(self):
        """The files of that time, for the next start: what came after is lost."""
        shutil.rmtree(self.directory)
        shutil.copytree(self.directory + "-then", self.directory)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def fill(self):
        """Every write is refused (OOM) from now on."""
        self.set("maxmemory-policy", "noeviction")
        self.set("maxmemory", "1")

    def make_room(self):
        self.set("maxmemory", "0")

    def follow(self, other):
        """A replica of it, with all that the other has now."""
        self.ask("REPLICAOF", other.host.address, other.port)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            state = self.info("replication")
            if state["master_link_status"] == "up" and \
                    state["slave_repl_offset"] == other.info("replication")["master_repl_offset"]:
                return
            time.sleep(0.02)
        raise RuntimeError(f"no replication: {state}")

    def lead(self):
        self.ask("REPLICAOF", "NO", "ONE")

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Slices:
    """A server that stands still for stop_s, then runs for run_s, again and again."""

    def __init__(self, redis, stop_s, run_s):
        self.redis = redis
        self.times = stop_s, run_s
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            self.redis.freeze()
            time.sleep(self.times[0])
            self.redis.thaw()
            time.sleep(self.times[1])

    def end(self):
        self.ended.set()
        self.thread.join()


class Relay:
    """On a host of its own: what comes to its port goes on to the server, each way later by delay_s."""

    def __init__(self, host, redis, delay_s):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fleet_relay.py")
        words = [sys.executable, program, redis.port, redis.host.address, redis.port, delay_s]
        self.process = subprocess.Popen(host.command(*words), stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the relay does not start")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
