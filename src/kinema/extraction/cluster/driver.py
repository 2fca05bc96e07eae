"""The driver's side: a cluster of Ray as one thing that computes videos."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from ...backbones.choice import Choice, choose
from ...errors import UsageError, WorkError
from ...resources import Resources
from ...types import VideoRecord
from ..engine import Done
from ..loaded import LoadedStream
from ..messages import Finished, Job
from .answers import Answer, Place, Result
from .members import Member, Members, gpus
from .parcel import packed
from .site import Unreachable, site_of

# A video in whose company the computing process has died this often is to blame.
DEATHS = 3
LOST = 10  # times that a job is sent in vain: more is no accident


@dataclass(slots=True)
class _Sent:
    """A job on its way; `deaths` counts processes that died with it, `lost` how often it was sent in vain."""

    number: int
    job: Job
    place: Place | None
    deaths: int = 0
    lost: int = 0
    member: Member | None = None


class _Line:
    """Jobs that wait: first those that were lost, then all as they come, then those under suspicion."""

    def __init__(self, coming: Iterator[_Sent]):
        self._coming = coming
        self._lost: deque[_Sent] = deque()
        self._suspects: deque[_Sent] = deque()

    def again(self, one: _Sent) -> None:
        """Have a job wait for another try."""
        (self._suspects if one.deaths else self._lost).append(one)

    def next(self, member: Member, room: int) -> _Sent | None:
        """The next job for a member that has `room`; None where it gets no other now."""
        if member.at_work >= room or (member.at_work and member.alone):
            return None
        member.alone = False
        one = self._lost.popleft() if self._lost else next(self._coming, None)
        if one is None and self._suspects and not member.at_work:
            member.alone = True
            one = self._suspects.popleft()
        return one


class Cluster:
    """A cluster that this process is connected to. `warn` is told of machines that are left aside."""

    def __init__(self, resources: Resources, warn: Callable[[str], None]):
        self.resources, self.warn = resources, warn
        self.gpu = resources.device != "cpu" and gpus() > 0
        if resources.device.startswith("cuda") and not self.gpu:
            raise UsageError("the cluster has no GPU that its Ray knows of; leave --device out")

    def fitted(self, streams: Mapping[str, LoadedStream], *, own: bool = False) -> dict[str, LoadedStream]:
        """The streams with what the cluster's machines compute them by, in place of this machine's choice.

        `own`: their precision is decided already, as a run's is. Raises `UsageError` where the machines
        cannot compute so.
        """
        choice = next(iter(streams.values())).choice
        asked = replace(self.resources, device="auto" if self.gpu else "cpu")
        if own:
            asked = replace(asked, precision=choice.precision)
        if self.gpu:
            try:
                choice = ray.get(ray.remote(choose).options(num_gpus=0.1).remote(asked))
            except ray.exceptions.RayTaskError as error:
                raise UsageError(str(getattr(error, "cause", error))) from None
        else:
            choice = choose(asked)
        return {name: replace(stream, choice=choice) for name, stream in streams.items()}

    @contextmanager
    def computing(
        self, streams: Mapping[str, LoadedStream], record: VideoRecord, store: Path | None
    ) -> Iterator[Callable[[LoadedStream], "Remote"]]:
        """Actors with these streams on all machines, for videos like `record`; gives each stream's `Remote`.

        `store` is a folder that all share; None where features are brought back.
        Raises `UsageError` where a machine lacks the videos, the store, the weights or Kinema.
        """
        with site_of(record, store) as site:
            parcels = [packed(stream, self._asked(stream.choice)) for stream in streams.values()]
            members = Members(
                self.gpu, site, parcels, lambda n: max(s.workers_of(n) for s in streams.values()), self.warn
            )
            try:
                yield lambda stream: Remote(stream, members)
            finally:
                members.close()

    def _asked(self, choice: Choice) -> dict[str, Any]:
        """What a machine is asked to compute by; it checks that, not this one."""
        own = {name: getattr(self.resources, name) for name in ("offline", "features")}
        weights = self.resources.folder or self.resources.weights
        runtime = choice.runtime if choice.asked else "auto"
        device = "cuda" if self.gpu else "cpu"
        return own | {"weights": weights, "device": device, "precision": choice.precision, "runtime": runtime}


class Remote:
    """One stream on a cluster."""

    def __init__(self, stream: LoadedStream, members: Members):
        self.name, self.dim, self._members = stream.name, stream.dim, members

    def videos(
        self, jobs: Iterable[Job], place_of: Callable[[int], Place | None] = lambda number: None
    ) -> Generator[Done[Result], None, None]:
        """Compute videos; yields each as it ends. Those without a place in the store are brought back.

        A job is a call of an actor. As many are under way as the machines have use for. What is lost with a
        machine is sent again. A video in whose company a computing process died waits until the others are
        done, is then sent alone, and has failed when that makes `DEATHS`. Raises `WorkError` where going on
        makes no sense.
        """
        line = _Line(_Sent(number, _absolute(job), place_of(number)) for number, job in enumerate(jobs))
        sent: dict[Any, _Sent] = {}
        while True:
            self._members.look()
            for member in self._members.ready:
                while (one := line.next(member, self._members.room(member))) is not None:
                    sent[self._call(one, member)] = one
            if sent:
                for call in ray.wait(list(sent), timeout=1.0)[0]:
                    done = self._taken(call, sent.pop(call), line)
                    if done is not None:
                        yield done
            elif self._members.ready:
                return
            else:
                self._members.wait()

    def _call(self, one: _Sent, member: Member) -> Any:
        one.member = member
        member.at_work += 1
        return member.actor.video.remote(self.name, one.job, one.place, self._members.decoders_of(member))

    def _taken(self, call: Any, one: _Sent, line: _Line) -> Done[Result] | None:
        """What a call came to; None where the job has to be sent again."""
        member = one.member
        assert member is not None
        member.at_work -= 1
        try:
            answer: Answer = ray.get(call)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            if isinstance(error, ray.exceptions.RayActorError):
                one.deaths += self._members.died(member, error)
            elif isinstance(cause, Unreachable):
                self._members.leave_aside(cause.machine or member.machine, str(cause))
            elif not isinstance(cause, ray.exceptions.RayError) or one.lost == LOST:
                raise WorkError(f"a machine failed: {type(cause).__name__}: {cause}") from error
            if one.deaths == DEATHS:
                return Done(one.number, None, Finished(error=f"the computing process died {DEATHS} times"))
            one.lost += 1
            line.again(one)
            return None
        if answer.failure is not None:
            raise WorkError(answer.failure)
        return Done(one.number, answer.result, answer.end)


def _absolute(job: Job) -> Job:
    """The job by paths that mean the same in every process."""
    cache = job.task.cache
    task = replace(job.task, cache=None if cache is None else cache.absolute())
    return Job(replace(job.record, path=job.record.path.absolute()), task)
