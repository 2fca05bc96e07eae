"""The machines of a cluster that take part: those with processors, checked, with an actor that computes."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ...errors import UsageError, WorkError
from ..loaded import GPU_FLOW_WORKERS
from .backbones import AGAIN, Backbones
from .parcel import Parcel
from .site import Site

LOOK_SECONDS = 1.0  # between two looks at which machines are there
# Of a GPU that decoders share for optical flow.
FLOW_SHARE = 0.5 / GPU_FLOW_WORKERS
# Without any machine the work ends after a while; while one loads, it is told after a while.
GONE_SECONDS, TELL_SECONDS = 60.0, 60.0
MOST_CALLS = 256  # of one actor at a time


@dataclass(eq=False, slots=True)
class Member:
    """An actor, and how many videos it has; `preparing` until it can take some."""

    machine: str
    actor: Any
    preparing: Any
    at_work: int = 0
    alone: bool = False  # what it has at work is to have no company


@dataclass(slots=True)
class Members:
    """The actors of a job. `look` finds machines that have come, and lets go of those that have gone.

    A machine that lacks something raises `UsageError` while it is among the `first`; one that comes later is
    left aside, which `warn` is told.
    """

    gpu: bool
    site: Site
    parcels: Sequence[Parcel]
    workers: Callable[[int], int]  # decoders of a machine, by its processors
    warn: Callable[[str], None]
    ready: list[Member] = field(default_factory=list)
    _preparing: list[Member] = field(default_factory=list)
    _aside: set[str] = field(default_factory=set)
    _died: dict[str, int] = field(default_factory=dict)  # how often an actor did before it was ready
    _processors: dict[str, int] = field(default_factory=dict)
    _shown: dict[str, str] = field(default_factory=dict)
    _first: set[str] | None = None
    _looked: float = 0.0
    _idle_since: float | None = None
    _told: bool = False
    _sent: Any = None

    def look(self) -> None:
        """See what has changed, once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS and self.ready:
            return
        self._looked = now
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and _processors(node)}
        self._processors = {machine: _processors(node) for machine, node in nodes.items()}
        self._shown |= {machine: _shown(node) for machine, node in nodes.items()}
        if self._first is None:
            self._first = set(nodes)
        for member in [*self.ready, *self._preparing]:
            if member.machine not in nodes:
                self.lose(member)
        for machine, node in nodes.items():
            if machine not in self._aside:
                self._complete(machine, node)
        self._prepared()

    def decoders_of(self, member: Member) -> list[str]:
        """The machines that decode for an actor: its own, or all that were checked for one with a GPU."""
        if not self.gpu:
            return [member.machine]
        return list(dict.fromkeys(one.machine for one in self.ready))

    def room(self, member: Member) -> int:
        """How many videos an actor may have at a time: two a decoder, and some that wait for a batch."""
        if not self.gpu:
            return min(MOST_CALLS, 2 * self._decoders(self._processors[member.machine]) + 2)
        return min(MOST_CALLS, 2 * sum(self._processors.values()) // len(self.ready) + 16)

    def lose(self, member: Member) -> None:
        """An actor is gone; the next look makes another if its machine is there."""
        for members in (self.ready, self._preparing):
            if member in members:
                members.remove(member)

    def died(self, member: Member, error: Exception) -> bool:
        """An actor is gone; whether a video may be to blame, and not its machine."""
        self.lose(member)
        return member.machine not in self._aside and "node" not in str(error).partition("died")[2]

    def wait(self) -> None:
        """Wait a moment for an actor to get ready. Raises `WorkError` where there is none to wait for."""
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        waited = now - self._idle_since
        if not self._preparing and waited > GONE_SECONDS:
            raise WorkError("no machine of the cluster is left; start again when it is back, to go on")
        if self._preparing and waited > TELL_SECONDS and not self._told:
            self._told = True
            self.warn("still waiting for processors of the cluster; other work may have them (`ray status`)")
        time.sleep(0.1)

    def leave_aside(self, machine: str, why: str) -> None:
        """Have a machine do nothing any more."""
        if machine in self._aside:
            return
        self._aside.add(machine)
        self.warn(f"machine {self._shown[machine]} {why}; it is left aside")
        for member in [m for m in (*self.ready, *self._preparing) if m.machine == machine]:
            self.lose(member)
            ray.kill(member.actor)

    def close(self) -> None:
        """End all actors."""
        for member in (*self.ready, *self._preparing):
            ray.kill(member.actor)
        self.ready, self._preparing = [], []

    def _complete(self, machine: str, node: Mapping[str, Any]) -> None:
        """An actor for a machine that has none: one for each GPU, or one of its own."""
        wanted = int(node["Resources"].get("GPU", 0)) if self.gpu else 1
        there = sum(member.machine == machine for member in (*self.ready, *self._preparing))
        for _ in range(wanted - there):
            self._preparing.append(self._made(machine, node))

    def _made(self, machine: str, node: Mapping[str, Any]) -> Member:
        processors = _processors(node)
        decoder: dict[str, Any] = {"num_cpus": 1}
        share: dict[str, Any] = {"num_cpus": processors - self._decoders(processors)}
        if self.gpu:
            share = {"num_cpus": 0, "num_gpus": 1}
            if any(parcel.spec.flow_methods for parcel in self.parcels):
                decoder["num_gpus"], share["num_gpus"] = FLOW_SHARE, 0.5
        actor = (
            ray.remote(Backbones)
            .options(
                max_concurrency=MOST_CALLS + 1,
                scheduling_strategy=NodeAffinitySchedulingStrategy(machine, soft=False),
                **share,
            )
            .remote(asked_threads() or processors, decoder)
        )
        if self._sent is None:
            self._sent = ray.put(list(self.parcels))
        preparing = actor.prepare.remote(self.site, self._sent)
        return Member(machine, actor, preparing)

    def _decoders(self, processors: int) -> int:
        return min(self.workers(processors), processors)

    def _prepared(self) -> None:
        """Take in the actors that have got ready."""
        for member in list(self._preparing):
            if not ray.wait([member.preparing], timeout=0)[0]:
                continue
            self._preparing.remove(member)
            try:
                trouble = ray.get(member.preparing)
            except ray.exceptions.RayError as error:
                tries = self._died[member.machine] = self._died.get(member.machine, 0) + 1
                if tries <= AGAIN and isinstance(error, ray.exceptions.RayActorError):
                    continue
                trouble = _words(error)
            if trouble is None:
                self.ready.append(member)
                self._idle_since = None
            elif self._first and member.machine in self._first:
                raise UsageError(f"machine {self._shown[member.machine]} {trouble}")
            else:
                self.leave_aside(member.machine, trouble)


def asked_threads() -> int | None:
    """The threads that `OMP_NUM_THREADS` asks for, as on one machine."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else None


def _words(error: Exception) -> str:
    """Why a machine cannot take part, where it could not say it itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any("No module named 'kinema" in line for line in lines):
        return "has no Kinema that its Ray could import; install the same there"
    return f"cannot compute ({lines[-1][:200]}); look at Ray's logs there"


def _processors(node: Mapping[str, Any]) -> int:
    return int(node["Resources"].get("CPU", 0))


def _shown(node: Mapping[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def gpus() -> int:
    """GPUs of all machines of the cluster."""
    return sum(int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"])
