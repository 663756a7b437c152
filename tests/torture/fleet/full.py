import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import Fleet, await_true, step, tell  # noqa: E402


def main():
    with Fleet(hosts=3, needs_network=False) as fleet:
        fleet.start()
        fleet.make_flags(["target", *[f"counter{i}" for i in range(4)]])
        writers = fleet.writers(pause_s=0.05, flags=fleet.flags[1:])
        time.sleep(1)
        step("full")
        fleet.redis.fill()
        time.sleep(1)
        since = time.monotonic_ns()
        answer = fleet.ask(fleet.agents[0], "PATCH", "/flags/target", {"description": "x"}, wanted=(503,))
        said = f"{answer.json['code']}: {answer.json['message']}"
        tell(said)
        if "OOM" not in answer.body.decode() and "memory" not in answer.body.decode():
            raise AssertionError("the reason is not told")
        fleet.ask(fleet.agents[1], "POST", "/flags/target/kill", {"comment": "wrong prices"})
        await_true("it is killed there", lambda: fleet.sees(fleet.agents[1], "target").reason == "OFF", 5)
        time.sleep(3)
        if writers.done(since_ns=since):
            raise AssertionError("something was acknowledged")
        step("there is room again")
        fleet.redis.make_room()
        tell(f"well after {fleet.healed():.2f} s")
        await_true("it is killed everywhere", lambda: all(
            fleet.sees(a, "target").reason == "OFF" for a in fleet.agents), 5)
        time.sleep(1)
        _, trail = fleet.judge(fleet.flags[1:])
        kills = [e for e in trail if e["action"] == "flag.kill"]
        if len(kills) != 1:
            raise AssertionError(f"the trail has {len(kills)} kills")
        fleet.never_back("target", "OFF")


main()
