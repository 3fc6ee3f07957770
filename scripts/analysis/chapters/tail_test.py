"""What the chapters on costs say of single units, beside their mean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters.costs_test import HARDWARE, page_of, rows_of, written
from analysis.planted import costs as planted_costs
from analysis.planted.runs import Configuration


def test_the_tail_of_single_units_is_told(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planted_costs.switch()))
    rows = {(r["k"], r["s"]): r["y"] for r in rows_of(data, "switch-tail-1")}
    assert {s for _, s in rows} == {"mean", "p50", "p90", "p99", "p99.9", "max"}
    futex = "threads/futex-1-core"
    assert rows[futex, "mean"] == pytest.approx(1300, rel=0.01)
    assert rows[futex, "p50"] == pytest.approx(0.9 * 1300, rel=1e-4)
    assert rows[futex, "p99.9"] == pytest.approx(0.9 * 1300 * (10 / 0.9) ** 0.75, rel=1e-4)
    assert rows[futex, "max"] == pytest.approx(13_000)
    assert re.search(rf"A round trip by {futex} takes 1\.(30|29|31) µs \(mean\), 1\.17 µs", text)
    longest = r"tail is that of \w+/pipe-\d-cores?, whose p99\.9 is 13\.9× its p50\."
    assert re.search(longest, text)
    assert "What clock_ns is: 21.0 ns." in text
    shown = text[text.index("<caption>Single round trips") :]
    row = re.search(rf">{futex}</th>(.*?)</tr>", shown)[1]
    assert [c for c in re.findall(r">([^<>]+)</td>", row)][-1] == "13.0 µs"


def test_a_percentile_that_nobody_tells_is_left_out(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planted_costs.wait(HARDWARE)))
    rows = {(r["k"], r["s"]): r["y"] for r in rows_of(data, "wait-tail-1")}
    # Four tasks a worker.
    assert {s for k, s in rows if k == "block on 1 worker"} == {"mean", "p50", "max"}
    assert {s for k, s in rows if k == "block on 64 workers"} == {
        "mean", "p50", "p90", "p99", "max",
    }  # fmt: skip
    assert rows["block on 512 workers", "p99.9"] > rows["block on 512 workers", "p99"]
    # A task takes 1 ms / 0.94, however many are under way.
    assert rows["block on 512 workers", "mean"] == pytest.approx(1e6 / 0.94, rel=0.01)
    shown = text[text.index("<caption>Single tasks") :]
    row = re.search(r">block on 1 worker</th>(.*?)</tr>", shown)[1]
    assert [c for c in re.findall(r">([^<>]+)</td>", row)][2:] == ["-", "-", "-", "5.00 ms"]
    assert "compute on" not in shown[: shown.index("</table>")]


@pytest.mark.parametrize("tasks", [1, 2, 10])
def test_a_tail_of_very_few(tmp_path: Path, tasks: int) -> None:
    more = planted_costs.tail(1e6, 5e6, tasks)
    block = Configuration("wait", "none", tasks, "threads", "block", "resident", 1, "cpu",
                          1e6 * tasks, more=more)  # fmt: skip
    text, data = page_of(written(tmp_path, [block]))
    assert len(rows_of(data, "wait-tail-1")) == len(more)
    assert re.search(r"A task by block on 1 worker takes 1\.\d\d ms \(mean\)", text)
    assert ("the longest tail" in text) == (tasks == 10)
