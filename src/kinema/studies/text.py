"""A study's tables as Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Sequence

from ..datasets.dataset import counted
from .compare import Comparison
from .results import CellResult
from .sheet import Sheet

_TEX = str.maketrans(
    {c: f"\\{c}" for c in "&%#_$"}
    | {"±": "$\\pm$", "–": "--", "{": "\\{", "}": "\\}", "\\": "\\textbackslash{}", "~": "\\textasciitilde{}",
       "^": "\\textasciicircum{}", "<": "$<$", ">": "$>$"}
)  # fmt: skip


def markdown(title: str, sheets: Sequence[Sheet], remarks: Sequence[str]) -> str:
    """All tables, then what is to be said of them."""
    parts = [f"# {title}", *map(_markdown_table, sheets)]
    if remarks:
        parts.append("\n".join(f"- {remark}" for remark in remarks))
    return "\n\n".join(parts) + "\n"


def _markdown_table(sheet: Sheet) -> str:
    remarked = any(line.remark for line in sheet.lines)
    heads = [sheet.first, *sheet.headings, *([" "] if remarked else [])]
    rows = [
        [line.name, *(e.text for e in line.entries), *([line.remark] if remarked else [])]
        for line in sheet.lines
    ]
    ruler = ["---", *["---:"] * len(sheet.headings), *(["---"] if remarked else [])]
    lines = [_piped(heads), _piped(ruler), *(_piped(row) for row in rows)]
    return f"**{sheet.title}**\n\n" + "\n".join(lines)


def _piped(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def aligned(sheet: Sheet) -> list[str]:
    """The table as lines of text whose columns are aligned; nothing is cut, however wide it is."""
    heads = [sheet.first, *sheet.headings]
    rows = [heads, *([line.name, *(e.text for e in line.entries)] for line in sheet.lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    remarks = ["", *(f"  {line.remark}" if line.remark else "" for line in sheet.lines)]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(width)}" for cell, width in zip(row[1:], widths[1:], strict=True))
        + remark
        for row, remark in zip(rows, remarks, strict=True)
    ]
    return [sheet.title, *(f"  {line.rstrip()}" for line in lines)]


def csv_text(sheets: Sequence[Sheet]) -> str:
    """One line a value: table, row, column, value, standard deviation, and whose value it is."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["table", "row", "column", "value", "std", "source"])
    for sheet in sheets:
        for line in sheet.lines:
            for heading, entry in zip(sheet.headings, line.entries, strict=True):
                if entry.value is not None:
                    spread = "" if entry.spread is None else f"{entry.spread:.6g}"
                    source = "paper" if entry.paper else "here"
                    rows.writerow([sheet.title, line.name, heading, f"{entry.value:.10g}", spread, source])
    return text.getvalue()


def cells_csv(cells: Sequence[CellResult]) -> str:
    """One line a cell: how it stands, its accuracy and its run's folder."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["row", "round", "seed", "state", "accuracy", "n_test", "train_seconds", "run", "reason"])
    for c in cells:
        known = [c.metrics.get("accuracy"), c.metrics.get("n_test"), c.cost.get("train_seconds")]
        place = c.cell.folder.as_posix()
        row = [c.cell.planned.name, c.cell.one.part, c.cell.one.seed, c.state]
        rows.writerow([*row, *("" if v is None else f"{v:.6g}" for v in known), place, c.reason])
    return text.getvalue()


def tex(sheets: Sequence[Sheet]) -> str:
    """A `tabular` each, for LaTeX with the package booktabs."""
    return "\n\n".join(map(_tabular, sheets)) + "\n"


def _tabular(sheet: Sheet) -> str:
    rows = [[line.name, *(e.text for e in line.entries)] for line in sheet.lines]
    body = [" & ".join(cell.translate(_TEX) for cell in row) + r" \\" for row in rows]
    head = " & ".join(cell.translate(_TEX) for cell in (sheet.first, *sheet.headings)) + r" \\"
    columns = "l" + "r" * len(sheet.headings)
    return "\n".join(
        [
            f"% {sheet.title}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def claims(comparisons: Sequence[Comparison]) -> list[str]:
    """One sentence a comparison, and how they were made."""
    if not comparisons:
        return []
    if all(one.p is None for one in comparisons):
        few, videos = comparisons[0].observations, comparisons[0].videos
        what = f"{counted(videos, 'test video')} of {few}" if comparisons[0].grouped else few
        return [f"The rows cannot be told apart: they share {what}, too few for any difference."]
    said = [f"{one.better} against {one.than}: {one.words}" for one in comparisons]
    what = "groups" if comparisons[0].grouped else "videos (McNemar's exact test where each is answered once)"
    return [
        *said,
        f"Paired randomisation tests over the same test videos, an observation a group where they are known;"
        f" here over {what}. Holm's correction for {len(comparisons)} comparisons.",
    ]
