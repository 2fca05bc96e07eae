"""Values -> text that is safe inside HTML, and numbers as people read them."""

import html
import json
import math
import re
from typing import Any

# A file name may hold anything but "/": control characters become visible pictures (U+2400 block), and
# undecodable bytes, which Python keeps as lone surrogates and UTF-8 cannot write, become U+FFFD.
_CONTROLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(value: object) -> str:
    """Any value as one line of writable text: no control characters, no lone surrogates."""
    return _SURROGATES.sub("�", str(value).translate(_CONTROLS))


def escape(value: object) -> str:
    """`clean` text for HTML element content and for quoted attributes."""
    return html.escape(clean(value), quote=True)


def name(value: object) -> str:
    """A class or file name: escaped, and isolated so that right-to-left names do not reorder the line."""
    return f"<bdi>{escape(value)}</bdi>"


def block(value: str) -> str:
    """Escaped text that keeps its line breaks and tabs (for `<pre>`)."""
    return "\n".join(escape(line.replace("\t", "    ")) for line in value.split("\n"))


def finite(value: Any) -> float | None:
    """`value` as a float, or None where it is absent, not a number or infinite."""
    if value is None or isinstance(value, str):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def json_script(value: Any, kind: str) -> str:
    """A `<script type="application/json" class="kind">` block; NaN and infinities become null."""
    text = json.dumps(_plain(value), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return f'<script type="application/json" class="{escape(kind)}">{text}</script>'


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict):
        return {clean(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    number = finite(value)
    return None if number is None else float(f"{number:.5g}")


def percent(value: Any, digits: int = 1) -> str:
    """0.9658 -> '96.6 %'; absent -> an en dash."""
    number = finite(value)
    return "–" if number is None else f"{100 * number:.{digits}f}\u202f%"


def count(value: int) -> str:
    """1234567 -> '1 234 567' with thin spaces."""
    return f"{value:,}".replace(",", "\u202f")


def decimal(value: Any) -> str:
    """A number with three significant digits; absent -> an en dash."""
    number = finite(value)
    return "–" if number is None else f"{number:.3g}"


def duration(seconds: Any) -> str:
    """12.34 -> '12.3 s'; 187 -> '3 min 7 s'; 7300 -> '2 h 2 min'."""
    number = finite(seconds)
    if number is None:
        return "–"
    if round(number, 1) < 60:
        return f"{number:.1f}\u202fs"
    if round(number) < 3600:
        minutes, rest = divmod(round(number), 60)
        return f"{minutes}\u202fmin {rest}\u202fs"
    hours, minutes = divmod(round(number / 60), 60)
    return f"{hours}\u202fh {minutes}\u202fmin"


def size(num_bytes: int) -> str:
    """Bytes in decimal units: 1530000 -> '1.5 MB'."""
    number, units = float(num_bytes), ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{number:.0f}\u202fB" if units[0] == "B" else f"{number:.1f}\u202f{units[0]}"


def plural(number: int, word: str, plural_word: str = "") -> str:
    """'1 video', '2 videos', '2 classes'."""
    return f"{count(number)} {word if number == 1 else plural_word or word + 's'}"
