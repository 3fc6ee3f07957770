"""What parallelism costs on a GPU, beside what it costs on a CPU."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters.costs_test import SIZES, page_of, rows_of, written
from analysis.planted import costs as planted_costs
from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations

GPU = Hardware()


def test_what_synchronising_costs_on_a_gpu(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planted_costs.count(GPU)))
    bars = {r["k"]: r for r in rows_of(data, "count-1")}
    assert len(bars) == 14 + 8
    # 1 Mi increments, 8 SMs' worth of a start, and the launch where a caller waits for it.
    each = 0.5 * (1 + 8 / 132)
    assert bars["cuda/atomic, kernel"]["y"] == pytest.approx(each, rel=0.01)
    assert bars["cuda/atomic"]["y"] == pytest.approx(each + 5200 / 2**20, rel=0.01)
    assert (bars["cuda/atomic"]["s"], bars["cuda/atomic"]["w"]) == ("cuda resident", "132 SMs")
    assert bars["cuda/atomic, kernel"]["s"] == "cuda kernel"
    assert re.search(
        r"own clock, without the launch, an increment takes 0\.0106 ns by cuda/shared-atomic", text
    )
    assert re.search(r"cuda/unsynchronised loses 99\.98 % on 132 SMs", text)
    assert "served one after the other" in text
    # Multiprocessors are on no axis of workers.
    for chart in data["figures"]:
        if chart.startswith(("count-workers", "lost")):
            assert not [r for r in rows_of(data, chart) if r["s"].startswith("cuda")]


def test_costs_on_some_multiprocessors(tmp_path: Path) -> None:
    sms = (1, 16, 132)
    planned = planted_costs.count(GPU, sms=sms) + planted_costs.create(GPU, sms=sms)
    text, data = page_of(written(tmp_path, planned))
    (chart,) = [
        c for c in data["figures"]
        if c.startswith("count-workers") and {r["s"] for r in rows_of(data, c)} & {"cuda/atomic"}
    ]  # fmt: skip
    shown = {(r["s"], r["x"]): r["y"] for r in rows_of(data, chart)}
    assert {x for _, x in shown} == set(sms)
    assert all(name.startswith("cuda/") for name, _ in shown)
    assert shown["cuda/atomic, kernel", 1] == pytest.approx(4.5, rel=0.01)
    assert "against multiprocessors: cuda" in text
    # The longest names do not run out of the figure.
    columns = {
        n: data["figures"][n]["spec"]["config"]["legend"]["columns"] for n in data["figures"]
    }
    assert (columns["count-1"], columns[chart]) == (4, 3)
    (chart,) = [
        c for c in data["figures"]
        if c.startswith("create-") and {r["s"] for r in rows_of(data, c)} == {"cuda/launch"}
    ]  # fmt: skip
    assert {r["x"]: r["b"] for r in rows_of(data, chart)}.keys() == set(sms)


def test_a_launch_beside_workers(tmp_path: Path) -> None:
    planned = configurations(GPU, sizes=SIZES) + planted_costs.create(GPU)
    text, data = page_of(written(tmp_path, planned))
    assert re.search(r"A launch on 132 SMs and the wait for its end take 5\.(20|19|21) µs", text)
    assert "hardly more for many blocks than for one" in text
    charts = [c for c in data["figures"] if c.startswith("create-")]
    assert "cuda/launch" not in {r["s"] for c in charts for r in rows_of(data, c)}
    assert "cuda/launch" in {r["k"] for r in rows_of(data, "pays-1")}
    row = re.search(r">cuda/launch</th>(.*?)</tr>", text[text.index("<caption>Workers: what") :])[1]
    assert re.search(r"<td>132 SMs</td><td[^>]*>39\.\d ns</td><td[^>]*>5\.2", row)
    # Without a CPU beside it, the launch is all there is to draw.
    alone = [c for c in planned if c.variant == "launch"]
    _, data = page_of(written(tmp_path, alone))
    assert {r["s"] for r in rows_of(data, "create-1")} == {"cuda/launch"}
