"""All the way: what the program measures, through CSV and JSON, to the page in a browser.

The program runs on two emulated GPUs and on a topology of one core with two hardware threads. Where
it lies is told by CROSSOVER_EMULATED; otherwise it is the build's.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from selenium import webdriver

from analysis.drawing import figure
from analysis.page.browsing import charts_in, opened, told, unfolded
from analysis.page.report import report
from analysis.reading.read import read_runs
from analysis.reading.run import Run

BUILT = Path(__file__).parents[3] / "build" / "crossover_emulated"
# Everything that has a column, a chart or a chapter of its own, and no more of it than that takes.
CONFIGURATIONS = [
    r"double/f32/(serial|threads/pool|cuda)/",
    r"fma\d+/f32/(serial|threads/pool|cuda/best)/.*w:\d+$",
    r"count/i64/(serial/loop|(threads|cuda)/atomic)/",
    r"create/none/(threads/spawn|cuda)/",
    r"switch/none/threads/futex",
    r"wait/none/threads/(block|mixed)/",
    r"chase/none/serial/",
    r"core-to-core/none/threads/",
    r"link/none/cuda/.*n:(4|4096|65536)/",
]
OPTIONS = {
    "--workloads": "double,fma1,fma64,count,create,switch,wait,chase,core-to-core,link",
    "--models": "serial,threads,cuda",
    "--variants": "all",
    "--filter": f"^({'|'.join(CONFIGURATIONS)})",
    "--threads": "1,2",
    "--device": "all",
    "--cache": "warm,cold",
    "--sizes": "4Ki",
    "--rounds": "1",
    "--min-time": "0.00001",
    "--label": "emulated",
}


def measured(path: Path, options: dict[str, str]) -> str:
    """What the program prints at its end, and a run in `path`."""
    named = os.environ.get("CROSSOVER_EMULATED")
    program = Path(named) if named else BUILT
    if not named and not program.exists():
        pytest.skip(f"{program} is not built")
    parts = [part for option in options.items() for part in option]
    ended = subprocess.run(
        [program, *parts, "--output", path],
        env={**os.environ, "HWLOC_SYNTHETIC": "pack:1 core:1 pu:2"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("end to end") / "run.csv"
    measured(path, OPTIONS)
    (read,) = read_runs([path])
    return read


@pytest.fixture(scope="module")
def page(run: Run, browser: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of the page, which stays open in the browser."""
    with figure.checked():
        document, _ = report([run])
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(document, encoding="utf-8")
    opened(browser, path)
    assert told(browser, "browser") == []
    unfolded(browser)
    text: str = browser.execute_script("return document.body.innerText")
    return text


def test_every_column_is_in_the_runs_own_vocabulary(run: Run) -> None:
    with run.path.open(newline="") as file:
        header = next(csv.reader(file))
    vocabulary = json.loads(run.path.with_suffix(".json").read_text())["vocabulary"]
    assert set(header) <= {column["name"] for column in vocabulary["columns"]}
    assert run.left_out.unknown_columns == []


def test_everything_measured_is_in_the_runs_own_vocabulary(run: Run) -> None:
    known = run.vocabulary
    names = ["workload", "type", "model", "variant", "scope"]
    for row in run.configurations.select(names).unique().iter_rows(named=True):
        assert row["type"] in known.workload(row["workload"]).types, row
        assert row["variant"] in [v.name for v in known.ladder(row["model"], row["workload"])], row
        assert row["scope"] in known.scopes, row
    assert set(run.configurations.get_column("device")) >= {"cpu", "gpu0", "gpu1"}
    assert set(run.configurations.get_column("cache")) == {"warm", "cold"}
    assert run.left_out.failed == 0


def test_nothing_on_the_page_is_unknown(page: str) -> None:
    assert "not known here" not in page


def test_every_chart_of_telemetry_is_there(run: Run, page: str, browser: webdriver.Chrome) -> None:
    drawn = {name for name, state, marks, _ in charts_in(browser) if state == "drawn" and marks > 5}
    observed = [f"telemetry-{column.name}-1" for column in run.vocabulary.group("telemetry")]
    assert observed
    assert set(observed) <= drawn


def test_the_tail_of_single_units_is_there(run: Run, page: str, browser: webdriver.Chrome) -> None:
    drawn = {name for name, state, marks, _ in charts_in(browser) if state == "drawn" and marks > 5}
    assert {"switch-tail-1", "wait-tail-1"} <= drawn
    told = {c.name for c in run.vocabulary.group("tail")}
    by_config = run.extras(run.configurations.get_column("config").to_list())
    whole = 0
    for row in run.configurations.iter_rows(named=True):
        seen = {k: v for k, v in by_config.get(row["config"], {}).items() if k in told}
        single = {k: v for k, v in seen.items() if k.startswith("op_")}
        timed = row["workload"] in ("switch", "core-to-core") or row["variant"] in (
            "block",
            "compute",
        )
        assert bool(seen) == timed, row
        assert list(single.values()) == sorted(single.values()), row
        whole += set(seen) == told
        if row["variant"] == "block":
            assert single["op_max_ns"] >= 1e6
    assert whole > 0, "every column is told of two thousand round trips"
    assert re.search(r"A round trip by threads/futex-\d-cores? takes .*\(p99\.9\)", page)
    assert re.search(r"A reading of the clock, of which each single one holds one: \d", page)


def test_both_gpus_have_their_peaks(run: Run, page: str, browser: webdriver.Chrome) -> None:
    labels: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('#throughput-1 svg text')].map(t => t.textContent)"
    )
    (limits,) = [" ".join(t for t in labels if "GB/s in theory" in t)]
    for device in ("gpu0", "gpu1"):
        assert run.about.gpu_peak(device)
        assert device in limits
        assert f"{device} peak gb per s" in page
        ladder = rf"The ladder: double, f32, kernel, {device}\n.*?% of the theoretical peak"
        assert re.search(ladder, page, re.S)


def test_the_summary_tells_the_share_of_a_gpus_peak(tmp_path: Path) -> None:
    few = {"--workloads": "double", "--models": "serial,cuda", "--sizes": "4Ki", "--rounds": "7"}
    told = measured(tmp_path / "run.csv", {**few, "--threads": "1", "--min-time": "0.00001"})
    assert re.search(r"(?m)^  cuda .*\d % of its memory's peak$", told), told


def test_the_links_limit_is_on_the_chart_of_transfers(
    run: Run, page: str, browser: webdriver.Chrome
) -> None:
    assert run.about.gpu_link("gpu0") and not run.about.gpu_link("gpu1"), "one does not tell"
    labels: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('#transfers-1 svg text')].map(t => t.textContent)"
    )
    # An array comes and goes at once, so twice what the link moves each way.
    assert "the link of gpu0: 126 GB/s in theory" in labels


def test_the_forms_of_the_loops_are_told(run: Run, page: str) -> None:
    both = run.about.items("forms")
    own = [entry for entry in both if "configuration" in entry]
    assert {entry["device"] for entry in own} >= {"gpu0", "gpu1"}
    assert all(f"{entry['configuration']}\t" in page for entry in own)
    tried = [entry for entry in both if "workload" in entry]
    # Cold data lies in memory, warm in the first cache; of double only, fma has one form.
    assert {(f["workload"], f["workers"], f["up_to_bytes"] is None) for f in tried} >= {
        ("double", workers, memory) for workers in ("one", "several") for memory in (True, False)
    }
    for entry in tried:
        best = entry["tried"][0]
        assert entry["form"] in [one["form"] for one in entry["tried"]]
        ahead = f"{100 * (entry['ahead_of_next'] - 1):.0f} %"
        assert f"{entry['workers']}\t{entry['form']}\t{ahead}\t{best['form']} " in page


def test_smt_is_told(run: Run, page: str) -> None:
    assert run.about.smt == 2
    assert "SMT is on: workers may share a core." in page
    assert re.search(r"hardware threads a core \(SMT\)\s+2\b", page)


@pytest.mark.parametrize(
    "chapter", ["cache", "roofline", "synchronising", "workers", "waiting", "loads", "links"]
)
def test_every_chapter_is_there(page: str, browser: webdriver.Chrome, chapter: str) -> None:
    charts = browser.execute_script(
        "return document.querySelectorAll(`#${arguments[0]} .chart[data-state=drawn]`).length",
        chapter,
    )
    assert charts > 0
