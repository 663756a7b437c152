"""Programs that evaluate on the hosts (tests/torture/fleet_reader.c), and what they have seen."""
import os
import subprocess


class Sight:
    """A flag is not as before: to one reader, at time_ns."""

    __slots__ = ("reader", "time_ns", "flag", "version", "reason", "value")

    def __init__(self, line):
        self.reader, time_ns, self.flag, version, self.reason, self.value = line.split(" ", 5)
        self.time_ns = int(time_ns)
        self.version = int(version)

    def __str__(self):
        return f"{self.reader} sees {self.flag} version {self.version}, {self.reason}, {self.value}"


class Readers:
    """count processes of a host; few evaluate every millisecond, the others each pause_us."""

    def __init__(self, host, store, work, flags, count, pause_us):
        self.name = host.name
        self.count = count
        self.file = os.path.join(work, f"readers-{host.name}-{pause_us}.log")
        program = os.path.join(os.environ["FFSHM_BUILD_DIR"], "tests", "fleet_reader")
        self.process = subprocess.Popen(
            host.command(program, store, self.file, host.name, count, pause_us, *flags),
            stdout=subprocess.DEVNULL)
        self.offset = 0
        self.lines = []

    def sights(self):
        """All until now, in the order in which each reader saw them."""
        if os.path.exists(self.file):
            with open(self.file, "rb") as file:
                file.seek(self.offset)
                data = file.read()
            data = data[: data.rfind(b"\n") + 1]
            self.offset += len(data)
            self.lines += map(Sight, data.decode().splitlines())
        return self.lines

    def are_reading(self, flags):
        """Each has seen each of them."""
        return len({(s.reader, s.flag) for s in self.sights()}) >= self.count * flags

    def end(self):
        """Evaluations of all of them; raises when one has failed, or had to refuse a snapshot."""
        self.process.terminate()
        if self.process.wait(60) != 0:
            raise AssertionError(f"a reader of {self.name} has failed")
        ends = [s for s in self.sights() if s.flag == "end"]
        if len(ends) != self.count or any(s.reason != "0" for s in ends):
            raise AssertionError(f"readers of {self.name}: {[str(s) for s in ends][:4]}")
        return sum(s.version for s in ends)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def faults(sights, served):
    """No error and nothing missing once there was a value; no version and no value again that has been replaced.

    served: {flag: {version: value}} of what was served by its definition.
    """
    latest = {}
    first_of = {flag: min(values) for flag, values in served.items() if values}  # older ones are not kept
    for s in sights:
        if s.flag == "end":
            continue
        before = latest.get((s.reader, s.flag))
        latest[s.reader, s.flag] = s
        if s.reason == "ERROR":
            if before or s.value != "FLAG_NOT_FOUND":
                yield f"{s}, after {before}"
        elif before and before.reason != "ERROR" and s.version < before.version:
            yield f"{s}, after {before}"
        values = served.get(s.flag)
        if values and s.reason == "FALLTHROUGH" and s.version >= first_of[s.flag] and values.get(s.version) != s.value:
            yield f"{s}; it was {values.get(s.version)}"


def first_sights(readers, flag):
    """{version: time_ns} of each host's first reader that saw it (a later version is a sight of an earlier one)."""
    first = {}
    for s in readers.sights():
        if s.flag == flag and s.reason != "ERROR":
            first[s.version] = min(s.time_ns, first.get(s.version, s.time_ns))
    return first


def quantile(numbers, share):
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
