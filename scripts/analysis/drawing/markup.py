"""HTML that is safe by construction: what is not Html is text, and text is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable

from analysis.words import escape

VOID = {"br", "meta", "input"}


class Html(str):
    """Markup that was built here, as opposed to text that came from a file."""


Child = str | Iterable["Child"] | None


def join(children: Iterable[Child]) -> Html:
    """The children one after another; text among them is escaped."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            parts.append(str(child))
        elif isinstance(child, str):
            parts.append(escape(child))
        else:
            parts.append(str(join(child)))
    return Html("".join(parts))


def el(name: str, /, *children: Child, **attributes: object) -> Html:
    """An element. `class_` and `for_` are spelt so; `data_x` becomes `data-x`; None is left out."""
    written = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        written += f" {attribute}" if value is True else f' {attribute}="{escape(value)}"'
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def table(
    header: list[str], rows: Iterable[list[Child]], numeric: Iterable[int] = (), caption: str = ""
) -> Html:
    """A table that scrolls sideways on a narrow screen; `numeric` columns are right-aligned."""
    right = set(numeric)

    def cells(kind: str, row: list[Child]) -> list[Html]:
        return [
            el(
                "th" if kind == "th" or i == 0 else "td",
                cell,
                class_="n" if i in right else None,
                scope="col" if kind == "th" else "row" if i == 0 else None,
            )
            for i, cell in enumerate(row)
        ]

    body = [el("tr", *cells("td", row)) for row in rows]
    return el(
        "div",
        el(
            "table",
            el("caption", caption) if caption else None,
            el("thead", el("tr", *cells("th", list(header)))),
            el("tbody", *body),
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption or "Table",
    )


def script_json(value: object) -> Html:
    """JSON that no content can end the script element with, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Html(text)
