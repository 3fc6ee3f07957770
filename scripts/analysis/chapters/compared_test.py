"""Machines side by side: the best and the worst are those that were planted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters.prices import Price, price_of
from analysis.drawing import figure
from analysis.errors import BadInput
from analysis.page.report import report
from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run
from analysis.reading.read import read_runs


def row_of(document: str, what: str) -> list[str]:
    """The cells of the first row with that heading, as text."""
    row = re.search(rf'<th scope="row">{re.escape(what)}.*?</tr>', document)
    assert row, what
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row[0])
    return [re.sub(r"<[^>]+>", " ", cell).strip() for cell in cells]


def rate(text: str) -> float:
    return float(re.search(r"[\d,.]+", text)[0].replace(",", ""))


@pytest.fixture(scope="module")
def three(runs: dict[str, Path]) -> tuple[str, dict[str, figure.Figure]]:
    paths = [runs[name] for name in ("laptop", "workstation", "server")]
    with figure.checked():
        document, figures = report(read_runs(paths), [price_of("server=2 EUR an hour")])
    return document, {f.id: f for f in figures}


def test_the_best_and_the_worst_are_marked(three: tuple[str, dict]) -> None:
    document, _ = three
    cells = row_of(document, "CPU from memory, 256 Mi")
    # The memories of three_machines() move 35, 70 and 380 GB/s.
    assert [rate(c) for c in cells] == pytest.approx([35, 70, 380], rel=0.05)
    assert [c[0] for c in cells] == ["▼", cells[1][0], "▲"]
    assert cells[1][0].isdigit()
    laptop, *gpus = row_of(document, "GPU from memory, 256 Mi")
    assert laptop == "-"
    assert [c[0] for c in gpus] == ["▼", "▲"]
    # Of times the shortest is best.
    times = row_of(document, "GPU at the smallest size")
    marked = {c[0]: rate(c) for c in times[1:]}
    assert all(c.endswith("µs") for c in times[1:])
    assert marked["▲"] < marked["▼"]
    assert row_of(document, "cores")[:3] == ["4", "8", "64"]


def test_bars_are_linear_from_zero_and_relative_to_the_best(three: tuple[str, dict]) -> None:
    _, figures = three
    spec = figures["machines-1"].specification
    scale = spec["layer"][0]["encoding"]["x"]["scale"]
    assert scale["domain"][0] == 0
    assert "type" not in scale
    (rows,) = spec["datasets"].values()
    memory = {r["s"]: r["y"] for r in rows if r["k"] == "CPU from memory"}
    assert memory == pytest.approx({"laptop": 35 / 380, "workstation": 70 / 380, "server": 1},
                                   rel=0.05)  # fmt: skip
    assert max(r["y"] for r in rows) == 1
    assert {r["g"] for r in rows if r["k"] == "CPU from memory"} <= {
        str(row[2]) for row in figures["machines-1"].rows
    }


def test_curves_of_all_machines_are_over_each_other(three: tuple[str, dict]) -> None:
    _, figures = three
    assert [s.name for s in figures["overlaid-cpu-1"].series] == ["laptop", "workstation", "server"]
    assert [s.name for s in figures["overlaid-gpu-1"].series] == ["workstation", "server"]
    # A machine looks the same wherever it is.
    colours = {s.name: s.colour for s in figures["overlaid-cpu-1"].series}
    assert all(s.colour == colours[s.name] for s in figures["overlaid-gpu-1"].series)


def test_a_price_adds_what_a_rate_costs(three: tuple[str, dict]) -> None:
    document, _ = three
    cells = row_of(document, "CPU, TB moved for a EUR")
    assert cells[:2] == ["-", "-"]
    assert rate(cells[2]) == pytest.approx(380 * 3.6 / 2, rel=0.05)


def test_sizes_that_machines_do_not_share_are_named(tmp_path: Path) -> None:
    paths = []
    for label, sizes in (("small", [1024, 4**11]), ("large", [1024, 4**11, 4**13])):
        hardware = Hardware(label, gpu=False)
        planned = configurations(hardware, workloads=("double",), sizes=sizes)
        paths.append(write_run(tmp_path / f"{label}.csv", planned, hardware=hardware))
    with figure.checked():
        same, _ = report(read_runs(paths))
        row_of(same, "CPU from memory, 4.00 Mi")
        hardware = Hardware("other", gpu=False)
        planned = configurations(hardware, workloads=("double",), sizes=[1024, 4**12])
        paths[0] = write_run(tmp_path / "other.csv", planned, hardware=hardware)
        apart, _ = report(read_runs(paths))
    row_of(apart, "CPU from memory, each its largest size")


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("H100=2.50 USD per hour", Price("H100", 2.5, "USD", True)),
        ("a=b=8,000 EUR", Price("a=b", 8000, "EUR", False)),
        ("x=€3/h", Price("x", 3, "€", True)),
        ("x=12", Price("x", 12, "unit of money", False)),
    ],
)
def test_prices_are_read(text: str, price: Price) -> None:
    assert price_of(text) == price


@pytest.mark.parametrize("text", ["", "H100", "=3", "x=", "x=0", "x=cheap"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="give NAME=AMOUNT"):
        price_of(text)
