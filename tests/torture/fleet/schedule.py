import collections
import datetime
import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import IS_RELEASE, Fleet, await_true, step, tell  # noqa: E402

LATE_S = 10 if IS_RELEASE else 30  # the lease of a host that is gone ends, and the wait for Redis


def at(seconds):
    when = datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def add(fleet, flag, count, first_s, every_s):
    for number in range(count):
        author = fleet.agents[number % len(fleet.agents)]
        fleet.ask(author, "POST", f"/flags/{flag}/schedule", {
            "at": at(first_s + number * every_s), "comment": f"{flag}.{number}",
            "set": {"variants": [{"key": "value", "value": number + 1}, {"key": "off", "value": -1}]}})


def leader(fleet):
    """The host that runs schedules, as they tell; the first one where nobody does."""
    for agent in fleet.agents:
        status = agent.status()
        if status and (status["fleet"].get("leads") or status["fleet"].get("leader") == agent.name):
            return agent
    return fleet.agents[0]


def run(fleet, flag, fault):
    """20 changes within 2 s; the fault is in the middle of them."""
    add(fleet, flag, 20, 2.0, 0.1)
    time.sleep(2.5)
    fault()
    def count():
        items = fleet.agents[1].caller.everything(f"/flags/{flag}/schedule", "after")
        return collections.Counter(i["state"] for i in items)
    took = await_true(f"all of {flag} are done", lambda: count()["done"] == 20, LATE_S + 20, 0.1)
    tell(f"all done {took:.1f} s after the fault; well after {fleet.healed():.2f} s")


def main():
    with Fleet(hosts=3, redis={"appendonly": "yes"}) as fleet:
        fleet.start()
        flags = ["calm", "cut", "died", "killed", "back", "moved", "all"]
        fleet.make_flags(flags)
        step("nothing happens")
        run(fleet, "calm", lambda: None)

        step("who runs them is cut off")
        def cut():
            one = leader(fleet)
            tell(f"which is {one.name}")
            one.host.cut()
            time.sleep(4)
            one.host.heal()
        run(fleet, "cut", cut)

        step("who runs them is killed")
        def die():
            one = leader(fleet)
            one.kill()
            time.sleep(4)
            one.start()
        run(fleet, "died", die)

        step("Redis is killed")
        def kill():
            fleet.redis.kill()
            time.sleep(2)
            fleet.redis.start()
        run(fleet, "killed", kill)

        step("Redis loses what it had since before they were due")
        def lose():
            fleet.redis.kill()
            fleet.redis.go_back()
            fleet.redis.start()
        fleet.redis.remember()
        run(fleet, "back", lose)

        step("a replica that lags takes over")
        replica = fleet.add_redis("replica").start()
        replica.follow(fleet.redis)
        def move():
            fleet.redis.host.ignore(replica.host)
            time.sleep(0.5)
            fleet.redis.kill()
            replica.lead()
            fleet.move_service(replica.host)
            fleet.redis = replica
        run(fleet, "moved", move)

        step("all agents die, and are back after they were due")
        def die_all():
            for agent in fleet.agents:
                agent.kill()
            time.sleep(3)
            for agent in fleet.agents:
                agent.start()
        run(fleet, "all", die_all)

        history, trail = fleet.judge([])
        for flag in flags:
            values = [v["value"] for v in history[flag]]
            if values != list(range(21)):
                raise AssertionError(f"the values of {flag} are {values}")
            runs = [e["reason"] for e in trail if e["action"] == "schedule.run" and e["target"] == flag]
            if len(runs) != 20 or len(set(runs)) != 20:
                raise AssertionError(f"the trail has {len(runs)} runs of {flag}: {runs}")


main()
