"""What actors look like: colours and builds."""

import numpy as np

from .figure import RGB, Look

# fmt: off
SKINS: tuple[RGB, ...] = ((255, 219, 190), (236, 188, 148), (198, 142, 102), (150, 98, 66), (104, 66, 46))
HAIRS: tuple[RGB, ...] = (
    (36, 30, 32), (72, 46, 32), (128, 78, 40), (206, 166, 96), (150, 60, 38), (150, 150, 156),
)
SHIRTS: tuple[RGB, ...] = (
    (222, 72, 66), (244, 160, 54), (250, 214, 90), (64, 150, 108), (52, 128, 190),
    (120, 88, 176), (240, 240, 236), (226, 120, 158), (44, 60, 92), (38, 166, 166),
)
TROUSERS: tuple[RGB, ...] = (
    (42, 58, 96), (58, 58, 66), (112, 84, 62), (88, 106, 84), (150, 140, 122), (30, 34, 48),
)
# fmt: on
SHOES: tuple[RGB, ...] = ((245, 245, 245), (40, 40, 44), (190, 50, 50), (120, 72, 44))


def actor_look(rng: np.random.Generator) -> Look:
    """A random actor; what it wears and how it is built."""
    return Look(
        skin=pick(rng, SKINS),
        hair=pick(rng, HAIRS),
        shirt=pick(rng, SHIRTS),
        trousers=pick(rng, TROUSERS),
        shoes=pick(rng, SHOES),
        girth=rng.uniform(0.85, 1.25),
        legs=rng.uniform(0.94, 1.06),
        shoulders=rng.uniform(0.9, 1.15),
        long_sleeves=bool(rng.random() < 0.5),
        long_hair=bool(rng.random() < 0.4),
    )


def pick(rng: np.random.Generator, colours: tuple[RGB, ...]) -> RGB:
    """One of the colours, each as likely as the others."""
    return colours[int(rng.integers(len(colours)))]
