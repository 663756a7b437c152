import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import KEYS, Fleet, await_true, step, tell  # noqa: E402
from fleet_writers import put  # noqa: E402

SECONDS = 3


def refused(fleet, agent):
    """A change is answered soon, with 503 and why."""
    start = time.monotonic()
    answer = fleet.ask(agent, "PATCH", f"/flags/{fleet.flags[0]}", {"description": "cut off"}, wanted=(503,))
    if time.monotonic() - start > 5:
        raise AssertionError(f"answered after {time.monotonic() - start:.1f} s")
    return f"{answer.json['code']}: {answer.json['message']}"


def cut_off(fleet, agents, begin, heal, others):
    writers = fleet.writers(pause_s=0.05, flags=fleet.flags[:-1])
    fleet.await_changes(20)
    begin()
    for agent in agents:
        await_true(f"{agent.name} notices", lambda: fleet.state(agent) == "disconnected", 10)
    since = time.monotonic_ns()
    tell(refused(fleet, agents[0]))
    time.sleep(SECONDS)
    for agent in fleet.agents:
        done = writers.done(agent.name, since)
        if (done > 0) != (agent in others):
            raise AssertionError(f"{agent.name} has done {done} changes")
    heal()
    tell(f"all are connected and have what there was after {fleet.healed():.2f} s")
    fleet.await_changes(20)
    fleet.stop_writers()
    tell(f"equal {fleet.converge():.2f} s after the last change")


def too_late(fleet, agent, other):
    """What was on its way when a host was cut off is not carried out long after, when the network is back."""
    agent.host.cut()
    w = put(agent.caller, "late", 1, "too late")
    if w.status != 503:
        raise AssertionError(str(w))
    agent.host.heal()
    tell(f"{w.code}, after {(w.done_ns - w.sent_ns) / 1e9:.1f} s; well after {fleet.healed():.2f} s")
    time.sleep(10)
    if other.caller.get("/flags/late")["version"] != 1:
        raise AssertionError("the change is in force after all")


def main():
    with Fleet(hosts=4) as fleet:
        one, two, *rest = fleet.agents
        redis = fleet.redis.host
        fleet.start()
        counters = [f"counter{i}" for i in range(8)]
        fleet.make_flags([*counters, "late"])
        for how in "silence", "unplugged":
            step(f"one host is cut off: {how}")
            cut_off(fleet, [two], lambda how=how: two.host.cut(how), two.host.heal, [one, *rest])
        step("the answers to one host are lost, what it asks is not")
        cut_off(fleet, [two], lambda: redis.ignore(two.host), lambda: redis.answer(two.host), [one, *rest])
        step("two hosts are cut off")
        cut_off(fleet, [one, two], lambda: (one.host.cut(), two.host.cut()),
                lambda: (one.host.heal(), two.host.heal()), rest)
        step("all are: Redis is")
        cut_off(fleet, fleet.agents, redis.cut, redis.heal, [])
        step("one host is cut off, and what it missed is not in the log any more")
        cut_off(fleet, [two], two.host.cut, lambda: (
            fleet.redis.ask("XTRIM", f"{KEYS}log", "MAXLEN", 1), two.host.heal()), [one, *rest])
        step("a change is on its way when a host is cut off")
        too_late(fleet, two, one)
        step("a link that comes and goes")
        fleet.writers(pause_s=0.05, flags=counters)
        for number in range(20):
            two.host.cut()
            time.sleep(0.05 * (number % 5 + 1))
            two.host.heal()
            time.sleep(0.05 * (number % 3 + 1))
        tell(f"well after {fleet.healed():.2f} s")
        fleet.judge(counters)


main()
