import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import IS_RELEASE, Fleet, await_true, step, tell  # noqa: E402
from fleet_readers import first_sights, quantile  # noqa: E402
from fleet_redis import Slices  # noqa: E402

chance = random.Random(8)
LOCAL_MS = 50 if IS_RELEASE else 500  # what is asked of an agent alone


def local_ms(fleet):
    """How long it takes an agent to tell of a flag."""
    start = time.monotonic()
    fleet.ask(fleet.agents[1], "GET", f"/flags/{fleet.flags[0]}")
    return (time.monotonic() - start) * 1e3


def changes(fleet, count):
    """One after the other, on all hosts in turn; and how long an agent takes meanwhile for what it has itself."""
    done, local = [], []
    for number in range(count):
        author = fleet.agents[number % len(fleet.agents)]
        done.append(fleet.write(author, "slow", time.monotonic_ns() // 1000))
        local.append(local_ms(fleet))
        time.sleep(chance.uniform(0.05, 0.15))
    newest = done[-1].version
    await_true("all see the last", lambda: all(newest in first_sights(fleet.precise(a), "slow") for a in fleet.agents))
    far = [(first_sights(fleet.precise(a), "slow")[w.version] - w.sent_ns) / 1e6 for a in fleet.agents for w in done
           if a.name != w.host and w.version in first_sights(fleet.precise(a), "slow")]
    answered = [(w.done_ns - w.sent_ns) / 1e6 for w in done]
    tell(f"answered after {quantile(answered, 0.5):.0f} ms in the median, {max(answered):.0f} at most; seen on other "
         f"hosts after {quantile(far, 0.5):.0f} ms, {max(far):.0f} at most; an agent alone answers within "
         f"{quantile(local, 0.9):.1f} ms")
    if quantile(local, 0.9) > LOCAL_MS:
        raise AssertionError("agents wait for Redis where they need not")
    return quantile(answered, 0.5)


def main():
    with Fleet(hosts=3, needs_network=False) as fleet:
        fleet.start()
        fleet.make_flags(["slow", *[f"counter{i}" for i in range(4)]])
        counters = fleet.flags[1:]
        step("as fast as it is")
        changes(fleet, 10)
        if fleet.is_namespaced:
            step("answers come 100 ms late")
            here = fleet.holder
            fleet.slow_down(0.1)
            fleet.healed()
            took = changes(fleet, 20)
            if not 95 <= took <= 2000:
                raise AssertionError(f"a change is answered after {took:.0f} ms")
            step("... and many people change flags")
            fleet.writers(pause_s=0.2, flags=counters)
            time.sleep(5)
            fleet.stop_writers()
            tell(f"equal after {fleet.converge():.2f} s")
            fleet.move_service(here)
            tell(f"well after {fleet.healed():.2f} s")
        step("it stands still for 100 ms at a time")
        slices = Slices(fleet.redis, 0.1, 0.005)
        try:
            changes(fleet, 20)
        finally:
            slices.end()
        step("it stands still for 5 s")
        fleet.writers(pause_s=0.1, flags=counters)
        fleet.redis.freeze()
        for _ in range(10):
            local_ms(fleet)
            time.sleep(0.5)
        fleet.redis.thaw()
        tell(f"well after {fleet.healed():.2f} s")
        fleet.judge(counters)


main()
