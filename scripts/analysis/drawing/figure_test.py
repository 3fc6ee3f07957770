"""Lines that are broken where something was left out."""

from __future__ import annotations

import json

import altair as alt
import pytest

from analysis.drawing import figure
from analysis.drawing.charts import rate_axis, size_axis
from analysis.drawing.figure import Figure, Row, broken, curves, note_on
from analysis.drawing.looks import looks


def rows_at(*sizes: int, series: str = "serial") -> list[Row]:
    return [{"x": n, "y": 1.0 * n, "lo": 0.9 * n, "hi": 1.1 * n, "s": series} for n in sizes]


@pytest.mark.parametrize(
    ("unmeasured", "parts"),
    [([], None), ([1, 9], None), ([512, 4096], None), ([2048], [0, 0, 1, 1]),
     ([2048, 2049], [0, 0, 1, 1]), ([700, 2048, 5000], [0, 1, 2, 3])],
)  # fmt: skip
def test_parts_have_nothing_unmeasured_within(
    unmeasured: list[int], parts: list[int] | None
) -> None:
    rows = broken(rows_at(512, 1024, 4096, 8192), unmeasured)
    assert [r.get("part") for r in rows] == (parts or [None] * 4)
    assert (note_on(rows) != "") == (parts is not None)


def specification(rows: list[Row]) -> dict:
    series = looks(list(dict.fromkeys(r["s"] for r in rows)))
    layers = curves(rows, series, size_axis([512, 8192]), rate_axis(rows), [])
    with figure.checked():
        return Figure("f", "t", alt.layer(*layers), "", "", series).specification


def test_a_line_has_a_gap_where_something_was_not_measured() -> None:
    rows = broken(rows_at(512, 1024, 4096), [2048]) + rows_at(512, 4096, series="openmp")
    made = specification(rows)
    lines = [layer for layer in made["layer"] if layer["mark"]["type"] in ("line", "area")]
    assert len(lines) == 2
    assert all(layer["encoding"]["detail"]["field"] == "part" for layer in lines)


def test_a_whole_line_has_no_parts() -> None:
    assert "part" not in json.dumps(specification(rows_at(512, 1024, 4096)))
