"""The frame of every page that Kinema writes: one file that needs nothing else, not even a network."""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from string import Template

from . import markup


def page(
    *,
    kind: str,
    title: str,
    summary: str,
    byline: str,
    links: Sequence[tuple[str, str]],
    warnings: str,
    main: str,
    version: str,
) -> str:
    """HTML text. `kind` is what the page is called beside Kinema; `links` are (anchor, word) of its sections.

    `byline`, `warnings` and `main` are ready markup; scripts other than the page's own cannot run.
    """
    script, known = _asset("report.js"), f" {markup.escape(version)}" if version else ""
    nav = "".join(f'<a href="#{anchor}">{markup.escape(word)}</a>' for anchor, word in links)
    return Template(_asset("template.html")).substitute(
        kind=markup.escape(kind),
        title=markup.escape(title),
        heading=markup.name(title),
        summary=f'<p class="summary">{markup.escape(summary)}</p>' if summary else "",
        style=_asset("style.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        nav=nav,
        byline=byline,
        warnings=warnings,
        main=main,
        footer=f"Made by Kinema{known}. This page is one file and works offline.",
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
