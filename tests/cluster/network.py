"""Machines that one machine plays: a bridge, and network namespaces joined to it by cables that can be cut.

Only iproute2 and the kernel are needed, and the right to change the network (root). The host has the first address of
the bridge's network; each namespace has one of the next. Nothing is routed beyond the bridge.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Any

NUMBERS = itertools.count()
WAIT = 20.0


class NoNetwork(Exception):
    """Namespaces cannot be made here. The message says why."""


def ip(*words: str) -> str:
    """What `ip WORDS` prints."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=WAIT)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


class Bridge:
    """A network 10.x.y.0/24 that no other device of this machine has."""

    def __init__(self) -> None:
        if shutil.which("ip") is None:
            raise NoNetwork("iproute2 is not on this machine (apt-get install iproute2)")
        self.name = f"ac{os.getpid():x}-{next(NUMBERS)}"  # a device's name has at most 15 characters
        self._count = itertools.count(1)
        self.machines: list[Machine] = []
        try:
            ip("link", "add", self.name, "type", "bridge")
        except OSError as error:
            raise NoNetwork(f"a bridge cannot be made here: {error}") from error
        try:
            self._address()
            ip("link", "set", self.name, "up")
            self.machine().close()  # some containers permit a bridge, but no namespace
        except BaseException:
            self.close()
            raise

    def _address(self) -> None:
        """Take a free network. Another process may choose the same one at the same time: then both see two, and choose again."""
        for _ in range(100):
            network = ipaddress.ip_network(f"10.{random.randrange(64, 240)}.{random.randrange(256)}.0/24")
            if _devices_in(network):
                continue
            self.network = network
            self.address = str(network[1])
            ip("address", "add", f"{self.address}/24", "dev", self.name)
            if _devices_in(network) == [self.name]:
                return
            ip("address", "del", f"{self.address}/24", "dev", self.name)
        raise NoNetwork("no network 10.x.y.0/24 is free on this machine")

    def machine(self) -> Machine:
        """A new machine on this bridge."""
        number = next(self._count)
        machine = Machine(f"{self.name}n{number}", f"{self.name}h{number}", self.name)
        self.machines.append(machine)
        machine.join(str(self.network[number + 1]))
        return machine

    def close(self) -> None:
        """Remove the machines and the bridge."""
        for machine in self.machines:
            machine.close()
        with contextlib.suppress(OSError):
            ip("link", "del", self.name)


class Machine:
    """A network namespace with one cable. Its processes see the same files and process ids as the host's."""

    def __init__(self, name: str, cable: str, bridge: str) -> None:
        self.name, self._cable, self._bridge = name, cable, bridge
        self.address, self.open = "", False

    def join(self, address: str) -> None:
        """Make it, with its cable plugged in."""
        try:
            ip("netns", "add", self.name)
        except OSError as error:
            raise NoNetwork(f"a network namespace cannot be made here: {error}") from error
        self.open = True
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self._cable, "master", self._bridge)
        ip("link", "set", self._cable, "up")
        for words in (("link", "set", "lo", "up"), ("address", "add", f"{address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            ip("-n", self.name, *words)
        self.address = address

    def run(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a command on it."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], **options)

    def cut(self) -> None:
        """Unplug the cable: what either side sends is lost, and no connection is closed."""
        ip("link", "set", self._cable, "down")

    def restore(self) -> None:
        """Plug the cable in again. Lost packets are sent again as TCP's timers say, after seconds."""
        ip("link", "set", self._cable, "up")

    def pids(self) -> list[int]:
        """The ids of its processes; none once it is closed."""
        return [int(pid) for pid in ip("netns", "pids", self.name).split()] if self.open else []

    def kill(self) -> None:
        """SIGKILL all its processes. The kernel closes their connections, which the other sides see at once."""
        deadline = time.monotonic() + WAIT
        while pids := self.pids():
            signal_all(pids)
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes {pids} of {self.name} are still there {WAIT:.0f} s after SIGKILL")
            time.sleep(0.02)

    def close(self) -> None:
        """Kill what runs on it, and remove it."""
        if self.open:
            self.kill()
            with contextlib.suppress(OSError):
                ip("link", "del", self._cable)
            ip("netns", "del", self.name)
        self.open = False


def signal_all(pids: Sequence[int]) -> None:
    """SIGKILL those of the processes that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _devices_in(network: ipaddress.IPv4Network) -> list[str]:
    """The devices with an address in a network."""
    devices = json.loads(ip("-json", "-4", "address", "show"))
    return [device["ifname"] for device in devices for address in device.get("addr_info", []) if ipaddress.ip_address(address["local"]) in network]
