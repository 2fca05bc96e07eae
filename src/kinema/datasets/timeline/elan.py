"""ELAN's .eaf: tiers of annotations, read from it and written for it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

from ...errors import UsageError
from ...types import Segment
from ..dataset import counted
from .assemble import Annotations, Mark

ENDING = ".eaf"


def detect(root: Path) -> bool:
    """Whether `root` is an .eaf file, or a folder that holds some."""
    if root.is_file():
        return root.suffix.lower() == ENDING
    return any(root.glob(f"*{ENDING}"))


def read(root: Path, *, split: int | None = None) -> Annotations:
    """One file, or all of a folder. An annotation's class is its text or, where that is blank, its tier.

    The video is the one that the file names, looked for beside it first. Tiers may name their annotators.
    Annotations without times of their own (of dependent tiers) are left out, and counted.
    Raises `UsageError` for what is not ELAN's.
    """
    files = [root] if root.is_file() else sorted(root.glob(f"*{ENDING}"))
    marks: list[Mark] = []
    untimed = 0
    for file in files:
        found, without = _read_file(file)
        marks += found
        untimed += without
    warnings = [f"{counted(untimed, 'annotation')} without times of their own left out"] if untimed else []
    return Annotations("elan", root, root.parent if root.is_file() else root, marks, warnings)


def _read_file(file: Path) -> tuple[list[Mark], int]:
    try:
        with file.open("rb") as opened:
            document = ElementTree.parse(opened).getroot()
        media = document.find("HEADER/MEDIA_DESCRIPTOR")
        slots = {
            slot.attrib["TIME_SLOT_ID"]: float(slot.attrib["TIME_VALUE"]) / 1000
            for slot in document.iterfind("TIME_ORDER/TIME_SLOT")
            if "TIME_VALUE" in slot.attrib
        }
        video = _video(file, media)
        marks, untimed = [], 0
        for tier in document.iterfind("TIER"):
            found, without = _tier(file.name, tier, slots, video)
            marks += found
            untimed += without
    except (OSError, ElementTree.ParseError, KeyError, ValueError) as error:
        raise UsageError(f"{file} is not a file of ELAN's ({error}); save it again in ELAN") from None
    return marks or [Mark(file.name, video, None)], untimed


def _tier(
    file: str, tier: ElementTree.Element, slots: dict[str, float], video: str
) -> tuple[list[Mark], int]:
    name, who = tier.attrib["TIER_ID"], tier.attrib.get("ANNOTATOR", "").strip()
    marks = []
    for number, one in enumerate(tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"), start=1):
        start, end = (slots.get(one.attrib[f"TIME_SLOT_REF{side}"]) for side in (1, 2))
        if start is None or end is None:
            continue
        label = (one.findtext("ANNOTATION_VALUE") or "").strip() or name
        marks.append(Mark(f"{file} tier {name} annotation {number}", video, label, start, end, annotator=who))
    return marks, len(tier.findall("ANNOTATION")) - len(marks)


def _video(file: Path, media: ElementTree.Element | None) -> str:
    """The file that the header names if it lies beside, or where the address says; else of the same name."""
    for key in ("RELATIVE_MEDIA_URL", "MEDIA_URL") if media is not None else ():
        address = unquote(urlparse(media.attrib.get(key, "")).path)  # type: ignore[union-attr]
        name = address.replace("\\", "/").rpartition("/")[2]
        if name and (file.parent / name).is_file():
            return name
        if address and key == "MEDIA_URL" and Path(address).is_file():
            return address
    return file.stem


def write(path: Path, video: Path, segments: Iterable[Segment], labels: Sequence[str]) -> str:
    """The text of an .eaf for the video at `video`, to be kept at `path`: one tier a class, times in ms."""
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "Kinema",
            "DATE": "1970-01-01T00:00:00+00:00",
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = ElementTree.SubElement(document, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    absolute = video.absolute()
    media = {"MEDIA_URL": absolute.as_uri(), "MIME_TYPE": "video/*"}
    if path.absolute().parent == absolute.parent:
        media["RELATIVE_MEDIA_URL"] = f"./{absolute.name}"
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ElementTree.SubElement(document, "TIME_ORDER")
    slot = 0
    tiers = {
        label: ElementTree.SubElement(
            document, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=label, DEFAULT_LOCALE="en"
        )
        for label in labels
    }
    for annotation, segment in enumerate(segments, start=1):
        for seconds in (segment.start_seconds, segment.end_seconds):
            slot += 1
            ElementTree.SubElement(
                order, "TIME_SLOT", TIME_SLOT_ID=f"ts{slot}", TIME_VALUE=str(round(1000 * seconds))
            )
        held = ElementTree.SubElement(
            ElementTree.SubElement(tiers[segment.label], "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            ANNOTATION_ID=f"a{annotation}",
            TIME_SLOT_REF1=f"ts{slot - 1}",
            TIME_SLOT_REF2=f"ts{slot}",
        )
        ElementTree.SubElement(held, "ANNOTATION_VALUE").text = segment.label
    ElementTree.SubElement(
        document, "LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID="default-lt", TIME_ALIGNABLE="true"
    )
    ElementTree.SubElement(document, "LOCALE", LANGUAGE_CODE="en", COUNTRY_CODE="US")
    ElementTree.indent(document)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(document, encoding="unicode") + "\n"
    )
