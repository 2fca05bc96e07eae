"""The moving picture of the README: a run of `kinema demo` names what actors do that it was not trained on.

    kinema demo --out demo && python docs/animation.py demo docs/images/kinema.webp

Class after class, by one held-out actor after another, in the first clip of each, whatever the answer. The
bars are the scores of `predict` on the frames up to the one shown.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import kinema
from kinema.datasets import load_dataset
from kinema.inference.predictor import LoadedRun
from kinema.types import Prediction, VideoRecord

WIDTH, HEIGHT, PICTURE = 640, 240, 320
EVERY = 3  # frames of video from one picture to the next
PAUSE = 8  # pictures that the last of a clip stays
INK, SOFT, PAPER = "#1c2430", "#8a94a3", "#ffffff"
RIGHT, WRONG = "#1f8a54", "#b8442f"


def chosen(labels: Sequence[str], tested: Sequence[VideoRecord]) -> list[VideoRecord]:
    """One clip a class, each of another actor while there are enough."""
    actors = list(dict.fromkeys(record.group for record in tested))
    first = {(record.label, record.group): record for record in reversed(tested)}
    return [first[label, actors[i % len(actors)]] for i, label in enumerate(labels)]


def pictures(run: LoadedRun, record: VideoRecord) -> Iterator[Image.Image]:
    """One picture every `EVERY` frames of a clip, with the scores of what was seen up to it."""
    frames = [(frame.pts_seconds, frame.data) for frame in kinema.VideoFile(record.path).frames()]
    shown = sorted({*range(EVERY - 1, len(frames), EVERY), len(frames) - 1})
    for index in shown:
        last = index == shown[-1]
        seen = run.predict(kinema.GivenFrames(frames[: index + 1]))
        picture = _picture(frames[index][1], frames[index][0], seen, record.label if last else None)
        yield from [picture] * (PAUSE if last else 1)


def _picture(frame: np.ndarray, seconds: float, seen: Prediction, truth: str | None) -> Image.Image:
    """Frame, time and one bar a class; at the end of the clip, whether the answer is right."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    image.paste(Image.fromarray(frame).resize((PICTURE, HEIGHT), Image.Resampling.BICUBIC), (0, 0))
    draw, left = ImageDraw.Draw(image), PICTURE + 18
    colour = INK if truth is None else RIGHT if seen.label == truth else WRONG
    draw.text((left, 12), _words(seen.label), fill=colour, font=ImageFont.load_default(20))
    verdict = "" if truth is None else "right" if seen.label == truth else f"wrong, it is {_words(truth)}"
    draw.text((left, 40), f"{seconds:.1f} s   {verdict}", fill=SOFT, font=ImageFont.load_default(13))
    for row, (label, score) in enumerate(zip(seen.labels, seen.scores, strict=True)):
        y, start, best = 74 + 27 * row, left + 104, label == seen.label
        draw.text((left, y), _words(label), fill=INK if best else SOFT, font=ImageFont.load_default(13))
        draw.rectangle((start, y + 2, WIDTH - 20, y + 14), fill="#edf0f4")
        end = start + float(score) * (WIDTH - 20 - start)
        if end >= start + 1:
            draw.rectangle((start, y + 2, end, y + 14), fill=colour if best else "#c3cad4")
    return image


def _words(label: str) -> str:
    return label.replace("_", " ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, help="folder of `kinema demo`")
    parser.add_argument("out", type=Path, help=".webp or .gif")
    arguments = parser.parse_args()
    run = kinema.load(arguments.demo / "run")
    tested = load_dataset(arguments.demo / "videos" / "annotations.csv").part("test")
    images = [image for record in chosen(run.labels, tested) for image in pictures(run, record)]
    duration = 40 * EVERY
    images[0].save(
        arguments.out,
        save_all=True,
        append_images=images[1:],
        duration=duration,
        loop=0,
        quality=60,
        method=3,
    )
    print(f"{arguments.out}: {len(images)} pictures, {arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
