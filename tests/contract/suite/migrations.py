"""migrations: stages, who is asked in which order, and what is measured."""
import threading

import data
import expect
import service

KEY = "migration-key"
OLD, NEW = "old", "new"
# Whom each stage reads from, and whom it writes to; the first is authoritative.
READS = {
    "off": [OLD],
    "dualwrite": [OLD],
    "shadow": [OLD, NEW],
    "live": [NEW, OLD],
    "rampdown": [NEW],
    "complete": [NEW],
}
WRITES = {
    "off": [OLD],
    "dualwrite": [OLD, NEW],
    "shadow": [OLD, NEW],
    "live": [NEW, OLD],
    "rampdown": [NEW, OLD],
    "complete": [NEW],
}
OPERATIONS = [("read", READS), ("write", WRITES)]
COMBINATIONS = [
    (operation, stage, origins)
    for operation, by_stage in OPERATIONS
    for stage, origins in by_stage.items()
]


def stage_flag(stage, key=KEY, **members):
    return data.flag(
        key,
        data.STAGES,
        on=True,
        fallthrough={"variation": data.STAGES.index(stage)},
        migration={},
        **members,
    )


def client_at(test, stage, sink=None, **members):
    """A client whose flag gives this stage; and one whose consistency is never checked."""
    flags = data.flags(
        stage_flag(stage, **members),
        {**stage_flag(stage, "no-check"), "migration": {"checkRatio": 0}},
    )
    return service.client_with(test, flags, sink)


class Origins:
    """The two systems: what they answer, and who was asked in which order."""

    def __init__(self, test, old=(200, b"old answer"), new=(200, b"new answer")):
        self.calls = []
        self.lock = threading.Lock()
        self.old = service.endpoint(test, self.answering(OLD, *old))
        self.new = service.endpoint(test, self.answering(NEW, *new))

    def answering(self, origin, status, body):
        def handle(request):
            with self.lock:
                self.calls.append((origin, request.body.decode()))
            request.respond(status, body)

        return handle

    def asked(self):
        return [origin for origin, _ in self.calls]


def operate(client, origins, operation, key=KEY, order="serial", **more):
    params = {
        "key": key,
        "context": data.user("key"),
        "defaultStage": "dualwrite",
        "readExecutionOrder": order,
        "operation": operation,
        "oldEndpoint": origins.old.url,
        "newEndpoint": origins.new.url,
        **more,
    }
    return client.command("migrationOperation", params)["result"]


def for_all(check):
    """A check of every operation at every stage."""

    def run(test):
        test.need_capability("migrations")
        for operation, stage, origins in COMBINATIONS:
            test.run(
                f"{operation} {stage}",
                lambda t, operation=operation, stage=stage, origins=origins: check(
                    t, operation, stage, origins
                ),
            )

    return run


# ---- stages ----


def stages(test):
    test.need_capability("migrations")
    for stage in data.STAGES:

        def run(t, stage=stage):
            sink = service.events(t)
            client = client_at(t, stage, sink)
            params = {"key": KEY, "context": data.user("key"), "defaultStage": "off"}
            t.equal(client.command("migrationVariation", params)["result"], stage)
            client.flush()
            counters = [expect.counter(stage, data.STAGES.index(stage), 1, 1)]
            expect.are(
                t,
                sink.need(t),
                expect.index(data.user("key")),
                expect.summary(**{KEY: ("off", ["user"], counters)}),
            )

        test.run(stage, run)


def no_stage(test):
    """Values that are no stage, and no flag: the default."""
    test.need_capability("migrations")
    client = service.client_with(
        test,
        data.flags(
            data.flag_on("other-word", "dualWrite"),
            data.flag_on("number", 1),
            data.flag("no-value", ["off"]),
        ),
    )
    for key in ("other-word", "number", "no-value", "no-flag"):
        for default in data.STAGES:
            params = {"key": key, "context": data.user("key"), "defaultStage": default}
            test.run(
                f"{key}, default {default}",
                lambda t, params=params, default=default: t.equal(
                    client.command("migrationVariation", params)["result"], default
                ),
            )


# ---- who is asked ----


def in_order(test, operation, stage, origins):
    systems = Origins(test)
    client = client_at(test, stage)
    result = operate(client, systems, operation)
    test.equal(result, f"{origins[0]} answer", "result")
    test.equal(systems.asked(), origins, "asked")


def any_order(order):
    def check(test, operation, stage, origins):
        systems = Origins(test)
        client = client_at(test, stage)
        result = operate(client, systems, operation, order=order)
        test.equal(result, f"{origins[0]} answer", "result")
        test.equal(sorted(systems.asked()), sorted(origins), "asked")

    return check


def payload_passed(test, operation, stage, origins):
    systems = Origins(test)
    client = client_at(test, stage)
    operate(client, systems, operation, order="concurrent", payload="example payload")
    test.equal(
        sorted(systems.calls), sorted((one, "example payload") for one in origins), "asked"
    )


# ---- what is measured ----


def measured(test, operation, stage, systems, measurements, key=KEY, **more):
    sink = service.events(test)
    client = client_at(test, stage, sink)
    operate(client, systems, operation, key, "concurrent", **more)
    client.flush()
    expect.are(
        test,
        sink.need(test),
        expect.index(data.user("key")),
        expect.summary(),
        expect.migration_op(
            operation, key, stage, "dualwrite", data.user("key"), measurements
        ),
    )


def invoked(test, operation, stage, origins):
    measured(test, operation, stage, Origins(test), {"invoked": expect.invoked(*origins)})


def latency(test, operation, stage, origins):
    wanted = {"invoked": expect.invoked(*origins), "latency_ms": expect.latency(*origins)}
    measured(test, operation, stage, Origins(test), wanted, trackLatency=True)


def no_errors(test, operation, stage, origins):
    wanted = {"invoked": expect.invoked(*origins)}
    measured(test, operation, stage, Origins(test), wanted, trackErrors=True)


FAILS = (409, b"")


def failing(test, *origins):
    return Origins(test, **{one: FAILS for one in origins})


def first_fails(test, operation, stage, origins):
    """The authoritative origin fails: a write then asks nobody else."""
    asked = origins[:1] if operation == "write" else origins
    wanted = {"invoked": expect.invoked(*asked), "error": expect.errors(origins[0])}
    measured(test, operation, stage, failing(test, origins[0]), wanted, trackErrors=True)


def second_fails(test, operation, stage, origins):
    if len(origins) == 2:
        wanted = {"invoked": expect.invoked(*origins), "error": expect.errors(origins[1])}
        measured(test, operation, stage, failing(test, origins[1]), wanted, trackErrors=True)


def all_fail(test, operation, stage, origins):
    asked = origins[:1] if operation == "write" else origins
    wanted = {"invoked": expect.invoked(*asked), "error": expect.errors(*asked)}
    measured(
        test, operation, stage, failing(test, *origins), wanted, trackErrors=True
    )


def compared(operation, stage):
    return operation == "read" and stage in ("shadow", "live")


def consistency(old, new):
    def check(test, operation, stage, origins):
        systems = Origins(test, (200, old), (200, new))
        wanted = {"invoked": expect.invoked(*origins)}
        if compared(operation, stage):
            wanted["consistent"] = expect.consistent(old == new)
        measured(test, operation, stage, systems, wanted, trackConsistency=True)

    return check


def never_checked(test, operation, stage, origins):
    systems = Origins(test, (200, b"same"), (200, b"same"))
    wanted = {"invoked": expect.invoked(*origins)}
    measured(test, operation, stage, systems, wanted, "no-check", trackConsistency=True)


def not_comparable(test, operation, stage, origins):
    """One that failed says nothing about consistency."""
    asked = origins[:1] if operation == "write" else origins
    wanted = {"invoked": expect.invoked(*asked)}
    measured(
        test, operation, stage, failing(test, origins[0]), wanted, trackConsistency=True
    )


def sampled_out(test):
    """A sampling ratio of 0: no migration event."""
    test.need_capability("migrations")
    test.need_capability("event-sampling")
    sink = service.events(test)
    client = client_at(test, "live", sink, samplingRatio=0)
    operate(client, Origins(test), "read")
    client.flush()
    expect.are(test, sink.need(test), expect.index(data.user("key")), expect.summary())


def redacts_anonymous(test):
    test.need_capability("migrations")
    test.need_capability("anonymous-redaction")
    sink = service.events(test)
    client = client_at(test, "live", sink)
    who = data.user("key", anonymous=True, name="n", a={"b": 1})
    operate(client, Origins(test), "read", context=who)
    client.flush()
    op = expect.migration_op(
        "read", KEY, "live", "dualwrite", who, {"invoked": expect.invoked(OLD, NEW)}
    )
    expect.are(
        test,
        sink.need(test),
        expect.with_context(expect.index(), who),
        expect.with_context(op, data.user("key", anonymous=True), {"user": ["name", "a"]}),
        expect.summary(),
    )


def units():
    return [
        ("migrations/stages", stages),
        ("migrations/no stage", no_stage),
        ("migrations/order/serial", for_all(in_order)),
        ("migrations/order/concurrent", for_all(any_order("concurrent"))),
        ("migrations/order/random", for_all(any_order("random"))),
        ("migrations/payload", for_all(payload_passed)),
        ("migrations/invoked", for_all(invoked)),
        ("migrations/latency", for_all(latency)),
        ("migrations/errors/none", for_all(no_errors)),
        ("migrations/errors/of the authoritative origin", for_all(first_fails)),
        ("migrations/errors/of the other origin", for_all(second_fails)),
        ("migrations/errors/of all origins", for_all(all_fail)),
        ("migrations/consistency/same", for_all(consistency(b"LaunchDarkly", b"LaunchDarkly"))),
        ("migrations/consistency/different", for_all(consistency(b"LaunchDarkly", b"Catamorphic"))),
        ("migrations/consistency/never checked", for_all(never_checked)),
        ("migrations/consistency/not comparable", for_all(not_comparable)),
        ("migrations/sampled out", sampled_out),
        ("migrations/anonymous contexts are redacted", redacts_anonymous),
    ]
