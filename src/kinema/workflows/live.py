"""`kinema live` and `kinema anomaly watch`: a run, or a detector, on a source."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ..atomic import atomic_open
from ..errors import UsageError
from ..inference.anomaly import load_anomaly
from ..inference.load import load
from ..inference.predictor import LoadedRun
from ..inference.timeline import is_timeline
from ..live.decision import Decision
from ..live.detector import LiveDetector, Watched
from ..live.display import Display, Recording
from ..live.items import Gap, Lost, Restored, Shot
from ..live.model import LiveModel
from ..live.plan import Rule
from ..live.recogniser import LiveRecogniser
from ..live.session import MOST_DELAY, Event, Session
from ..live.smoothing import Smoothing
from ..live.source import Source
from ..live.strip import RecentFrames
from ..live.timeline import LiveTimeline, Moment
from ..resources import Resources
from .events import SILENT, Events

T = TypeVar("T")
# Where nothing is said, and the run can bound it: the share of known actions that may be called unknown.
RISK = 0.05


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What is remembered (`kinema.live.memory`), how long frames may wait (`kinema.live.backlog`) and how
    answers follow the scores. They are unknown below `min_score`, or the bound of `risk`, or, with neither,
    that of a risk of 5 % where the run can bound one."""

    rule: Rule = "auto"
    horizon_seconds: float | None = None
    max_delay: float = MOST_DELAY
    smoothing: Smoothing = Smoothing()  # noqa: RUF009  # frozen
    risk: float | None = None
    min_score: float | None = None


Stop = Callable[[], bool]


def recognise(
    run: str | Path,
    source: Source,
    report: Callable[[Decision | Moment, float], None],
    *,
    options: LiveOptions = LiveOptions(),  # frozen
    annotate: Path | None = None,
    display: Display | None = None,
    resources: Resources | None = None,
    events: Events = SILENT,
    stop: Stop = lambda: False,
) -> dict[str, Any]:
    """Call `report` with every decision and how many seconds late it is; returns the session's summary.

    Of a run that was taught segments it is called with the moments of its steps (`kinema.live.timeline`).

    annotate: a video file of the frames with the answer on them, which appears at the end. display: shows the
    same meanwhile. Raises `UsageError` as `LiveRecogniser` does, `MediaError` where a file is damaged.
    """
    loaded = load(run, resources)
    model = _model(loaded, options, events)
    displays = [*([] if display is None else [display]), *([] if annotate is None else [Recording(annotate)])]
    name, score = "", 0.0
    with ExitStack() as stack, _session(model, source, options, events) as session:
        for one in displays:
            stack.enter_context(closing(one))
        for event in _told(session.events(stop), events):
            for decision in event.reports:
                report(decision, event.delay)
                name, score = decision.shown()
            if isinstance(event.item, Restored):
                name = ""
            if isinstance(event.item, Shot):
                for one in displays:
                    one.show(event.item, name, score)
    if annotate is not None:
        events.note(f"annotated video: {annotate}")
    return session.summary()


def watch(
    detector: str | Path,
    source: Source,
    out: Path,
    report: Callable[[dict[str, Any]], None],
    *,
    run: str | Path | None = None,
    options: LiveOptions = LiveOptions(),  # frozen
    resources: Resources | None = None,
    events: Events = SILENT,
    stop: Stop = lambda: False,
) -> dict[str, Any]:
    """Call `report` with every alarm; each has a film strip in `out` and a line in its alarms.jsonl.

    Returns the session's summary with the number of alarms. Raises as `recognise` does.
    """
    model = LiveDetector(
        load_anomaly(detector, run=run, resources=resources),
        rule=options.rule,
        horizon_seconds=options.horizon_seconds,
        smoothing_seconds=options.smoothing.seconds,
    )
    out.mkdir(parents=True, exist_ok=True)
    recent, alarms = RecentFrames(model.plan.seconds), 0
    with _session(model, source, options, events) as session:
        for event in _told(session.events(stop), events):
            if isinstance(event.item, Restored):
                recent.forget()
            if isinstance(event.item, Shot):
                recent.add(event.item)
            for found in event.reports:
                if found.raised:
                    alarms += 1
                    report(_alarm(found, recent, out))
    return session.summary() | {"alarms": alarms}


def now() -> str:
    """The time of day, as ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _model(run: LoadedRun, options: LiveOptions, events: Events) -> LiveModel[Any]:
    if not is_timeline(run):
        smoothing = replace(options.smoothing, least=_least(run, options, events))
        return LiveRecogniser(
            run, rule=options.rule, horizon_seconds=options.horizon_seconds, smoothing=smoothing
        )
    idle = {
        "--forget": options.rule not in ("auto", "never"),
        "--horizon": options.horizon_seconds is not None,
        "--risk": options.risk is not None,
        "--min-score": options.min_score is not None,
    }
    for option in (name for name, given in idle.items() if given):
        raise UsageError(
            f"{option} has no effect on a timeline run, which has learned when segments open and close;"
            " leave it out"
        )
    return LiveTimeline(run)


def _least(run: LoadedRun, options: LiveOptions, events: Events) -> float | None:
    """The score below which an answer is unknown; None where every answer counts."""
    if options.min_score is not None:
        return options.min_score
    if options.risk is not None:
        return run.bound(options.risk)
    try:
        least = run.bound(RISK)
    except UsageError:
        events.note(
            "the run has no held-out scores to tell the unknown by: every moment gets a class (--min-score)"
        )
        return None
    events.detail(f"unknown is what scores below {least:.3f} (--risk {RISK})")
    return least


@contextmanager
def _session(
    model: LiveModel[T], source: Source, options: LiveOptions, events: Events
) -> Iterator[Session[T]]:
    """A session whose model is warm; at its end it is told how it went."""
    events.step(f"watching {source.name}")
    events.note(str(model.plan))
    model.warm_up()
    session = Session(model, source, max_delay=options.max_delay)
    yield session
    facts = session.summary()
    delay = facts["delay_ms"]
    events.note(
        f"{facts['seconds']:.1f} s, {facts['frames']} frames, {facts['dropped']} dropped, "
        f"{facts['decisions']} decisions, {facts['reconnected']} times reconnected"
    )
    events.note(
        f"delay of a decision: median {delay['p50']} ms, 90 % {delay['p90']} ms, 99 % {delay['p99']} ms, "
        f"longest {delay['max']} ms"
    )


def _told(found: Iterator[Event[T]], events: Events) -> Iterator[Event[T]]:
    """The events of a session; what the source says of itself is told."""
    dropping = False
    for event in found:
        match event.item:
            case Lost(reason=reason, pause=pause):
                events.warn(f"the stream is lost ({reason}); trying again in {pause:g} s")
            case Restored(outage=outage):
                events.note(f"the stream is back after {outage:.1f} s; everything begins anew")
            case Gap() if not dropping:
                dropping = True
                events.warn("frames come faster than they can be handled; some are dropped (see the summary)")
        yield event


def _alarm(found: Watched, recent: RecentFrames, out: Path) -> dict[str, Any]:
    """One alarm as plain data, its film strip written beside the list of all."""
    time = now()
    strip = out / f"alarm-{time.replace(':', '').replace('-', '').replace('.', '')}.jpg"
    with atomic_open(strip, "wb") as file:
        file.write(recent.strip(found.start_seconds))
    alarm = {
        "alarm": found.alarm,
        "time": time,
        "seconds": round(found.seconds, 3),
        "start_seconds": round(found.start_seconds, 3),
        **asdict(found.verdict),
        "strip": str(strip),
    }
    with (out / "alarms.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(alarm) + "\n")
    return alarm
