import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import Fleet, step, tell  # noqa: E402


def fail_over(fleet, replica, lag_s, kills=True):
    """To a replica that has heard nothing for lag_s; returns what was in its place."""
    old = fleet.redis
    replica.follow(old)
    old.host.ignore(replica.host)
    time.sleep(lag_s)
    if kills:
        old.kill()
    replica.lead()
    fleet.move_service(replica.host)
    old.host.answer(replica.host)
    fleet.redis = replica
    tell(f"well after {fleet.healed():.2f} s")
    return old


def main():
    with Fleet(hosts=3) as fleet:
        fleet.start()
        fleet.make_flags([f"counter{i}" for i in range(8)])
        fleet.writers(pause_s=0.03)
        other = fleet.add_redis("replica").start()
        fleet.await_changes(20)
        step("a replica that has all takes over from one that is killed")
        old = fail_over(fleet, other, 0)
        for lag_s in 0.3, 1.0, 3.0:
            step(f"one that lags by {lag_s} s")
            old.restart(empty=True)
            fleet.await_changes(20)
            old = fail_over(fleet, old, lag_s)
        step("one that lags by 1 s, and the old one goes on")
        old.restart(empty=True)
        fleet.await_changes(20)
        old = fail_over(fleet, old, 1.0, kills=False)
        fleet.await_changes(20)
        step("and back to the old one, which was not told anything meanwhile")
        fleet.move_service(old.host)
        fleet.redis = old
        tell(f"well after {fleet.healed():.2f} s")
        fleet.await_changes(20)
        fleet.judge()


main()
