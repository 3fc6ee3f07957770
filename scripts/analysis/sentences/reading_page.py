"""The sentences of a page: its text outside of tables, charts and method."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser

from analysis.sentences.plain import Plain

Check = Callable[[Plain, str, re.Match[str]], None]

UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
TIMES = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
# Patterns of what sentences are made of.
NUMBER = r"[\d,]+(?:\.\d+)?"
SIZE = rf"{NUMBER}(?: [KMG]i)?"
TIME = rf"{NUMBER} (?:ns|µs|ms|s)"
DATA = rf"{NUMBER} (?:B|KiB|MiB|GiB)"
FORM = r"[\w-]+/[\w.-]+"
COUNT = r"[\d,]+ (?:workers?|SMs?)"

# Each kind of sentence with what checks it against a run.
KINDS: dict[re.Pattern[str], Check] = {}


def kind(pattern: str) -> Callable[[Check], Check]:
    """Marks what checks the sentences of a pattern."""

    def known(check: Check) -> Check:
        KINDS[re.compile(rf"{pattern}(?= |$)")] = check
        return check

    return known


@dataclass(frozen=True)
class Text:
    """A paragraph and the heading that it stands under."""

    kind: str  # `p.says`, `figcaption`, `li`, ...
    heading: str
    text: str


class _Parser(HTMLParser):
    SKIPPED = ("table", "script", "style", "noscript", "nav", "header", "button")
    KEPT = ("p", "li", "figcaption", "dt", "dd", "h2", "h3", "h4")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Text] = []
        self.skipped = 0
        self.kind = self.heading = self.tile = ""
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skipped += tag in self.SKIPPED
        if tag in self.KEPT:
            self.kind = ".".join([tag, *(dict(attrs).get("class") or "").split()])
            self.parts = []

    def handle_data(self, data: str) -> None:
        if self.kind and not self.skipped:
            self.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.skipped -= tag in self.SKIPPED
        if tag not in self.KEPT or not self.kind:
            return
        text = " ".join((" " if tag == "dd" else "").join(self.parts).split())
        if tag in ("h2", "h3", "h4"):
            self.heading = text
        elif tag == "dt":
            self.tile = text
        elif text:
            text = f"{self.tile}: {text}" if tag == "dd" else text
            self.found.append(Text(self.kind, self.heading, text))
        self.kind = ""


def texts(page: str) -> list[Text]:
    """All of them, in order, up to the method, which is the same on every page."""
    parser = _Parser()
    body, method = page.split("<main>", 1)[1], '<section id="method">'
    parser.feed(body.split(method, 1)[0])
    return parser.found


def number(text: str) -> float:
    """`3,010`."""
    return float(text.replace(",", ""))


def _with_unit(text: str, units: dict[str, float] | dict[str, int]) -> float:
    value, _, unit = text.partition(" ")
    return number(value) * units[unit]


def size(text: str) -> float:
    """`256 Mi` in elements."""
    return _with_unit(text, UNITS)


def time(text: str) -> float:
    """`2.91 µs` in ns."""
    return _with_unit(text, TIMES)


def data(text: str) -> float:
    """`16 KiB` in bytes."""
    return _with_unit(text, BYTES)


def near(shown: float, truth: float) -> bool:
    """Whether three significant digits of `truth` are `shown`."""
    return math.isclose(shown, truth, rel_tol=0.0056)


def near_percent(shown: str, truth: float) -> bool:
    """Whether `93` or `1.5` is `truth`, a fraction, in percent."""
    return abs(float(shown) - truth * 100) <= (0.051 if "." in shown else 0.51)


def listed(text: str) -> list[str]:
    """The items of `a, b and c`."""
    return [item for item in re.split(r", | and ", text) if item]
