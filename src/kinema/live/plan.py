"""How a run works on a stream: state carried, a window of steps, or windows sampled as whole videos."""

from dataclasses import dataclass
from typing import Literal

from ..audio.logmel import FRONT_ENDS
from ..errors import UsageError
from ..inference.predictor import LoadedRun
from ..media.clock import USUAL_FPS
from ..recipe import Recipe
from ..sampling.specs import Jump, Rate, Segments, Windows
from ..streams import AudioStream, FlowStream, StreamSettings
from .memory import CarriedMemory, WindowMemory, can_carry
from .readers import Reader, StepReader, WindowReader
from .steps import goes_on

Rule = Literal["auto", "reset", "window", "never"]
RULES: tuple[Rule, ...] = ("auto", "reset", "window", "never")
# Seconds that a decision rests on, where nothing else is said, and the steps that it has at least: on clips
# end to end a change is seen after half of it (docs/live.md), and a model of order needs steps to order.
HORIZON, LEAST_STEPS = 2.0, 4


@dataclass(frozen=True, slots=True)
class Plan:
    """`rule` is reset, window or never for steps that follow one by one, whole for windows that are each
    sampled as a video. `seconds` is the horizon; `step_seconds` the time from one decision to the next."""

    rule: Literal["reset", "window", "never", "whole"]
    seconds: float
    step_seconds: float
    what: str

    def __str__(self) -> str:
        horizon, step = f"{self.seconds:g} s", f"{self.step_seconds:.3g} s"
        match self.rule:
            case "reset":
                return (
                    f"{self.what} carries its state, a decision every {step}; it begins anew so that "
                    f"{self.seconds / 2:g} to {horizon} are behind each"
                )
            case "never":
                return f"{self.what} carries its state for ever, a decision every {step}"
            case "window":
                return (
                    f"{self.what} sees a window of the last {horizon}, a decision every {step}: "
                    f"a change of action fills half of it after {self.seconds / 2:g} s"
                )
            case "whole":
                return (
                    f"{self.what} needs whole videos: windows of {horizon}, each sampled as one, a decision "
                    f"every {step}, up to {horizon} after what it is about"
                )

    def open(self, run: LoadedRun) -> Reader:
        """What reads a stream in this way."""
        if self.rule == "whole":
            return WindowReader(run, self.seconds)
        model = run.sequences.model
        if self.rule == "window":
            return StepReader(run, WindowMemory(model, self.seconds))
        return StepReader(run, CarriedMemory(model, None if self.rule == "never" else self.seconds))


def plan_for(run: LoadedRun, rule: Rule = "auto", seconds: float | None = None) -> Plan:
    """The way that `rule` asks for. auto: state is carried where the model can.

    Raises `UsageError` where the model cannot, and for a horizon that is shorter than two steps.
    """
    recipe = run.config.recipe
    specs = [stream.spec for stream in run.streams.values()]
    step = step_seconds(run)
    horizon = max(HORIZON, LEAST_STEPS * step) if seconds is None else seconds
    if not all(goes_on(spec) for spec in specs):
        if rule not in ("auto", "window"):
            raise UsageError(
                f"recipe {recipe.name} samples whole videos, so no state can be carried; leave --forget out"
            )
        return Plan("whole", horizon, horizon / 2, _sampling(recipe))
    if horizon < 2 * step:
        raise UsageError(
            f"a step of recipe {recipe.name} takes {step:.3g} s; give --horizon at least {2 * step:.3g}"
        )
    carried, kind = can_carry(run.sequences.model), recipe.temporal.kind
    if rule in ("reset", "never") and not carried:
        raise UsageError(
            f"temporal.kind {kind} of recipe {recipe.name} needs whole sequences, so it carries no state; "
            "leave --forget out"
        )
    if rule == "auto":
        rule = "reset" if carried else "window"
    return Plan(rule, horizon, step, kind)


def step_seconds(run: LoadedRun) -> float:
    """Seconds from one step to the next, the longest of the streams; 0 where whole videos are sampled."""
    specs = [stream.spec for stream in run.streams.values()]
    # Sound is taken as it comes, where there are frames.
    return max(_step_seconds(s) for s in [s for s in specs if not isinstance(s, AudioStream)] or specs)


def clip_frames(run: LoadedRun) -> int:
    """How many frames in a row make one step, at most over the streams; flow needs one more."""
    return max((_clip_frames(stream.spec) for stream in run.streams.values()), default=1)


def _clip_frames(spec: StreamSettings) -> int:
    if isinstance(spec, AudioStream):
        return 1
    sampling = getattr(spec, "sampling", None)
    length = sampling.length if isinstance(sampling, Segments | Windows) else 1
    if isinstance(spec, FlowStream):
        return max(length, spec.stack_length or 1) + 1
    return length


def _step_seconds(spec: StreamSettings) -> float:
    """Seconds from one step to the next, at the usual frame rate where steps are counted in frames."""
    if isinstance(spec, AudioStream):
        front_end = FRONT_ENDS[spec.front_end]
        return front_end.example_hop / front_end.sample_rate
    match getattr(spec, "sampling", None):
        case Rate(fps=fps):
            return 1 / fps
        case Jump(every=every):
            return every / USUAL_FPS
        case Segments(length=length):
            return length / USUAL_FPS
        case Windows(stride=stride):
            return stride / USUAL_FPS
    return 0.0


def _sampling(recipe: Recipe) -> str:
    kinds = [getattr(s, "sampling", None) for s in recipe.streams.values() if not goes_on(s)]
    return f"sampling {kinds[0].kind}" if kinds and kinds[0] is not None else recipe.name
