"""A recipe's paper as a BibTeX entry."""

from .schema import Paper, Recipe

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "&%#_$"})


def bibtex(recipe: Recipe) -> str | None:
    """The entry, its key the recipe's name; None for a recipe without a paper.

    Without a title, `note` says how the abstract begins: nothing is made up.
    """
    paper = recipe.paper
    if paper is None:
        return None
    fields = {name: value for name, value in _fields(paper).items() if value}
    lines = "".join(f"  {name:<7} = {{{value}}},\n" for name, value in fields.items())
    return f"@{'article' if paper.venue else 'misc'}{{{recipe.name},\n{lines}}}\n"


def _fields(paper: Paper) -> dict[str, str]:
    known = paper.title is not None
    return {
        # Braces in braces keep the capitals.
        "title": f"{{{_text(paper.title)}}}" if paper.title else "",
        "author": " and ".join(map(_text, paper.authors)),
        "year": str(paper.year or ""),
        "journal": _text(paper.venue),
        "volume": _text(paper.volume),
        "number": _text(paper.number),
        "pages": _text(paper.pages).replace("-", "--"),
        "doi": paper.doi or "",
        "url": paper.url or "",
        "note": "" if known else f"Title and authors unknown; the abstract begins: {_text(paper.opening)}",
    }


def _text(value: str | None) -> str:
    return (value or "").translate(_SPECIAL)
