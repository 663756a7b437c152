#!/usr/bin/env python3
"""A LaunchDarkly of the tests' own: streaming, polling and events on a loopback port.

    launchdarkly_server.py [--port N] [--tls CERTIFICATE KEY] [--record FILE]

The first line on stdout is the port. Then each line on stdin is a command, its arguments separated
by tabs, and each gets one line as the answer: "error ..." when it was wrong. The end of stdin is the
end of the server. --record: every request as a line of JSON, the body decompressed.

  data (what /all and /sdk/latest-all give)
    set JSON                  {"flags": ..., "segments": ...}, told to nobody yet
    many COUNT                flag-0 ... flag-(COUNT-1), each true, added likewise
    put                       tells all streams the whole state
    patch PATH JSON           changes an item, and tells all streams
    flag KEY VERSION VALUE [MEMBERS]   the same for a flag that serves VALUE; MEMBERS: a JSON object
    delete PATH VERSION
    send TEXT                 to all streams, as it is; \\n is a newline
    clock KEY COUNT MS        COUNT patches of a flag, MS apart; its value is the time of sending
                              (CLOCK_MONOTONIC, ns)
  faults
    fault ENDPOINT KIND[=ARGUMENT] [COUNT]   the next COUNT requests (default: all) get it
    well [ENDPOINT]           no more faults; connections that stand still are closed
    refuse | listen           closes the listening socket, opens it again
    break reset|close|half    all streams: RST, FIN, or half an event and then RST
  what came
    streams                   how many are open
    requests ENDPOINT         how many came
    last ENDPOINT             the last one, as JSON: path, headers, body
    counts                    of the summaries, payloads with the same id once:
                              {"total", "flags": {KEY: {"total", "fallback", "unknown", "versions",
                              "values"}}, "payloads", "duplicates", "conflicts"}
    events KIND               how many of that kind, payloads with the same id once
    total [KEY...]            of the summaries, without those flags
    await WHAT... COUNT MS    until `streams`, `requests ENDPOINT`, `events KIND` or `total` gives at
                              least COUNT; answers with what it gives

ENDPOINT: all, poll, bulk, diagnostic. KIND: see FAULTS.
"""

import argparse
import asyncio
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import time
import zlib

PATHS = {"/all": "all", "/sdk/latest-all": "poll", "/bulk": "bulk", "/diagnostic": "diagnostic"}
STREAM_LIMIT = 1 << 26


def simple_flag(key, version, value, members=None):
    return {
        "key": key, "version": version, "on": True, "salt": "salt", "variations": [value],
        "offVariation": 0, "fallthrough": {"variation": 0}, **(members or {}),
    }


def zero_bomb(mebibytes):
    """A gzip body of zeros, a thousandth as long: one block that stands for itself, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    mebibyte = bytes(1 << 20)
    yield packer.compress(mebibyte) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(mebibyte) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(mebibytes - 1):
        yield block


class Summary:
    """What the events of all payloads add up to."""

    def __init__(self):
        self.flags = {}
        self.kinds = {}
        self.bodies = {}  # of each payload id
        self.duplicates = 0
        self.conflicts = 0

    def take(self, payload_id, body):
        known = self.bodies.get(payload_id)
        if known is not None:
            self.duplicates += 1
            self.conflicts += known != hash(body)
            return
        events = json.loads(body)  # before anything is counted
        self.bodies[payload_id] = hash(body)
        for event in events:
            self.kinds[event["kind"]] = self.kinds.get(event["kind"], 0) + 1
            if event["kind"] == "summary":
                self.add(event["features"])

    def add(self, features):
        for key, feature in features.items():
            flag = self.flags.setdefault(
                key, {"total": 0, "fallback": 0, "unknown": 0, "versions": {}, "values": {}})
            for counter in feature["counters"]:
                count = counter["count"]
                value = json.dumps(counter.get("value"))
                version = str(counter.get("version"))
                flag["total"] += count
                flag["unknown"] += count if counter.get("unknown") else 0
                flag["fallback"] += count if "variation" not in counter else 0
                flag["versions"][version] = flag["versions"].get(version, 0) + count
                flag["values"][value] = flag["values"].get(value, 0) + count

    def total(self, without=()):
        return sum(flag["total"] for key, flag in self.flags.items() if key not in without)

    def report(self):
        return {"total": self.total(), "flags": self.flags, "payloads": len(self.bodies),
                "duplicates": self.duplicates, "conflicts": self.conflicts}


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.endpoint = PATHS.get(path.partition("?")[0].rstrip("/"))

    def decoded(self):
        gzipped = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.body) if gzipped else self.body

    def report(self):
        try:
            body = self.decoded().decode()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            body = f"undecodable: {error}"
        return {"method": self.method, "path": self.path, "headers": self.headers, "body": body}


async def read_request(reader, writer):
    """None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = {}
    for line in filter(None, lines[1:]):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect") == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


def head(status, headers):
    lines = [f"HTTP/1.1 {status} Status"] + [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(writer, status, headers, body=b""):
    now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    if status != 304:
        headers = {**headers, "Content-Length": len(body)}
    writer.write(head(status, {"Date": now, **headers}) + body)


def reset(writer):
    """RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Disconnect(Exception):
    """The connection is not to be used again."""


# ---- faults: what a request gets instead of its answer --------------------------------------------


class Faults:
    """Each: async (server, request, writer, argument). Afterwards the connection is closed, except
    after a whole answer (True)."""

    @staticmethod
    async def status(server, request, writer, argument):
        """An answer with that status; it echoes the key, as careless servers do."""
        key = request.headers.get("authorization", "")
        text = json.dumps({"message": f"this is the answer to {key}"}).encode()
        answer(writer, int(argument), {"Content-Type": "application/json"}, text)
        return True

    @staticmethod
    async def reset(server, request, writer, argument):
        reset(writer)

    @staticmethod
    async def close(server, request, writer, argument):
        """FIN without a byte."""

    @staticmethod
    async def stall(server, request, writer, argument):
        """Nothing, until `well`."""
        await server.wellness.wait()

    @staticmethod
    async def redirect(server, request, writer, argument):
        """To a URL; without one to itself, for ever."""
        where = argument or f"http://127.0.0.1:{server.port}{request.path}"
        answer(writer, 307, {"Location": where})
        return True

    @staticmethod
    async def garbage(server, request, writer, argument):
        """What is no HTTP."""
        writer.write(os.urandom(65536))

    @staticmethod
    async def noise(server, request, writer, argument):
        """HTTP whose body is garbage."""
        kind = "text/event-stream" if request.endpoint == "all" else "application/json"
        answer(writer, 200, {"Content-Type": kind}, os.urandom(65536))
        return True

    @staticmethod
    async def badjson(server, request, writer, argument):
        """A state that breaks off within its JSON, although the message is whole."""
        if request.endpoint == "all":
            server.open_stream(writer)
            writer.write(b'event: put\ndata: {"path": "/", "data": {"flags": {"a": {"on": tru\n\n')
            await server.wellness.wait()
        else:
            answer(writer, 200, {"Content-Type": "application/json"}, b'{"flags": {"a": {"on": tru')
        return True

    @staticmethod
    async def half(server, request, writer, argument):
        """Half of what it would be, then RST."""
        if request.endpoint == "all":
            server.open_stream(writer)
            event = server.put_event()
            writer.write(event[: len(event) // 2])
        else:
            body = server.state()
            writer.write(head(200, {"Content-Length": len(body)}) + body[: len(body) // 2])
        await writer.drain()
        await asyncio.sleep(0.05)
        reset(writer)

    @staticmethod
    async def cut(server, request, writer, argument):
        """As half, but with FIN."""
        body = server.state()
        writer.write(head(200, {"Content-Length": len(body)}) + body[: len(body) // 2])
        await writer.drain()

    @staticmethod
    async def drip(server, request, writer, argument):
        """A byte now and then."""
        writer.write(head(200, {"Transfer-Encoding": "chunked"}))
        while not server.wellness.is_set():
            writer.write(b"1\r\n:\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    @staticmethod
    async def bomb(server, request, writer, argument):
        """A few MiB that unpack to so many MiB (4096)."""
        kind = "text/event-stream" if request.endpoint == "all" else "application/json"
        writer.write(head(200, {"Content-Type": kind, "Content-Encoding": "gzip",
                                "Connection": "close"}))
        for block in zero_bomb(int(argument or 4096)):
            writer.write(block)
            await writer.drain()
        await server.wellness.wait()

    @staticmethod
    async def endless(server, request, writer, argument):
        """A body without end: one line of an event, one string of JSON."""
        kind = "text/event-stream" if request.endpoint == "all" else "application/json"
        writer.write(head(200, {"Content-Type": kind, "Connection": "close"}))
        writer.write(b'event: put\ndata: {"a": "' if request.endpoint == "all" else b'{"a": "')
        block = b"x" * (1 << 18)
        while not server.wellness.is_set():
            writer.write(block)
            await writer.drain()

    @staticmethod
    async def headers(server, request, writer, argument):
        """Headers without end."""
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not server.wellness.is_set():
            writer.write(b"X-More: " + b"x" * 8192 + b"\r\n")
            await writer.drain()

    @staticmethod
    async def lost(server, request, writer, argument):
        """The answer is lost: the same payload will come again."""
        reset(writer)


FAULTS = [name for name in vars(Faults) if not name.startswith("_")]
# Those in which LaunchDarkly has taken the events: a status of 2xx says so, whatever comes of the rest.
ACCEPTING = ("noise", "badjson", "half", "cut", "drip", "bomb", "endless", "headers", "lost")


# ---- the server -----------------------------------------------------------------------------------


class Server:
    def __init__(self, options):
        self.options = options
        self.port = options.port
        self.listener = None
        self.data = {"flags": {}, "segments": {}}
        self.streams = set()
        self.open = set()  # tasks of connections
        self.faults = {}  # endpoint -> [kind, argument, remaining]
        self.wellness = asyncio.Event()
        self.requests = {endpoint: 0 for endpoint in PATHS.values()}
        self.last = {}
        self.summary = Summary()
        self.record = open(options.record, "a", encoding="utf-8") if options.record else None
        self.tasks = set()

    # ---- connections

    async def listen(self):
        context = None
        if self.options.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.options.tls)
        self.listener = await asyncio.start_server(
            self.serve, "127.0.0.1", self.port, ssl=context, limit=STREAM_LIMIT,
            reuse_address=True)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.open.add(task)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while request := await read_request(reader, writer):
                if not await self.respond(request, reader, writer):
                    break
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.LimitOverrunError,
                asyncio.IncompleteReadError, ssl.SSLError, Disconnect):
            pass
        finally:
            self.open.discard(task)
            self.streams.discard(writer)
            writer.close()

    def fault_of(self, endpoint):
        fault = self.faults.get(endpoint)
        if not fault:
            return None, None
        kind, argument, remaining = fault
        if remaining is not None:
            fault[2] -= 1
            if fault[2] == 0:
                del self.faults[endpoint]
        return kind, argument

    async def respond(self, request, reader, writer):
        if request.endpoint is None:
            answer(writer, 404, {})
            return True
        self.requests[request.endpoint] += 1
        self.last[request.endpoint] = request
        if self.record:
            self.record.write(json.dumps(request.report()) + "\n")
            self.record.flush()
        kind, argument = self.fault_of(request.endpoint)
        if kind in ACCEPTING:
            self.take(request)
        if kind:
            return await getattr(Faults, kind)(self, request, writer, argument)
        if request.endpoint == "all":
            return await self.stream(reader, writer)
        if request.endpoint == "poll":
            return self.poll(request, writer)
        self.take(request)
        answer(writer, 202, {})
        return True

    def take(self, request):
        if request.endpoint == "bulk":
            self.summary.take(request.headers["x-launchdarkly-payload-id"], request.decoded())

    # ---- streaming and polling

    def state(self):
        return json.dumps(self.data, separators=(",", ":")).encode()

    def put_event(self):
        return b'event: put\ndata: {"path":"/","data":' + self.state() + b"}\n\n"

    def open_stream(self, writer):
        writer.write(head(200, {"Content-Type": "text/event-stream; charset=utf-8",
                                "X-LD-EnvID": "environment-1", "Connection": "close"}))

    async def stream(self, reader, writer):
        self.open_stream(writer)
        writer.write(self.put_event())
        self.streams.add(writer)
        await reader.read(1)  # until the other side has enough of it

    def poll(self, request, writer):
        body = self.state()
        tag = f'"{zlib.crc32(body):08x}"'
        headers = {"Content-Type": "application/json", "ETag": tag, "X-LD-EnvID": "environment-1"}
        if request.headers.get("if-none-match") == tag:
            answer(writer, 304, headers)
            return True
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        answer(writer, 200, headers, body)
        return True

    def tell(self, text):
        for writer in list(self.streams):
            writer.write(text)

    # ---- commands

    async def command(self, words):
        method = getattr(self, "do_" + words[0], None)
        if method is None:
            return f"error: no such command: {words[0]}"
        try:
            result = method(*words[1:])
            result = await result if asyncio.iscoroutine(result) else result
            return "ok" if result is None else str(result)
        except (TypeError, ValueError, KeyError, OSError) as error:
            return f"error: {words[0]}: {type(error).__name__}: {error}".replace("\n", " ")

    def do_set(self, text):
        self.data = {"flags": {}, "segments": {}, **json.loads(text)}

    def do_many(self, count):
        for i in range(int(count)):
            self.data["flags"][f"flag-{i}"] = simple_flag(f"flag-{i}", 1, True)

    def do_put(self):
        self.tell(self.put_event())

    def change(self, path, item):
        _, kind, key = path.split("/", 2)
        self.data[kind][key] = item
        data = json.dumps({"path": path, "data": item})
        self.tell(f"event: patch\ndata: {data}\n\n".encode())

    def do_patch(self, path, text):
        self.change(path, json.loads(text))

    def do_flag(self, key, version, value, members="{}"):
        item = simple_flag(key, int(version), json.loads(value), json.loads(members))
        self.change(f"/flags/{key}", item)

    def do_delete(self, path, version):
        _, kind, key = path.split("/", 2)
        self.data[kind].pop(key, None)
        data = json.dumps({"path": path, "version": int(version)})
        self.tell(f"event: delete\ndata: {data}\n\n".encode())

    def do_send(self, text):
        self.tell(text.replace("\\n", "\n").encode())

    async def do_clock(self, key, count, interval_ms):
        version = self.data["flags"].get(key, {}).get("version", 0)
        for i in range(int(count)):
            item = simple_flag(key, version + 1 + i, 0)
            item["variations"] = [time.monotonic_ns()]
            self.change(f"/flags/{key}", item)
            await asyncio.sleep(int(interval_ms) / 1000)

    def do_fault(self, endpoint, kind, count=None):
        kind, _, argument = kind.partition("=")
        if endpoint not in self.requests or kind not in FAULTS:
            raise ValueError(f"{endpoint} {kind}")
        self.wellness.clear()
        self.faults[endpoint] = [kind, argument, int(count) if count else None]

    def do_well(self, endpoint=None):
        for name in [endpoint] if endpoint else list(self.faults):
            self.faults.pop(name, None)
        self.wellness.set()

    def do_refuse(self):
        self.listener.close()

    async def do_listen(self):
        await self.listen()

    def do_break(self, how):
        for writer in list(self.streams):
            if how == "half":
                event = self.put_event()
                writer.write(event[: len(event) // 2])
                asyncio.get_running_loop().call_later(0.05, reset, writer)
            elif how == "reset":
                reset(writer)
            elif how == "close":
                writer.close()
            else:
                raise ValueError(how)

    def do_streams(self):
        return len(self.streams)

    def do_requests(self, endpoint):
        return self.requests[endpoint]

    def do_last(self, endpoint):
        request = self.last.get(endpoint)
        return json.dumps(request.report()) if request else "none"

    def do_counts(self):
        return json.dumps(self.summary.report())

    def do_total(self, *without):
        return self.summary.total(without)

    def do_events(self, kind):
        return self.summary.kinds.get(kind, 0)

    async def do_await(self, *words):
        *what, count, ms = words
        end = time.monotonic() + int(ms) / 1000
        while True:
            got = getattr(self, "do_" + what[0])(*what[1:])
            if got >= int(count):
                return got
            if time.monotonic() > end:
                return f"error: {' '.join(what)}: {got}, not {count}"
            await asyncio.sleep(0.005)

    async def obey(self, line):
        print(await self.command(line.rstrip("\n").split("\t")), flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--record")
    server = Server(parser.parse_args())
    await server.listen()
    print(server.port, flush=True)
    commands = asyncio.StreamReader(limit=STREAM_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        await server.obey(line.decode())
    for task in list(server.open):
        task.cancel()


asyncio.run(main())
