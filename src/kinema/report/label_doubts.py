"""The report's section on labels that look wrong, as film strips."""

from collections.abc import Sequence

from .data import Sample, Section, Strips


def label_doubts_section(samples: Sequence[Sample], count: int) -> Section:
    """The surest of `count` doubts; the best label of each sample is the one that contradicts its own."""
    intro = (
        "Training videos whose label the recogniser of all others contradicts most surely. Some will be"
        " right and only unusual: look before you change a label."
    )
    hidden = count - len(samples)
    note = f"{hidden} more in metrics.json, label_doubts." if hidden else ""
    return Section("Are these labels right?", intro, (Strips("", samples, note),), "Labels")
