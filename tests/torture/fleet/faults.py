import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import SERVICE, Fleet, await_true, step, tell  # noqa: E402
from fleet_judge import judge_counters, judge_readers, judge_writes, one_history  # noqa: E402
from fleet_readers import first_sights  # noqa: E402
from fleet_redis import RedisError, Slices  # noqa: E402


def cli(fleet, agent, *words, patience_s=1.5):
    """What redis-cli says on that host; None: nothing in that time."""
    address = SERVICE if fleet.is_namespaced else agent.host.address
    command = agent.host.command("redis-cli", "-h", address, "-p", fleet.redis.port, *words)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=patience_s)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip()


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def lives(fleet):
    for agent in fleet.agents:
        expect(f"PING on {agent.name}", cli(fleet, agent, "PING"), "PONG")


def faults_of_the_network(fleet):
    one, two = fleet.agents
    for how in "silence", "unplugged":
        step(f"a host that is cut off: {how}")
        one.host.cut(how)
        found = cli(fleet, one, "PING")
        if found is not None and "No route to host" not in found:
            raise AssertionError(found)
        expect("the other", cli(fleet, two, "PING"), "PONG")
        one.host.heal()
        start = time.monotonic()
        await_true("it is back", lambda: cli(fleet, one, "PING") == "PONG")
        tell(f"back after {time.monotonic() - start:.2f} s")
    step("answers that do not come back: what was asked is done")
    fleet.redis.host.ignore(one.host)
    expect("SET", cli(fleet, one, "SET", "asked", "1"), None)
    fleet.redis.host.answer(one.host)
    lives(fleet)


def faults_of_the_server(fleet):
    one = fleet.agents[0]
    step("killed, and started again")
    cli(fleet, one, "SET", "kept", "1")
    fleet.redis.remember()
    cli(fleet, one, "SET", "kept", "2")
    fleet.redis.kill()
    if "refused" not in (cli(fleet, one, "PING") or ""):
        raise AssertionError("it is there")
    fleet.redis.restart()
    expect("with its data", cli(fleet, one, "GET", "kept"), "2")
    fleet.redis.kill()
    fleet.redis.go_back()
    fleet.redis.start()
    expect("with older data", cli(fleet, one, "GET", "kept"), "1")
    fleet.redis.restart(empty=True)
    expect("without", cli(fleet, one, "GET", "kept"), "")
    step("full")
    fleet.redis.fill()
    if "OOM" not in cli(fleet, one, "SET", "more", "1"):
        raise AssertionError("it is not full")
    fleet.redis.make_room()
    expect("with room", cli(fleet, one, "SET", "more", "1"), "OK")
    step("frozen, and in slices")
    fleet.redis.freeze()
    expect("frozen", cli(fleet, one, "PING"), None)
    fleet.redis.thaw()
    slices = Slices(fleet.redis, 0.1, 0.002)
    lives(fleet)
    slices.end()


def move_and_slow(fleet):
    one = fleet.agents[0]
    step("a replica takes over, with the address")
    replica = fleet.add_redis("replica").start()
    cli(fleet, one, "SET", "who", "first")
    replica.follow(fleet.redis)
    fleet.redis.kill()
    replica.lead()
    fleet.move_service(replica.host)
    expect("the replica has what was there", cli(fleet, one, "GET", "who"), "first")
    fleet.redis = replica
    step("slow")
    fleet.slow_down(0.1)
    start = time.monotonic()
    lives(fleet)
    took = (time.monotonic() - start) / len(fleet.agents)
    if took < 0.1:
        raise AssertionError(f"PING took {took:.3f} s")
    fleet.move_service(replica.host)
    lives(fleet)


def judges_see(fleet):
    """A judge who lets everything pass would be no judge."""
    good = one_history(fleet.agents[:1], fleet.flags)
    writes = list(fleet.writes)
    for what, broken in (
            ("a lost update", lambda: judge_counters({"one": [{"version": 1, "value": 1}, {"version": 2, "value": 1}]}, ["one"])),
            ("a lost acknowledgement", lambda: judge_writes(writes, {**good, "one": good["one"][:-1]})),
            ("one that is there twice", lambda: judge_writes(writes, {**good, "three": good["one"]})),
            ("a value from nowhere", lambda: judge_readers(
                fleet.readers, {**good, "one": [{**v, "value": 99} for v in good["one"]]}))):
        try:
            broken()
        except AssertionError:
            continue
        raise AssertionError(f"nobody sees {what}")


def main():
    try:
        Fleet(needs_network=True).__enter__().__exit__(None, None, None)
        real = True
    except SystemExit as skipped:
        if skipped.code != 77:
            raise
        real = False
    with Fleet(hosts=2, redis={"appendonly": "yes"}, needs_network=False, shared=False) as fleet:
        lives(fleet)
        for agent in fleet.agents:
            agent.start()
        fleet.flags = ["one", "two"]
        for agent in fleet.agents:
            for flag in fleet.flags:
                fleet.write(agent, flag, 0)
        fleet.start_readers()
        writers = fleet.writers(pause_s=0.05)
        if real:
            faults_of_the_network(fleet)
        faults_of_the_server(fleet)
        if real:
            move_and_slow(fleet)
        if writers.done() == 0:
            raise AssertionError("nobody wrote")
        fleet.stop_writers()
        step("what programs saw meanwhile, and what the judges say")
        for agent in fleet.agents:
            history = one_history([agent], fleet.flags)
            mine = [w for w in fleet.writes if w.host == agent.name]
            judge_writes(mine, history)
            judge_counters(history, fleet.flags)
            newest = {flag: versions[-1]["version"] for flag, versions in history.items()}
            readers = [r for r in fleet.readers if r.name == agent.name]
            await_true("the newest is seen", lambda: all(
                first_sights(r, flag).get(v) for r in readers for flag, v in newest.items()))
            judge_readers(readers, history)
            tell(f"{agent.name}: {len(mine)} writes, {sum(newest.values())} versions")
        fleet.writes = [w for w in fleet.writes if w.host == fleet.agents[0].name]
        fleet.readers = [r for r in fleet.readers if r.name == fleet.agents[0].name]
        judges_see(fleet)
    left = glob.glob(f"/run/netns/ffshm{os.getpid()}-*") + glob.glob(f"/dev/shm/ffshm-fleet-{os.getpid()}")
    if left:
        raise AssertionError(f"left behind: {left}")


main()
