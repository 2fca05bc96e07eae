"""What can be named as a backbone: its facts, without torch, and its speed on this machine."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..backbones.libraries.entry import Facts, all_facts
from ..backbones.own_facts import own_facts
from ..errors import UsageError
from ..resources import Resources, threads
from .events import SILENT, Events

# What a user calls an input, and the kinds of input that it stands for.
INPUTS = {
    "frame": ("frame",),
    "clip": ("clip",),
    "flow": ("flow_clip", "flow_stack"),
    "sound": ("logmel",),
}
SECONDS = 2.0


def backbones(name: str | None = None, input: str | None = None) -> list[Facts]:
    """Those whose name holds `name`, of one kind of `INPUTS`; Kinema's own first.

    Raises `UsageError` for an unknown input, and where there is none.
    """
    if input is not None and input not in INPUTS:
        raise UsageError(f"unknown input '{input}'; choose one of: {', '.join(INPUTS)}")
    found = [
        facts
        for facts in [*own_facts(), *all_facts()]
        if (name is None or name in facts.name) and (input is None or facts.input.kind in INPUTS[input])
    ]
    if not found:
        what = " ".join(filter(None, (input, name and f"named '{name}'")))
        raise UsageError(f"no backbone {what}; `kinema backbones` lists all")
    return found


def measured(names: Sequence[str], resources: Resources, events: Events = SILENT) -> Iterator[float]:
    """Steps a second of each backbone with random values, in batches of the size that extraction uses."""
    from ..backbones.choice import choose
    from ..backbones.load import load_backbone
    from ..backbones.random_init import synthetic_batch
    from ..backbones.runner import BackboneRunner
    from ..extraction.loaded import BATCH_SIZES

    choice = choose(resources)
    if choice.precision == "int8":
        raise UsageError("int8 is calibrated on videos; see `kinema evaluate --compare-precision`")
    for name in names:
        events.step(f"measuring {name}, {choice.shown}")
        loaded = load_backbone(name, weights="none")
        spec = loaded.spec.input
        spec = replace(spec, length=spec.length or (10 if spec.kind == "flow_stack" else 16))
        size = BATCH_SIZES[spec.kind]
        runner = BackboneRunner(
            loaded,
            batch_size=size,
            device=choice.device,
            precision=choice.precision,
            runtime=choice.runtime if choice.asked else "auto",
            threads=threads(),
        )
        batch = list(synthetic_batch(spec)[:size].numpy())
        batch += [batch[0]] * (size - len(batch))
        runner(batch)  # the first one sets up
        steps, started = 0, time.perf_counter()
        while (seconds := time.perf_counter() - started) < SECONDS:
            runner(batch)
            steps += size
        yield steps / seconds
