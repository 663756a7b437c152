"""HTTP as far as the suite needs it: a server whose every byte the checks can decide on."""
import gzip
import json
import queue
import select
import socket
import socketserver
import ssl
import struct
import threading
import time
import urllib.parse


class Request:
    """A request that came in, and the connection on which to answer it."""

    def __init__(self, method, target, headers, body, sock, secure):
        url = urllib.parse.urlsplit(target)
        self.method = method
        self.target = target
        self.path = url.path
        self.query = url.query
        self.headers = headers
        self.body = body
        self.secure = secure
        self.time = time.monotonic()
        self.answered = False
        self.close_after = False
        self._sock = sock
        self._lock = threading.Lock()
        self._chunked = False
        self.gone = threading.Event()

    def header(self, name):
        return self.headers.get(name.lower())

    def json(self):
        return json.loads(self.plain_body())

    def plain_body(self):
        compressed = self.header("content-encoding") == "gzip"
        return gzip.decompress(self.body) if compressed else self.body

    def send(self, data):
        with self._lock:
            self._sock.sendall(data)

    def respond(self, status, body=b"", headers=()):
        """The whole answer."""
        self.answered = True
        lines = [f"HTTP/1.1 {status} {PHRASES.get(status, 'Status')}"]
        given = {name.lower() for name, _ in headers}
        if "date" not in given:
            lines.append("Date: " + http_date(time.time()))
        if status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if status == 304 else body))

    def begin_stream(self, headers=()):
        """The head of an answer in chunks, for as long as it may last."""
        self.answered = True
        self._chunked = True
        lines = [
            "HTTP/1.1 200 OK",
            "Content-Type: text/event-stream",
            "Transfer-Encoding: chunked",
            "Date: " + http_date(time.time()),
        ] + [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def cancel(self):
        """Ends a stream as a server does that has nothing more to say."""
        try:
            self.send(b"0\r\n\r\n")
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.gone.set()

    def reset(self):
        """Breaks the connection."""
        try:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.close_after = True
        self.gone.set()

    def await_end(self):
        """Until the other side closes the connection, or this one does."""
        try:
            while not self.gone.is_set():
                readable, _, _ = select.select([self._sock], [], [], 0.5)
                if readable and not self._sock.recv(4096):
                    break
        except (OSError, ValueError):
            pass
        self.gone.set()
        self.close_after = True


PHRASES = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def http_date(seconds):
    t = time.gmtime(seconds)
    return (
        f"{DAYS[t.tm_wday]}, {t.tm_mday:02} {MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
    )


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self.one_request():
                pass
        except (OSError, ValueError, IndexError):
            pass  # broken off, by either side

    def one_request(self):
        line = self.rfile.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = {}
        while True:
            header = self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")
            if not header:
                break
            name, _, value = header.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.read_body(headers)
        request = Request(line[0], line[1], headers, body, self.connection, self.server.secure)
        self.server.mock.serve(request)
        if not request.answered and not request.close_after:
            request.respond(404)
        return not request.close_after and headers.get("connection", "").lower() != "close"

    def read_body(self, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(headers.get("content-length", 0)))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, mock, tls):
        super().__init__(("127.0.0.1", 0), Connection)
        self.mock = mock
        self.tls = tls
        self.secure = tls is not None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def finish_request(self, request, client_address):
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return  # the client did not like the certificate
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


class Endpoint:
    """An address of the mock's, who answers there, and what came in, in order."""

    def __init__(self, mock, number, handler):
        self.mock = mock
        self.number = number
        self.handler = handler
        self.requests = queue.Queue()
        self.open = []

    @property
    def path(self):
        return f"/endpoints/{self.number}"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.mock.plain.port}{self.path}"

    @property
    def tls_url(self):
        return f"https://localhost:{self.mock.secure.port}{self.path}"

    def serve(self, request):
        self.open.append(request)
        self.requests.put(request)
        self.handler(request)

    def await_request(self, seconds=5.0):
        """The next one, or None."""
        try:
            return self.requests.get(timeout=seconds)
        except queue.Empty:
            return None

    def need_request(self, test, seconds=5.0):
        request = self.await_request(seconds)
        test.need(request is not None, f"no request within {seconds} s")
        return request

    def need_silence(self, test, seconds=0.1):
        request = self.await_request(seconds)
        if request:
            test.stop(f"a request that should not be: {request.method} {request.target}")

    def close(self):
        self.mock.endpoints.pop(self.number, None)
        for request in self.open:
            request.reset()


class Mock:
    """The HTTP server, plain and with TLS, and its endpoints."""

    def __init__(self, tls):
        self.endpoints = {}
        self.count = 0
        self.plain = Server(self, None)
        self.secure = Server(self, tls) if tls else None

    def add(self, handler):
        self.count += 1
        endpoint = Endpoint(self, self.count, handler)
        self.endpoints[self.count] = endpoint
        return endpoint

    def serve(self, request):
        parts = request.path.split("/", 3)  # "", "endpoints", number, rest
        endpoint = None
        if len(parts) >= 3 and parts[1] == "endpoints" and parts[2].isdigit():
            endpoint = self.endpoints.get(int(parts[2]))
        if not endpoint:
            request.respond(404)
            return
        request.path = "/" + parts[3] if len(parts) > 3 else ""
        endpoint.serve(request)
