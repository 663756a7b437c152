"""HTTP/1.1 as a client that repairs nothing: bytes go out as they are, answers are read strictly."""
import json
import re
import socket

PATIENCE_S = 30  # for what takes milliseconds; a sanitizer on a busy host is slow


class Gone(Exception):
    """The server has closed the connection."""


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in small letters
        self.body = body
        self.closes = headers.get("connection") == "close"
        is_json = headers.get("content-type") == "application/json" and body
        self.json = json.loads(body) if is_json else None

    def code(self):
        return self.json.get("code", "") if self.json else ""

    def detail(self, name):
        return self.json.get("details", {}).get(name) if self.json else None

    def __str__(self):
        return f"{self.status} {self.body.decode(errors='replace')[:600]}"


class Connection:
    """address: the path of a unix socket, or (host, port); source: the address to come from."""

    def __init__(self, address, source=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE_S)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, piece=None):
        """A server that has refused may close while we send; what it has answered tells why."""
        try:
            for at in range(0, len(data), piece or len(data) or 1):
                self.socket.sendall(data[at : at + (piece or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def end(self):
        """Nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            got = self.socket.recv(65536)
        except ConnectionResetError:
            got = b""
        if not got:
            raise Gone(f"after {self.waiting[:200]!r}")
        self.waiting += got

    def _until(self, mark):
        while mark not in self.waiting:
            self._more()
        found, self.waiting = self.waiting.split(mark, 1)
        return found

    def _exactly(self, count):
        while len(self.waiting) < count:
            self._more()
        found, self.waiting = self.waiting[:count], self.waiting[count:]
        return found

    def _chunks(self):
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"
        assert self._exactly(2) == b"\r\n"
        return body

    def answer(self, method="GET", stream=False):
        """The next answer; of a stream that begins the head alone."""
        first, *lines = self._until(b"\r\n\r\n").decode("ascii").split("\r\n")
        begin = re.fullmatch(r"HTTP/1\.1 ([1-5]\d\d) [A-Z][A-Za-z ]+", first)
        assert begin, f"no status line: {first!r}"
        headers = {}
        for line in lines:
            name, value = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x20-\x7e]*)", line).groups()
            assert name.lower() not in headers, f"{name} is there twice"
            headers[name.lower()] = value
        status = int(begin[1])
        body = b""
        if method != "HEAD" and status not in (204, 304) and status >= 200 and not (stream and status == 200):
            chunked = headers.get("transfer-encoding") == "chunked"
            body = self._chunks() if chunked else self._exactly(int(headers["content-length"]))
        return Answer(status, headers, body)

    def is_closed(self):
        """Waits for the end. True: there was nothing before it."""
        try:
            self._more()
        except Gone:
            return True
        return False


def request(method, target, headers=(), body=b""):
    """The bytes of a request that is well formed if its parts are."""
    lines = [f"{method} {target} HTTP/1.1", "Host: t", *headers]
    if body:
        if not any(line.lower().startswith("content-type:") for line in lines):
            lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def ask(address, method, target, headers=(), body=b"", stream=False, source=None):
    """One request on a connection of its own."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    with Connection(address, source) as connection:
        connection.send(request(method, target, headers, body))
        return connection.answer(method, stream)
