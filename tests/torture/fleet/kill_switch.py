import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import Fleet, await_true, step, tell  # noqa: E402


def kill(fleet, agent, flag, why="wrong prices"):
    start = time.monotonic()
    fleet.ask(agent, "POST", f"/flags/{flag}/kill", {"comment": why})
    await_true(f"{flag} is killed on {agent.name}", lambda: fleet.sees(agent, flag).reason == "OFF", 5, 0.001)
    return (time.monotonic() - start) * 1e3


def everywhere(fleet, flag, reason):
    await_true(f"{flag} is {reason} everywhere", lambda: all(
        fleet.sees(a, flag).reason == reason for a in fleet.agents), 10)


def main():
    with Fleet(hosts=3) as fleet:
        one, two, three = fleet.agents
        fleet.start()
        fleet.make_flags(["alone", "restarted", "both", "changed", "revived", "counter0", "counter1"])
        fleet.writers(agents=[one, three], pause_s=0.05, flags=["counter0", "counter1"])
        step("killed while cut off")
        two.host.cut()
        await_true("it notices", lambda: fleet.state(two) == "disconnected", 10)
        tell(f"in force there after {kill(fleet, two, 'alone'):.1f} ms")
        kill(fleet, two, "restarted")
        two.kill()
        two.start()
        await_true("it is still killed", lambda: fleet.sees(two, "restarted").reason == "OFF", 5)
        tell("and after kill -9 and a start without Redis")
        kill(fleet, two, "both", "there")
        kill(fleet, one, "both", "here")
        kill(fleet, two, "changed")
        for value in 1, 2, 3:
            fleet.write(one, "changed", value)
        kill(fleet, one, "revived")
        fleet.ask(one, "POST", "/flags/revived/revive", {})
        kill(fleet, two, "revived")
        time.sleep(1)
        for flag in "alone", "restarted", "changed":
            if fleet.sees(one, flag).reason != "FALLTHROUGH":
                raise AssertionError(f"{flag} is killed on another host already")
        two.host.heal()
        tell(f"well after {fleet.healed():.2f} s")
        for flag in "alone", "restarted", "both", "changed", "revived":
            everywhere(fleet, flag, "OFF")
        step("killed before an agent that was cut off knows that it is")
        fleet.ask(one, "POST", "/flags/alone/revive", {})
        everywhere(fleet, "alone", "FALLTHROUGH")
        three.host.cut()
        tell(f"in force there after {kill(fleet, three, 'alone'):.0f} ms")
        time.sleep(1)
        three.host.heal()
        tell(f"well after {fleet.healed():.2f} s")
        everywhere(fleet, "alone", "OFF")
        step("all hosts kill another flag each without Redis; then each is revived on another")
        fleet.redis.host.cut()
        await_true("all notice", lambda: all(fleet.state(a) == "disconnected" for a in fleet.agents), 10)
        for agent, flag in zip(fleet.agents, ("counter0", "counter1", "counter0")):
            kill(fleet, agent, flag, f"of {agent.name}")
        fleet.redis.host.heal()
        tell(f"well after {fleet.healed():.2f} s")
        await_true("the fleet has heard of all", lambda: not any(
            a.status()["fleet"]["waitingKills"] for a in fleet.agents))
        for flag in "counter0", "counter1":
            everywhere(fleet, flag, "OFF")
            fleet.ask(two, "POST", f"/flags/{flag}/revive", {})
            everywhere(fleet, flag, "FALLTHROUGH")
        _, trail = fleet.judge(["counter0", "counter1"])
        for flag in "restarted", "changed":
            kills = [e for e in trail if e["action"] == "flag.kill" and e["target"] == flag]
            if len(kills) != 1:
                raise AssertionError(f"the trail has {len(kills)} kills of {flag}")
            fleet.never_back(flag, "OFF")


main()
