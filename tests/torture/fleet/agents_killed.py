import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import IS_RELEASE, Fleet, await_true, step, tell  # noqa: E402

ROUNDS = 30 if IS_RELEASE else 8


def main():
    chance = random.Random(5)
    with Fleet(hosts=3, needs_network=False, redis={"appendonly": "yes"}) as fleet:
        fleet.start()
        fleet.make_flags([f"counter{i}" for i in range(8)])
        fleet.writers(each=2, pause_s=0.02)
        step("one after the other, in the middle of changes")
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 0.4))
            agent = chance.choice(fleet.agents)
            agent.kill()
            agent.start()
        tell(f"{ROUNDS} times; well after {fleet.healed():.2f} s")
        step("one that was away while others went on")
        fleet.agents[0].kill()
        time.sleep(2)
        fleet.agents[0].start()
        tell(f"well after {fleet.healed():.2f} s")
        fleet.stop_writers()
        fleet.converge()
        step("without Redis all start from what they keep")
        before = fleet.digests()[0][0]
        fleet.redis.kill()
        for agent in fleet.agents:
            agent.kill()
        for agent in fleet.agents:
            start = time.monotonic()
            agent.start()
            tell(f"{agent.name} serves after {time.monotonic() - start:.2f} s")
        if {d[0] for d in fleet.digests()} != {before}:
            raise AssertionError("they serve something else")
        told = fleet.ask(fleet.agents[1], "POST", "/explain",
                         {"flag": fleet.flags[0], "context": {"kind": "user", "key": "x"}}).json
        if not told:
            raise AssertionError("nothing is explained")
        fleet.ask(fleet.agents[1], "PATCH", f"/flags/{fleet.flags[0]}", {"description": "x"}, wanted=(503,))
        step("all of it comes back at the same time")
        for agent in fleet.agents:
            agent.kill()
        fleet.redis.start()
        for agent in fleet.agents:
            agent.start(wait=False)
        for agent in fleet.agents:
            agent.await_answer()
        tell(f"well after {fleet.healed():.2f} s")
        fleet.writers(each=2, pause_s=0.05)
        time.sleep(1)
        step("a host that is new, and one that has lost its files")
        new = fleet.add_host("new")
        new.start()
        fleet.agents[0].kill()
        fleet.agents[0].forget()
        fleet.agents[0].start()
        tell(f"well after {fleet.healed():.2f} s")
        fleet.judge()


main()
