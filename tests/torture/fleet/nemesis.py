import datetime
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.environ["FFSHM_SOURCE_DIR"], "tests", "support", "fleet"))
from fleet import Fleet, step, tell  # noqa: E402
from fleet_writers import definition  # noqa: E402

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 600
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())


class Nemesis:
    def __init__(self, fleet, chance):
        self.fleet = fleet
        self.chance = chance
        self.standby = fleet.add_redis("standby", appendonly="yes").start()
        self.wounds = {}  # what heals them

    def host(self):
        return self.chance.choice(self.fleet.agents)

    def cut(self):
        agent = self.host()
        if ("cut", agent.name) not in self.wounds:
            agent.host.cut()
            self.wounds["cut", agent.name] = agent.host.heal

    def ignore(self):
        agent, redis = self.host(), self.fleet.redis.host
        if ("ignore", agent.name) not in self.wounds:
            redis.ignore(agent.host)
            self.wounds["ignore", agent.name] = lambda: redis.answer(agent.host)

    def kill_agent(self):
        agent = self.host()
        if agent.runs():
            agent.kill()
            self.wounds["killed", agent.name] = lambda: agent.start()

    def restart_agent(self):
        agent = self.host()
        if agent.runs():
            agent.kill()
            agent.start()

    def freeze(self):
        redis = self.fleet.redis
        redis.freeze()
        time.sleep(self.chance.uniform(0.1, 3))
        redis.thaw()

    def kill_redis(self):
        self.fleet.redis.kill()
        time.sleep(self.chance.choice((0, 0.5, 2)))
        self.fleet.redis.start()

    def lose_tail(self):
        self.fleet.redis.remember()
        time.sleep(self.chance.uniform(0.1, 1.5))
        self.fleet.redis.kill()
        self.fleet.redis.go_back()
        self.fleet.redis.start()

    def empty(self):
        self.fleet.redis.restart(empty=True)

    def fill(self):
        redis = self.fleet.redis
        redis.fill()
        time.sleep(self.chance.uniform(0.5, 3))
        redis.make_room()

    def fail_over(self):
        old, new = self.fleet.redis, self.standby
        for name in [n for n in self.wounds if n[0] == "ignore"]:
            self.wounds.pop(name)()
        new.restart(empty=True)
        new.follow(old)
        old.host.ignore(new.host)
        time.sleep(self.chance.uniform(0, 1.5))
        old.kill()
        new.lead()
        self.fleet.move_service(new.host)
        old.host.answer(new.host)
        self.fleet.redis, self.standby = new, old

    def heal_one(self):
        if self.wounds:
            self.wounds.pop(self.chance.choice(sorted(self.wounds)))()

    def heal_all(self):
        while self.wounds:
            self.wounds.popitem()[1]()

    def act(self):
        action = self.chance.choice((
            self.cut, self.cut, self.ignore, self.kill_agent, self.restart_agent, self.freeze, self.kill_redis,
            self.lose_tail, self.empty, self.fill, self.fail_over, self.heal_one, self.heal_one, self.heal_one))
        action()
        return action.__name__


class Orders:
    """What is not to be lost, either: kills, which work without the fleet, and dated changes."""

    def __init__(self, fleet, chance):
        self.fleet = fleet
        self.chance = chance
        self.switches = [f"switch{i}" for i in range(20)]
        self.killed = []
        self.dated = 0

    def kill(self):
        agent = self.chance.choice([a for a in self.fleet.agents if a.runs()])
        if len(self.killed) < len(self.switches):
            flag = self.switches[len(self.killed)]
            self.fleet.ask(agent, "POST", f"/flags/{flag}/kill", {"comment": f"on {agent.name}"})
            self.killed.append(flag)

    def schedule(self):
        """One that comes due in the middle of what happens next."""
        when = datetime.datetime.fromtimestamp(time.time() + self.chance.uniform(1, 6), datetime.timezone.utc)
        value = definition(self.dated + 1)["variants"]
        answer = self.chance.choice(self.fleet.agents).caller.ask("POST", "/flags/dated/schedule", {
            "at": when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z", "set": {"variants": value}})
        self.dated += answer is not None and answer.status == 201

    def judge(self, history):
        for flag in self.killed:
            self.fleet.never_back(flag, "OFF")
            if any(self.fleet.sees(agent, flag).reason != "OFF" for agent in self.fleet.agents):
                raise AssertionError(f"{flag} is not killed everywhere")
        made = sorted(v["value"] for v in history["dated"])
        if made != list(range(self.dated + 1)):
            raise AssertionError(f"the dated changes are {made}, of {self.dated}")
        tell(f"{len(self.killed)} kills, {self.dated} dated changes; records that Redis had lost: "
             f"{sum(len(a.said('fleet-lost')) for a in self.fleet.agents)} times given back")


def main():
    chance = random.Random(SEED)
    with Fleet(hosts=5, readers=40, redis={"appendonly": "yes"}) as fleet:
        fleet.start()
        counters = [f"counter{i}" for i in range(24)]
        orders = Orders(fleet, chance)
        fleet.make_flags([*counters, "dated", *orders.switches])
        nemesis = Nemesis(fleet, chance)
        fleet.writers(pause_s=0.25, flags=counters)
        step(f"for {SECONDS:.0f} s, seed {SEED}")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            acts = []
            orders.schedule()
            for _ in range(chance.randrange(1, 8)):
                acts.append(nemesis.act())
                if chance.random() < 0.1:
                    orders.kill()
                time.sleep(chance.uniform(0, 1.5))
            nemesis.heal_all()
            tell(f"{' '.join(acts)}: well after {fleet.healed():.2f} s")
            time.sleep(chance.uniform(0, 2))
        time.sleep(8)  # the last dated change
        history, _ = fleet.judge(counters)
        orders.judge(history)


main()
