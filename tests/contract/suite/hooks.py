"""hooks: code of the program's around evaluations and events."""
import itertools
import queue

import data
import mock
import service


class Hooks:
    """Hooks by name, and what they were called with."""

    def __init__(self, test, names, stage_data=None, errors=None):
        self.calls = {name: queue.Queue() for name in names}
        self.count = itertools.count()
        settings = []
        for name in names:
            at = service.endpoint(test, self.receiver(name))
            hook = {"name": name, "callbackUri": at.url}
            if stage_data:
                hook["data"] = stage_data
            if errors:
                hook["errors"] = errors
            settings.append(hook)
        self.configuration = {"hooks": {"hooks": settings}}

    def receiver(self, name):
        def handle(request):
            self.calls[name].put((next(self.count), request.json()))
            request.respond(204)

        return handle

    def need(self, test, name, stage):
        """(number, payload) of the hook's next call at that stage."""
        while True:
            try:
                number, payload = self.calls[name].get(timeout=5)
            except queue.Empty:
                test.stop(f"hook {name} was not called for {stage}")
            if payload.get("stage") == stage:
                return number, payload

    def need_none(self, test, name, seconds=0.1):
        try:
            test.stop(f"hook {name} was called: {self.calls[name].get(timeout=seconds)}")
        except queue.Empty:
            pass


def flags():
    return data.flags(
        data.flag("bool-flag", [False, True], on=True, fallthrough={"variation": 1}),
        data.flag("number-flag", [0, 42], offVariation=1),
        data.flag("string-flag", ["off", "on"], on=True, fallthrough={"variation": 1}),
        data.flag("json-flag", [{"v": False}, {"v": True}], on=True, fallthrough={"variation": 1}),
        data.flag("migration-flag", data.STAGES, on=True, fallthrough={"variation": 1}),
    )


CALLS = [
    ("bool", "bool-flag", False),
    ("string", "string-flag", "default"),
    ("double", "number-flag", 3.14),
    ("int", "number-flag", 314159265),
    ("any", "json-flag", {}),
    ("any", "json-flag", ["a", 1, None]),
    ("bool", "no-such-flag", True),
    ("string", "bool-flag", "of another type"),
]


def hooked(test, names=("hook",), stage_data=None, errors=None, environment=None):
    test.need_capability("evaluation-hooks")
    hooks = Hooks(test, names, stage_data, errors)
    source = service.endpoint(test, mock.Stream(flags(), environment))
    sink = service.events(test)
    client = service.client(
        test,
        {"streaming": {"baseUri": source.url}},
        service.to_events(sink),
        hooks.configuration,
    )
    return client, hooks


def about(test, payload, flag, default):
    """The part that both stages have."""
    series = payload["evaluationSeriesContext"]
    test.equal(series["flagKey"], flag, "flagKey")
    who = {name: v for name, v in series["context"].items() if v is not False}
    test.equal(who, data.user(), "context")
    test.equal(series["defaultValue"], default, "defaultValue")
    test.check(series.get("method"), "no method")


def each_call(check):
    def run(test):
        for detail in (False, True):
            for kind, flag, default in CALLS:
                test.run(
                    f"{'with' if detail else 'without'} detail, {kind}, {flag}, {default}",
                    lambda t, args=(kind, flag, default, detail): check(t, *args),
                )

    return run


def before(test, kind, flag, default, detail):
    client, hooks = hooked(test)
    client.evaluate(flag, data.user(), default, kind, detail)
    about(test, hooks.need(test, "hook", "beforeEvaluation")[1], flag, default)


def after(test, kind, flag, default, detail):
    client, hooks = hooked(test)
    got = client.evaluate(flag, data.user(), default, kind, detail)
    payload = hooks.need(test, "hook", "afterEvaluation")[1]
    about(test, payload, flag, default)
    told = payload["evaluationDetail"]
    test.equal(told["value"], got["value"], "value")
    if detail:
        test.equal(told.get("variationIndex"), got.get("variationIndex"), "variationIndex")
        test.equal(told["reason"], got["reason"], "reason")


BEFORE_DATA = {"beforeEvaluation": {"someData": "the hookData", "more": {"a": [1]}}}


def hands_on(test, kind, flag, default, detail):
    client, hooks = hooked(test, stage_data=BEFORE_DATA)
    client.evaluate(flag, data.user(), default, kind, detail)
    payload = hooks.need(test, "hook", "afterEvaluation")[1]
    test.equal(payload["evaluationSeriesData"], BEFORE_DATA["beforeEvaluation"])


def nothing_before(test):
    """The first stage starts with no data, at each evaluation anew."""
    client, hooks = hooked(test, stage_data=BEFORE_DATA)
    for _ in range(2):
        client.value("bool-flag", data.user(), False, type="bool")
        payload = hooks.need(test, "hook", "beforeEvaluation")[1]
        test.equal(payload.get("evaluationSeriesData") or {}, {})


def of_migrations(test):
    test.need_capability("migrations")
    client, hooks = hooked(test, stage_data=BEFORE_DATA)
    params = {"key": "migration-flag", "context": data.user(), "defaultStage": "off"}
    result = client.command("migrationVariation", params)["result"]
    test.equal(result, "dualwrite")
    about(test, hooks.need(test, "hook", "beforeEvaluation")[1], "migration-flag", "off")
    payload = hooks.need(test, "hook", "afterEvaluation")[1]
    about(test, payload, "migration-flag", "off")
    test.equal(payload["evaluationDetail"]["value"], result, "value")
    test.equal(payload["evaluationSeriesData"], BEFORE_DATA["beforeEvaluation"], "data")


def not_ready(test):
    """Also where there are no flags yet."""
    test.need_capability("evaluation-hooks")
    hooks = Hooks(test, ["hook"])
    _, silent = service.stream(test, None)
    client = service.client(
        test,
        {"streaming": {"baseUri": silent.url}},
        hooks.configuration,
        startWaitTimeMs=1,
        initCanFail=True,
    )
    client.value("bool-flag", data.user(), True, type="bool")
    payload = hooks.need(test, "hook", "afterEvaluation")[1]
    told = payload["evaluationDetail"]
    test.equal(told["value"], True, "value")
    test.equal(told["reason"], {"kind": "ERROR", "errorKind": "CLIENT_NOT_READY"}, "reason")


def failing_before(test):
    """Other stages are not affected, and get no data."""
    names = [f"fallible-{i}" for i in range(3)]
    client, hooks = hooked(
        test,
        names,
        {"beforeEvaluation": {"this_value": "should not be received"}},
        {"beforeEvaluation": "something is rotten"},
    )
    test.equal(client.value("bool-flag", data.user(), False, type="bool"), True)
    for name in names:
        _, payload = hooks.calls[name].get(timeout=5)
        test.equal(payload["stage"], "afterEvaluation", "stage")
        test.equal(payload.get("evaluationSeriesData") or {}, {}, "data")


def order_of(test, hooks, names, stage):
    numbers = [(hooks.need(test, name, stage)[0], name) for name in names]
    return [name for _, name in sorted(numbers)]


def in_order(stage, act, reverse):
    def run(test):
        names = [f"ordered-{i}" for i in range(4)]
        client, hooks = hooked(test, names)
        act(client)
        wanted = names[::-1] if reverse else names
        test.equal(order_of(test, hooks, names, stage), wanted)

    return run


def evaluate(client):
    client.value("bool-flag", data.user(), False, type="bool")


def track(client):
    client.track("custom-event", data.user())


def environment_id(test):
    test.need_capability("hook-environment-id")

    def check(make):
        def run(t):
            hooks = Hooks(t, ["hook"])
            client = service.client(t, make(t), hooks.configuration)
            evaluate(client)
            for stage in ("beforeEvaluation", "afterEvaluation"):
                series = hooks.need(t, "hook", stage)[1]["evaluationSeriesContext"]
                t.equal(series.get("environmentId"), "env-12345", stage)

        return run

    def streaming(t):
        at = service.endpoint(t, mock.Stream(flags(), "env-12345"))
        return {"streaming": {"baseUri": at.url}}

    def polling(t):
        at = service.endpoint(t, mock.Poll(flags(), "env-12345"))
        return {"polling": {"baseUri": at.url}}

    test.run("streaming", check(streaming))
    test.run("polling", check(polling))


def no_environment_id(test):
    test.need_capability("hook-environment-id")
    client, hooks = hooked(test)
    evaluate(client)
    series = hooks.need(test, "hook", "afterEvaluation")[1]["evaluationSeriesContext"]
    test.equal(series.get("environmentId"), None)


TRACKS = [
    ("nothing else", {"omitNullData": True}),
    ("data", {"data": {"a": [1, None]}}),
    ("a metric", {"metricValue": 3.14, "omitNullData": True}),
    ("data and a metric", {"data": "text", "metricValue": 0}),
]


def after_track(test):
    test.need_capability("track-hooks")
    for name, more in TRACKS:

        def run(t, more=more):
            client, hooks = hooked(t, environment="env-12345")
            client.track("custom-event", data.user(), **more)
            series = hooks.need(t, "hook", "afterTrack")[1]["trackSeriesContext"]
            t.equal(series["key"], "custom-event", "key")
            who = {n: v for n, v in series["context"].items() if v is not False}
            t.equal(who, data.user(), "context")
            t.equal(series.get("data"), more.get("data"), "data")
            t.equal(series.get("metricValue"), more.get("metricValue"), "metricValue")

        test.run(name, run)


def failing_track(test):
    test.need_capability("track-hooks")
    client, hooks = hooked(test, errors={"afterTrack": "something went wrong"})
    track(client)
    client.flush()
    hooks.need_none(test, "hook")


def not_for_others(test):
    """Identify and all flags call no hook."""
    client, hooks = hooked(test)
    client.identify(data.user())
    client.all_flags(data.user())
    client.flush()
    hooks.need_none(test, "hook")


def units():
    return [
        ("hooks/evaluation/before", each_call(before)),
        ("hooks/evaluation/after", each_call(after)),
        ("hooks/evaluation/data is handed on", each_call(hands_on)),
        ("hooks/evaluation/no data at first", nothing_before),
        ("hooks/evaluation/of migrations", of_migrations),
        ("hooks/evaluation/client not ready", not_ready),
        ("hooks/evaluation/failing before", failing_before),
        (
            "hooks/evaluation/before, in the order of registration",
            in_order("beforeEvaluation", evaluate, False),
        ),
        (
            "hooks/evaluation/after, in the reverse order",
            in_order("afterEvaluation", evaluate, True),
        ),
        ("hooks/evaluation/environment id", environment_id),
        ("hooks/evaluation/no environment id", no_environment_id),
        ("hooks/track/after", after_track),
        ("hooks/track/failing", failing_track),
        (
            "hooks/track/after, in the order of registration",
            in_order("afterTrack", track, False),
        ),
        ("hooks/nothing for identify and all flags", not_for_others),
    ]
