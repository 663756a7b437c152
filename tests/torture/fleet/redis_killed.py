import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import Fleet, await_true, step, tell  # noqa: E402

EVERY_SECOND = {"appendonly": "yes", "appendfsync": "everysec"}


def main():
    with Fleet(hosts=3, redis=EVERY_SECOND, needs_network=False) as fleet:
        fleet.start()
        fleet.make_flags([f"counter{i}" for i in range(8)])
        fleet.writers(pause_s=0.03)
        fleet.await_changes(20)
        step("killed, and away for 2 s")
        fleet.redis.kill()
        for agent in fleet.agents:
            await_true(f"{agent.name} notices", lambda: fleet.state(agent) == "disconnected", 10)
        time.sleep(2)
        fleet.redis.start()
        tell(f"well after {fleet.healed():.2f} s")
        step("killed, and back at once")
        for _ in range(5):
            time.sleep(0.3)
            fleet.redis.restart()
        tell(f"well after {fleet.healed():.2f} s")
        step("killed together with its machine: what was not on the disk is lost")
        for _ in range(5):
            fleet.await_changes(20)
            fleet.redis.remember()
            fleet.await_changes(20)
            fleet.redis.kill()
            fleet.redis.go_back()
            fleet.redis.start()
            tell(f"well after {fleet.healed():.2f} s")
        if not any(agent.said("fleet-lost") for agent in fleet.agents):
            raise AssertionError("nothing was lost")
        fleet.await_changes(20)
        fleet.judge()


main()
