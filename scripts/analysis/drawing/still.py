"""A figure as a small SVG inside the page: what is seen before, or without, any script."""

from __future__ import annotations

import re
from typing import Any

from analysis.drawing.figure import Figure
from analysis.drawing.looks import Series
from analysis.drawing.markup import Html, el

# As wide as half of a page: text has its size there, on a laptop and on paper.
WIDTH = 500
SHAPES = {
    "circle": "M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0Z",
    "square": "M-4-4H4V4H-4Z",
    "triangle-up": "M0-4.5L4.5 4H-4.5Z",
    "triangle-down": "M0 4.5L4.5-4H-4.5Z",
    "triangle-right": "M4.5 0L-4-4.5V4.5Z",
    "diamond": "M0-5L5 0L0 5L-5 0Z",
    "cross": "M-1.6-4.5H1.6V-1.6H4.5V1.6H1.6V4.5H-1.6V1.6H-4.5V-1.6H-1.6Z",
}
# What says nothing to a reader's eye, and what the page's style says already.
NOTHING = re.compile(
    r"<path[^>]* opacity=\"0\"[^>]*/>"
    r'|<path[^>]* d="(?:M0,0h0v0h0Z)?"[^>]*/>'
    r'|<path class="(?:background|foreground)"[^>]*/>'
    r'| (?:aria-\w+|role|pointer-events|font-family|font-size|version|xmlns:xlink)="[^"]*"'
    r'| (?:opacity|stroke-width|fill-opacity)="1"'
    r"|(?<=\d\.\d)\d+|\.0(?=[^\d])"
)


def still(figure: Figure) -> Html:
    """The chart without its legend, which the page has."""
    import vl_convert

    specification = page_looks(figure.specification)
    svg = str(vl_convert.vegalite_to_svg({**specification, "width": WIDTH}))
    svg = NOTHING.sub("", svg)
    while (shorter := re.sub(r"<g[^>]*>(?:<g/>)?</g>", "", svg)) != svg:
        svg = shorter
    # Names are the document's, of which this is a part, and counted anew in each chart.
    names = {name: f"{figure.id}-{i}" for i, name in enumerate(re.findall(r' id="([^"]+)"', svg))}
    return Html(re.sub(r'(?<= id=")[^"]+|(?<=url\(#)[^)]+', lambda n: names.get(n[0], n[0]), svg))


def page_looks(specification: dict[str, Any]) -> dict[str, Any]:
    """The specification in the page's colours, which follow the screen's, without legends."""
    bare: dict[str, Any] = _without_legends(specification)
    config = dict(bare["config"])
    config["legend"] = specification["config"]["legend"]
    config["axis"] = {**config["axis"], "labelColor": "var(--soft)", "titleColor": "var(--soft)"}
    config["text"] = {**config["text"], "color": "var(--ink)"}
    return {**bare, "config": config}


def _without_legends(part: Any) -> Any:  # noqa: ANN401
    if isinstance(part, list):
        return [_without_legends(p) for p in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value if key == "datasets" else None if key == "legend" else _without_legends(value)
        for key, value in part.items()
    }


def legend(series: list[Series]) -> list[Html]:
    """A button for each series, with its line and shape."""
    return [
        el("button", _swatch(s), el("span", s.name), type="button", aria_pressed="false")
        for s in series
    ]


def _swatch(series: Series) -> Html:
    dash = " ".join(map(str, series.dash)) or None
    return el(
        "svg",
        el("path", d="M-14 0H14", stroke=series.colour, stroke_width=2, stroke_dasharray=dash),
        el("path", d=SHAPES.get(series.shape, SHAPES["circle"]), fill=series.colour),
        width=28,
        height=12,
        viewBox="-14 -6 28 12",
        aria_hidden="true",
    )
