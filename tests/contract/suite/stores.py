"""A Redis of the checks' own, who talks to it, and a way to it that can be cut."""
import contextlib
import os
import shutil
import socket
import sys
import threading

import core

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
import redis_server


class Redis(redis_server.RedisServer):
    """A server, and a connection to it: redis("GET", "key")."""

    def __init__(self):
        super().__init__("--appendonly", "no")
        self.connection = None

    def start(self, empty=False):
        for _ in range(5):
            try:
                return super().start(empty)
            except RuntimeError as error:  # somebody else was quicker with that port
                self.kill()
                self.port = redis_server.free_port()
                last = error
        raise last

    @property
    def dsn(self):
        return self.url

    def __call__(self, *words):
        """The answer: text, a number, None or a list of them; RuntimeError for an error."""
        if not self.connection:
            plain = socket.socket(socket.AF_UNIX)
            plain.connect(self.socket)
            self.connection = plain.makefile("rwb")
            plain.close()
        texts = [str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(texts)] + [b"$%d\r\n%s\r\n" % (len(t), t) for t in texts]
        self.connection.write(b"".join(parts))
        self.connection.flush()
        return self.answer()

    def answer(self):
        line = self.connection.readline()
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise RuntimeError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        return self.connection.read(int(rest) + 2)[:-2].decode()

    def hash(self, key):
        found = self("HGETALL", key)
        return dict(zip(found[::2], found[1::2]))


def need_redis():
    if not shutil.which("redis-server"):
        raise core.Skipped("redis-server is not installed")


class Way:
    """A port that leads to another one, until it is cut, and again when it is mended."""

    def __init__(self, port):
        self.target = port
        self.lock = threading.Lock()
        self.is_cut = False
        self.ends = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def dsn(self):
        return f"redis://127.0.0.1:{self.port}"

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                with self.lock:
                    if self.is_cut:
                        near.close()
                        continue
                    far = socket.create_connection(("127.0.0.1", self.target))
                    self.ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        with contextlib.suppress(OSError):
            while part := one.recv(65536):
                other.sendall(part)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        with self.lock:
            self.is_cut = True
            for end in self.ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self.ends = []

    def mend(self):
        with self.lock:
            self.is_cut = False

    def close(self):
        self.cut()
        self.listener.close()
