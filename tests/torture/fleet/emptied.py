import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import Fleet, await_true, step, tell  # noqa: E402


def alarms(fleet, event):
    return sum(len(agent.said(event)) for agent in fleet.agents)


def emptied(fleet, how):
    before = alarms(fleet, "fleet-emptied")
    fleet.await_changes(20)
    how()
    tell(f"restored after {fleet.healed():.2f} s")
    if alarms(fleet, "fleet-emptied") == before:
        raise AssertionError("nobody raised an alarm")


def foreign(fleet):
    """The address leads to the Redis of another fleet, with the same keys."""
    fleet.stop_writers()
    other = fleet.add_redis("foreign").start()
    here, home = fleet.holder, fleet.redis
    stranger = fleet.add_stranger("stranger", other)
    stranger.start()
    await_true("the stranger is connected", lambda: fleet.state(stranger) == "connected")
    fleet.ask(stranger, "PUT", "/flags/theirs", {"variants": [{"key": "on", "value": True}], "default_variant": "on"})
    before = fleet.digests()
    fleet.move_service(other.host)
    for agent in fleet.agents:
        await_true(f"{agent.name} sees that it is another's", lambda: fleet.state(agent) == "foreign", 20)
    answer = fleet.ask(fleet.agents[0], "PATCH", f"/flags/{fleet.flags[0]}", {"description": "x"}, wanted=(503,))
    tell(f"{answer.json['code']}: {answer.json['message']}")
    if [d[0] for d in fleet.digests()] != [d[0] for d in before]:
        raise AssertionError("what is published is another one")
    if not all(agent.said("fleet-foreign") for agent in fleet.agents):
        raise AssertionError("not everybody raised an alarm")
    if fleet.ask(stranger, "GET", "/flags").json["items"][0]["key"] != "theirs":
        raise AssertionError("the other fleet has another state now")
    fleet.move_service(here)
    fleet.redis = home
    tell(f"well after {fleet.healed():.2f} s")


def main():
    with Fleet(hosts=3, needs_network=False) as fleet:
        fleet.start()
        fleet.make_flags([f"counter{i}" for i in range(8)])
        fleet.writers(pause_s=0.05)
        step("Redis without files is killed and comes back")
        emptied(fleet, fleet.redis.restart)
        step("it is away for 2 s, and comes back with nothing")
        emptied(fleet, lambda: (fleet.redis.kill(), time.sleep(2), fleet.redis.restart(empty=True)))
        step("FLUSHALL")
        emptied(fleet, lambda: fleet.redis.ask("FLUSHALL"))
        step("five times within a second")
        for _ in range(5):
            fleet.redis.ask("FLUSHALL")
            time.sleep(0.2)
        tell(f"restored after {fleet.healed():.2f} s")
        if fleet.is_namespaced:
            step("another fleet's")
            foreign(fleet)
            fleet.writers(pause_s=0.05)
            fleet.await_changes(20)
        fleet.judge()


main()
