"""The page: sections and figures into one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from analysis.drawing.figure import BROKEN, Figure
from analysis.drawing.markup import Child, Html, el, join, script_json, table
from analysis.drawing.still import legend, page_looks, still
from analysis.words import listing, plural

HERE = Path(__file__).parent


@dataclass
class Folded:
    """What is shown when somebody opens it."""

    summary: str
    content: list[Part]


Part = Child | Figure | tuple[Figure, ...] | Folded


@dataclass
class Section:
    """A heading with content; figures in a tuple stand side by side where there is room."""

    id: str
    title: str
    short: str  # for the navigation
    content: list[Part] = field(default_factory=list)
    whole: bool = False  # nothing of it is folded


def figure_html(figure: Figure) -> Html:
    """A figure as it is without a script, which draws it anew to be pointed at."""
    values = None
    if figure.rows:
        values = el(
            "details",
            el("summary", f"Values ({len(figure.rows)})"),
            table(figure.header, figure.rows, caption=figure.title),
            class_="values",
        )
    return el(
        "figure",
        el("h4", figure.title, id=f"{figure.id}-title"),
        el("p", figure.says, class_="says"),
        el(
            "div",
            legend(figure.series),
            class_="legend",
            role="group",
            aria_label="Series: press to single out",
            hidden=not figure.series,
        ),
        el(
            "div",
            still(figure),
            class_="chart",
            id=figure.id,
            role="img",
            aria_labelledby=f"{figure.id}-title",
        ),
        el(
            "div",
            el("button", "+", type="button", data_zoom="0.6", aria_label="Zoom in"),
            el("button", "−", type="button", data_zoom="1.6", aria_label="Zoom out"),
            el("button", "reset", type="button", data_zoom="0"),
            class_="zoom",
            role="group",
            aria_label=f"Zoom of {figure.title}",
        )
        if figure.zooms
        else None,
        values,
    )


def vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script.

    Bundling takes two seconds, so the result is kept beside the packages it was made from.
    """
    import vl_convert

    kept = Path(sys.prefix) / f"vega-bundle-{version('vl-convert-python')}.js"
    try:
        return kept.read_text(encoding="utf-8")
    except OSError:
        pass
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    try:
        # Renamed when whole: another report may be made at the same time.
        with tempfile.NamedTemporaryFile(
            "w", dir=kept.parent, delete=False, encoding="utf-8"
        ) as file:
            file.write(bundle)
        Path(file.name).replace(kept)
    except OSError:
        pass  # Kept nowhere, made again next time.
    return bundle


def figures_of(sections: list[Section]) -> list[Figure]:
    """All figures, in order."""
    return [f for s in sections for part in s.content for f in _figures(part)]


def _figures(part: Part) -> Iterator[Figure]:
    if isinstance(part, Figure):
        yield part
    elif isinstance(part, (tuple, Folded)):
        for inner in part.content if isinstance(part, Folded) else part:
            yield from _figures(inner)


def explained(figures: Sequence[Figure], told: set[str]) -> list[Html]:
    """Why figures look as they do, less what `told`, their section, has said already."""
    said = dict.fromkeys(f.physics.removesuffix(BROKEN) for f in figures)
    found = [el("p", el("b", "Why: "), why, class_="why") for why in said if why not in told]
    told.update(said)
    if BROKEN not in told and any(f.physics.endswith(BROKEN) for f in figures):
        told.add(BROKEN)
        found.append(el("p", BROKEN.strip(), class_="why"))
    return found


def _content(part: Part, told: set[str]) -> Child:
    if isinstance(part, Figure):
        return _content((part,), told)
    if isinstance(part, tuple):
        return [el("div", [figure_html(f) for f in part], class_="pair"), *explained(part, told)]
    if isinstance(part, Folded):
        return el(
            "details",
            el("summary", part.summary),
            [_content(c, told) for c in part.content],
            class_="folded",
        )
    return part


def _section(section: Section) -> Html:
    told: set[str] = set()
    parts = section.content if section.whole else shortened(section.content)
    return el(
        "section",
        el("h2", section.title),
        [_content(part, told) for part in parts],
        id=section.id,
    )


def shortened(content: list[Part], most: int = 2) -> list[Part]:
    """Its first figures beside each other, and the others and what belongs to them folded."""
    if not any(True for part in content for _ in _figures(part)):
        return content
    first: list[Figure] = []
    before: list[Part] = []
    behind: list[Part] = []
    for part in content:
        some = list(_figures(part))
        room = most - len(first)
        first += some[:room]
        if not some:
            (behind if first else before).append(part)
        elif behind and isinstance(behind[-1], tuple):
            behind[-1] = (*behind[-1], *some[room:])
        elif some[room:]:
            behind.append(tuple(some[room:]))
    charts = sum(1 for part in behind for _ in _figures(part))
    tables = sum(not isinstance(part, tuple) for part in behind)
    counted = [plural(n, what) for n, what in ((charts, "chart"), (tables, "table")) if n]
    summary = f"More: {listing(counted)}"
    return [*before, tuple(first), *([Folded(summary, behind)] if behind else [])]


def page(title: str, header: Child, sections: list[Section], data: dict[str, object]) -> str:
    """The whole document. `data` is what the page's script reads, beside the figures."""
    figures = figures_of(sections)
    style = (HERE / "page.css").read_text(encoding="utf-8")
    code = (HERE / "page.js").read_text(encoding="utf-8")
    library = vega()
    document = {
        **data,
        "figures": {
            f.id: {
                "spec": page_looks(f.specification),
                "series": [s.name for s in f.series],
            }
            for f in figures
        },
    }
    body = [_section(s) for s in sections]
    links = [el("a", s.short, href=f"#{s.id}") for s in sections]
    # Only these scripts may run, and nothing may be loaded: what a CSV smuggles in stays text.
    # Vega compiles its expressions, hence unsafe-eval.
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {_hash(library)} {_hash(code)} 'unsafe-eval'; base-uri 'none'; "
        "form-action 'none'"
    )
    return "".join(
        [
            "<!doctype html>\n",
            '<html lang="en">',
            str(
                el(
                    "head",
                    el("meta", charset="utf-8"),
                    el("meta", name="viewport", content="width=device-width, initial-scale=1"),
                    Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
                    el("meta", name="color-scheme", content="light dark"),
                    el("meta", name="referrer", content="no-referrer"),
                    el("title", title),
                    Html(f"<style>{style}</style>"),
                )
            ),
            "<body>",
            str(
                join(
                    [
                        el("a", "Skip to the answer", href=f"#{sections[0].id}", class_="skip"),
                        el("header", el("h1", title), header),
                        el("nav", links, aria_label="Sections"),
                        el("main", body),
                        Html(
                            '<noscript><p class="note">The charts need JavaScript; every value is '
                            "in the tables under them.</p></noscript>"
                        ),
                    ]
                )
            ),
            f'<script type="application/json" id="data">{script_json(document)}</script>',
            f"<script>{library}</script>",
            f"<script>{code}</script>",
            "</body></html>\n",
        ]
    )


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
