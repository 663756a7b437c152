"""Named checks in a tree, and how one is carried out.

A check is a function that takes a Test. It may have checks below it (Test.run), may note faults and
go on (Test.equal, Test.fail), may end at once (Test.need, Test.stop), may ask for a capability of
the service, and may leave things to be undone at its end (Test.defer).
"""
import contextlib
import json
import time
import traceback


class Stopped(Exception):
    """The check has failed and cannot go on."""


class Skipped(Exception):
    """The check does not apply; its text says why."""


class Test:
    def __init__(self, world, path, results, quick):
        self.world = world
        self.path = path
        self.results = results
        self.quick = quick
        self.faults = []
        self.undo = []

    @property
    def name(self):
        return "/".join(self.path)

    def has(self, capability):
        return capability in self.world.capabilities

    def need_capability(self, capability):
        if not self.has(capability):
            raise Skipped(f"the service has no capability {capability}")

    def defer(self, action):
        """Called when the check ends, last one first."""
        self.undo.append(action)

    def fail(self, text):
        self.faults.append(text)

    def stop(self, text):
        self.faults.append(text)
        raise Stopped()

    def check(self, condition, text):
        if not condition:
            self.fail(text)
        return condition

    def need(self, condition, text):
        if not condition:
            self.stop(text)

    def equal(self, got, wanted, what=""):
        about = what + ": " if what else ""
        return self.check(same(got, wanted), f"{about}got {shown(got)}, wanted {shown(wanted)}")

    def need_equal(self, got, wanted, what=""):
        if not self.equal(got, wanted, what):
            raise Stopped()

    def run(self, name, function):
        carry_out(self.world, self.path + [name], function, self.results, self.quick)

    def until(self, condition, text, seconds=5.0, step=0.01):
        """Waits until the condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.stop(f"{text}: not within {seconds} s")
            time.sleep(step)

    def never(self, condition, text, seconds=0.1, step=0.01):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.need(not condition(), text)
            time.sleep(step)


def same(a, b):
    """JSON equality: true is not 1, and 1 is 1.0."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def shown(value):
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return repr(value)


def carry_out(world, path, function, results, quick):
    test = Test(world, path, results, quick)
    begin = time.monotonic()
    skipped = None
    try:
        function(test)
    except Stopped:
        pass
    except Skipped as reason:
        skipped = str(reason)
    except Exception:
        test.fail("the check broke off:\n" + traceback.format_exc())
    for action in reversed(test.undo):
        with contextlib.suppress(Stopped):
            try:
                action()
            except Exception:
                test.fail("the check's end broke off:\n" + traceback.format_exc())
    results.append(
        {
            "path": path,
            "faults": test.faults,
            "skipped": skipped,
            "seconds": time.monotonic() - begin,
        }
    )
