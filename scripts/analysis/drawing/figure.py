"""Figures: one Vega-Lite specification each, for the page and for SVG and PNG."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal

import altair as alt
from altair.utils.schemapi import debug_mode

from analysis.drawing.looks import Series
from analysis.drawing.markup import Child

GREY = "#7b828c"
# What a chart draws: fields by their short names.
Row = dict[str, Any]
Specified = alt.Chart | alt.LayerChart | alt.FacetChart
WIDTH, HEIGHT = 640, 256


def binary_label(times: int = 1, unit: str = "") -> str:
    """64 Ki, 1 Mi, ... on an axis of powers of two: each value `times` as much, of a `unit`."""
    value = f"datum.value * {times}" if times > 1 else "datum.value"
    larger = [
        (f"{prefix}i{unit}", 1024**e) for e, prefix in ((4, "T"), (3, "G"), (2, "M"), (1, "K"))
    ]
    steps = [
        f"{value} >= {size} ? format({value} / {size}, '~g') + ' {name}' : "
        for name, size in larger
    ]
    plain = f"format({value}, '~g')" + (f" + ' {unit}'" if unit else "")
    return "".join(steps) + plain


# 850 ns, 1.5 µs, ... on an axis of nanoseconds.
TIME_LABEL = (
    "datum.value >= 1e9 ? format(datum.value/1e9, '~g') + ' s' : "
    "datum.value >= 1e6 ? format(datum.value/1e6, '~g') + ' ms' : "
    "datum.value >= 1e3 ? format(datum.value/1e3, '~g') + ' µs' : "
    "format(datum.value, '~g') + ' ns'"
)
# An interval on a bar.
ERROR = "#9aa1ab"


@dataclass
class Figure:
    """A chart with its words: what it shows on these data, and why such curves look so."""

    id: str
    title: str
    chart: Specified
    says: Child
    physics: str
    series: list[Series] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[Child]] = field(default_factory=list)
    zooms: bool = True
    height: int = HEIGHT

    @cached_property
    def specification(self) -> dict[str, Any]:
        """The Vega-Lite specification, complete with data and legend."""
        written: dict[str, Any] = self.chart.to_dict(validate=False)
        # Altair would copy all layers for each of these, and of data check each value.
        names = sorted(_names_in(written))
        whole = {
            **written,
            "width": WIDTH,
            "height": self.height,
            "autosize": {"type": "fit-x", "contains": "padding"},
            # On the right a label's half may stand beyond the axis.
            "padding": {"left": 5, "top": 5, "right": 10, "bottom": 5},
            "params": [PICKED, *written.get("params", [])],
            "config": {**_style(), "legend": {**LEGEND, "columns": self._legend_columns()}},
            "datasets": {name: _DATA[name] for name in names},
        }
        if _CHECKS:
            alt.TopLevelSpec.validate({**whole, "datasets": {}})
        return whole

    def _legend_columns(self) -> int:
        """As many as fit beside each other, four at most."""
        lengths = [len(s.name) for s in self.series]
        for columns in (4, 3, 2):
            widths = [28 + 5.7 * max(lengths[i::columns], default=0) for i in range(columns)]
            if sum(widths) <= WIDTH - 70:
                return columns
        return 1


_CHECKS = False


@contextmanager
def checked(whether: bool = True) -> Iterator[None]:
    """Specifications that are written within are checked against Vega-Lite's schema, or not.

    Altair would check every part of a chart while it is built: that takes longer than all else
    about a page. So no part is, and a whole one in tests.
    """
    global _CHECKS
    before, _CHECKS = _CHECKS, whether
    try:
        with debug_mode(False):
            yield
    finally:
        _CHECKS = before


_DATA: dict[str, list[Row]] = {}


def data(rows: list[Row]) -> alt.NamedData:
    """Rows as a chart's data, by a name that their content gives."""
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False)
    name = f"d{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:12]}"
    _DATA[name] = rows
    return alt.NamedData(name=name)


def _names_in(part: object) -> set[str]:
    """The names of all data that a specification refers to."""
    if isinstance(part, list):
        return set().union(*map(_names_in, part)) if part else set()
    if not isinstance(part, dict):
        return set()
    own = part.get("data")
    names = {own["name"]} if isinstance(own, dict) and own.get("name") in _DATA else set()
    return names.union(*map(_names_in, part.values()))


@cache
def _style() -> dict[str, Any]:
    style: dict[str, Any] = alt.Config(
        font="system-ui, 'Liberation Sans', Arial, sans-serif",
        background="transparent",
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            gridColor="#9aa1ab",
            gridOpacity=0.25,
            domainColor="#9aa1ab",
            tickColor="#9aa1ab",
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelColor="#333333",
            titleColor="#333333",
            labelOverlap=True,
            labelSeparation=4,
        ),
        text=alt.MarkConfig(fontSize=12, color="#333333"),
    ).to_dict()
    return style


LEGEND: dict[str, Any] = {
    "orient": "bottom",
    "title": None,
    "labelFontSize": 12,
    "labelLimit": 260,
    "symbolSize": 90,
    "symbolStrokeWidth": 2,
}


# The series that a click on the legend singled out; empty for all.
PICKED = {"name": "picked", "value": []}
IS_PICKED = "length(picked) == 0 || indexof(picked, datum.s) >= 0"


def zoom(encodings: list[Literal["x", "y"]]) -> alt.Parameter:
    """Drag with a mouse to pan, Ctrl and wheel to zoom, so that scrolling the page stays free."""
    return alt.selection_interval(
        name="grid",
        bind="scales",
        encodings=encodings,
        zoom="wheel![event.ctrlKey || event.metaKey]",
        translate="[pointerdown[event.pointerType === 'mouse'], window:pointerup] > "
        "window:pointermove!",
    )


def colour(series: list[Series]) -> alt.Color:
    """The colour of field `s`."""
    return alt.Color(
        "s:N",
        scale=alt.Scale(domain=[s.name for s in series], range=[s.colour for s in series]),
        legend=alt.Legend(title=None, symbolOpacity=1),
    )


def shape(series: list[Series]) -> alt.Shape:
    """The point shape of field `s`."""
    return alt.Shape(
        "s:N",
        scale=alt.Scale(domain=[s.name for s in series], range=[s.shape for s in series]),
        legend=alt.Legend(title=None, symbolOpacity=1),
    )


def dash(series: list[Series]) -> alt.StrokeDash:
    """The line pattern of field `s`."""
    return alt.StrokeDash(
        "s:N",
        scale=alt.Scale(domain=[s.name for s in series], range=[s.dash or [1, 0] for s in series]),
        legend=alt.Legend(title=None, symbolOpacity=1),
    )


def opacity(shown: float, hidden: float) -> alt.OpacityValue:
    """`shown` for picked series, `hidden` for the others."""
    # Not by alt.condition(), whose result Altair would check, whatever it was told.
    when = alt.ConditionalValueDefnumberExprRef(test=IS_PICKED, value=shown)  # type: ignore[no-untyped-call]
    return alt.OpacityValue(hidden, condition=when)


def curves(
    rows: list[Row],
    series: list[Series],
    x: alt.X,
    y: alt.Y,
    tooltip: list[alt.Tooltip],
) -> list[alt.Chart]:
    """Band, line and points of the rows x, y, lo, hi, s; rows without interval have lo = hi = y.

    Rows of one series in different parts (broken()) are not joined. Both axes can be zoomed.
    """
    base = alt.Chart(data(rows)).encode(x=x, color=colour(series))
    low, high = lower(y), alt.Y2("hi:Q")
    whole = base.encode(detail="part:N") if any("part" in r for r in rows) else base
    band = whole.mark_area(clip=True).encode(y=low, y2=high, opacity=opacity(0.2, 0.03))
    bars = base.mark_rule(clip=True, strokeWidth=1).encode(
        y=low, y2=high, opacity=opacity(0.8, 0.05)
    )
    line = whole.mark_line(clip=True, strokeWidth=2).encode(
        y=y, strokeDash=dash(series), opacity=opacity(1, 0.12)
    )
    points = base.mark_point(clip=True, filled=True, size=55).encode(
        y=y, shape=shape(series), opacity=opacity(1, 0.12), tooltip=tooltip
    )
    points = points.add_params(zoom(["x", "y"]))
    touch = base.mark_circle(clip=True, size=500, opacity=0).encode(y=y, tooltip=tooltip)
    return [band, bars, line, points, touch]


BROKEN = " (A gap in a line: sizes there were planned and not measured.)"


def broken(rows: list[Row], unmeasured: Iterable[int]) -> list[Row]:
    """The rows of one series, ascending by x, in parts that have nothing unmeasured within."""
    sizes = sorted(unmeasured)
    here = [r["x"] for r in rows]
    between = [
        bisect_left(sizes, after) > bisect_right(sizes, before)
        for before, after in itertools.pairwise(here)
    ]
    if not any(between):
        return rows
    parts = itertools.accumulate(between, initial=0)
    return [{**r, "part": part} for r, part in zip(rows, parts, strict=True)]


def note_on(rows: list[Row]) -> str:
    """What a caption says where a line is broken."""
    return BROKEN if any("part" in r for r in rows) else ""


def lower(axis: alt.X | alt.Y) -> alt.X | alt.Y:
    """The same axis for the lower end of an interval, field `lo`."""
    return _of(axis, "lo:Q")


def upper(axis: alt.X | alt.Y) -> alt.X | alt.Y:
    """The same axis for the upper end of an interval, field `hi`."""
    return _of(axis, "hi:Q")


def _of(axis: alt.X | alt.Y, field: str) -> alt.X | alt.Y:
    copied = axis.copy(deep=False)
    copied.shorthand = field
    return copied


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between `low` and `high`, as many as an axis has room for."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 2 else (1, 3) if last - first <= 4 else (1,)
    values = [step * 10.0**e for e in range(first, last + 1) for step in steps]
    return [v for v in values if low <= v <= high]


def limits(rows: list[Row], y: alt.Y) -> list[alt.Chart]:
    """Labelled horizontal lines, the highest first; fields y and t (text).

    The text stands above the first line and below the others.
    """
    line = alt.Chart(data(rows)).mark_rule(clip=True, strokeDash=[6, 2], color=GREY, opacity=0.8)
    layers = [line.encode(y=y)]
    for part, dy in ((rows[:1], -7), (rows[1:], 8)):
        text = alt.Chart(data(part)).mark_text(clip=True, align="left", dx=4, dy=dy, fontSize=11)
        layers += [text.encode(y=y, x=alt.value(0), text="t:N")] if part else []
    return layers


def rate_axis(low: float, high: float) -> alt.Axis:
    """The axis of a rate in GB/s on a logarithmic scale."""
    return alt.Axis(format="~g", values=log_ticks(low, high))


def marks(rows: list[Row], x: alt.X, middle: float = math.inf, top: float = 10) -> list[alt.Chart]:
    """Labelled vertical lines; fields x, t (text) and row (0 for the topmost label).

    Labels stand right of their line, or left of it where that is beyond `middle`.
    """
    base = alt.Chart(data(rows))
    parts = [base.mark_rule(clip=True, strokeDash=[3, 3], color=GREY, opacity=0.8).encode(x=x)]
    for row, beyond in sorted({(r["row"], r["x"] > middle) for r in rows}):
        side: Literal["left", "right"] = "right" if beyond else "left"
        text = base.mark_text(
            clip=True, align=side, dx=-4 if beyond else 4, baseline="middle", fontSize=11
        )
        here = f"datum.row == {row}"
        if math.isfinite(middle):
            here += f" && datum.x {'>' if beyond else '<='} {middle}"
        parts.append(
            text.transform_filter(here).encode(x=x, y=alt.value(top + 15 * row), text="t:N")
        )
    return parts
