"""Hosts on one machine: network namespaces on a bridge, which can be cut off, and addresses that move.

The bridge is in a namespace of its own, so that nothing of this is in the network of the machine, and
all of it is gone with the namespaces. Without the permission to make them (root, CAP_NET_ADMIN) the hosts are
those of Loopback: they cannot be cut off.
"""
import glob
import os
import re
import subprocess

NET = "10.77.0."


def ip(*arguments):
    done = subprocess.run(["ip", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(map(str, arguments))}: {done.stdout.strip()}")
    return done.stdout


def sweep():
    """Removes what runs that were killed have left: a namespace's name has the number of its process."""
    for path in glob.glob("/run/netns/ffshm*-*"):
        found = re.fullmatch(r"ffshm(\d+)-.*", os.path.basename(path))
        if found and not os.path.exists(f"/proc/{found[1]}"):
            subprocess.run(["ip", "netns", "del", os.path.basename(path)], stderr=subprocess.DEVNULL)


class Host:
    """A namespace with one interface, eth0."""

    can_cut = True

    def __init__(self, network, name, number):
        self.network = network
        self.name = name
        self.namespace = f"{network.name}-{name}"
        self.port = f"to-{name}"
        self.address = f"{NET}{number}"
        switch = network.switch
        network.make(self.namespace)
        ip("-n", switch, "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        ip("-n", switch, "link", "set", self.port, "master", "bridge", "up")
        ip("-n", self.namespace, "link", "set", "lo", "up")
        ip("-n", self.namespace, "link", "set", "eth0", "up")
        self.take(self.address)

    def command(self, *words):
        """How it is run there. The process dies with the one that starts it; its id is that of the command."""
        return ["ip", "netns", "exec", self.namespace, "setpriv", "--pdeathsig", "KILL", *map(str, words)]

    def cut(self, how="silence"):
        """silence: nothing comes through, and nobody is told; unplugged: the interface has no carrier."""
        if how == "silence":
            ip("-n", self.network.switch, "link", "set", self.port, "nomaster")
        else:
            ip("-n", self.network.switch, "link", "set", self.port, "down")

    def heal(self):
        ip("-n", self.network.switch, "link", "set", self.port, "master", "bridge", "up")

    def ignore(self, other):
        """What it says to the other does not get there; what the other says does."""
        ip("-n", self.namespace, "route", "add", "blackhole", f"{other.address}/32")

    def answer(self, other):
        ip("-n", self.namespace, "route", "del", "blackhole", f"{other.address}/32")

    def take(self, address):
        ip("-n", self.namespace, "addr", "add", f"{address}/24", "dev", "eth0")

    def drop(self, address):
        ip("-n", self.namespace, "addr", "del", f"{address}/24", "dev", "eth0")


class Network:
    def __init__(self):
        self.name = f"ffshm{os.getpid()}"
        self.namespaces = []
        self.hosts = []
        sweep()
        self.switch = f"{self.name}-switch"
        try:
            self.make(self.switch)
            ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
            ip("-n", self.switch, "link", "set", "bridge", "up")
            self.make_probe()
        except RuntimeError:
            self.close()
            raise

    def make(self, namespace):
        ip("netns", "add", namespace)
        self.namespaces.append(namespace)

    def make_probe(self):
        """Whether all kinds of links can be made is known once they have been."""
        Host(self, "probe", 254)
        ip("netns", "del", self.namespaces.pop())

    def add(self, name):
        host = Host(self, name, 10 + len(self.hosts))
        self.hosts.append(host)
        return host

    def move(self, address, old, new):
        """The address is another host's now, and all know: as after a router's gratuitous ARP."""
        if old:
            old.drop(address)
        new.take(address)
        for host in self.hosts:
            ip("-n", host.namespace, "neigh", "flush", "all")

    def close(self):
        for namespace in reversed(self.namespaces):
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL)
        self.namespaces = []


class LoopbackHost:
    can_cut = False
    address = "127.0.0.1"

    def __init__(self, name):
        self.name = name

    def command(self, *words):
        return ["setpriv", "--pdeathsig", "KILL", *map(str, words)]


class Loopback:
    def add(self, name):
        return LoopbackHost(name)

    def close(self):
        pass


def network():
    """A Network where that is permitted, else a Loopback; and why it is one, or None."""
    try:
        return Network(), None
    except (OSError, RuntimeError) as why:
        return Loopback(), str(why)
