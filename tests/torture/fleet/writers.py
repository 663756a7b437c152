import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import IS_RELEASE, Fleet, step, tell  # noqa: E402

HOSTS = 4
EACH = 4
SECONDS = 15


def main():
    with Fleet(hosts=HOSTS, needs_network=False) as fleet:
        fleet.start()
        fleet.make_flags([f"counter{i}" for i in range(6)])
        step(f"{HOSTS * EACH} people on {HOSTS} hosts, {len(fleet.flags)} flags")
        start = time.monotonic()
        writers = fleet.writers(each=EACH, pause_s=0.005 if IS_RELEASE else 0.05)
        time.sleep(SECONDS)
        done = writers.done()
        tell(f"{done / (time.monotonic() - start):.0f} changes a second")
        fleet.stop_writers()
        if done < 20 * SECONDS:
            raise AssertionError(f"only {done} changes in {SECONDS} s")
        if any(w.status not in (200, 201, 409) for w in fleet.writes):
            raise AssertionError(next(str(w) for w in fleet.writes if w.status not in (200, 201, 409)))
        for agent in fleet.agents:
            if not any(w.host == agent.name and w.is_done() for w in fleet.writes[len(fleet.flags):]):
                raise AssertionError(f"nobody on {agent.name} got anything done")
        fleet.judge()


main()
