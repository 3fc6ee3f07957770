"""The chapters on costs say what was planted, and no other takes them for rates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.compare import comparing, rendering
from analysis.drawing import figure
from analysis.measured import costs
from analysis.measured.curves import Curve, Group, Point
from analysis.measured.groups import cost_groups, groups
from analysis.page.report import report
from analysis.planted import costs as planted_costs
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations, write_run
from analysis.reading.read import read_runs
from analysis.statistics.stats import Estimate

HARDWARE = Hardware(gpu=False)
SIZES = [4**k for k in range(5, 15)]
CHAPTERS = ["synchronising", "workers", "waiting", "sharing", "python"]


def page_of(*paths: Path) -> tuple[str, dict]:
    with figure.checked():
        document, _ = report(read_runs(list(paths)))
    packed = re.search(r'<script type="application/json" id="data">(.*?)</script>', document)
    return re.sub(r"<script.*?</script>", "", document, flags=re.S), json.loads(packed[1])


def written(folder: Path, planned: list[Configuration], name: str = "run", **options) -> Path:  # noqa: ANN003
    options = {"noise": 0.002, "rounds": 9, "hardware": HARDWARE, **options}
    return write_run(folder / f"{name}.csv", planned, **options)


def rows_of(data: dict, chart: str) -> list[dict]:
    sets = data["figures"][chart]["spec"]["datasets"].values()
    return [row for rows in sets for row in rows if "v" in row]


def test_what_synchronising_costs_and_racing_loses(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planted_costs.count(HARDWARE)))
    assert re.search(r"One worker alone adds 1 in 0\.(50|49)\d? ns \(serial/loop\)", text)
    assert re.search(r"openmp/critical the slowest \(9[45]\.\d ns, 1,5\d0×\)", text)
    assert "threads/unsynchronised loses 38 % on 8 workers" in text
    bars = {r["k"]: r["y"] for r in rows_of(data, "count-1")}
    assert bars["threads/mutex"] == pytest.approx(63, rel=0.01)
    assert bars["threads/padded"] == pytest.approx(0.5 / 8, rel=0.01)
    assert len(bars) == 14
    swept = [
        (r["s"], r["x"], r["y"])
        for chart in data["figures"] if chart.startswith("count-workers")
        for r in rows_of(data, chart)
    ]  # fmt: skip
    assert len(swept) == len(set(swept)) == 13 * 5 + 1
    lost = {r["x"]: r["y"] for r in rows_of(data, "lost-1")}
    assert lost == {1: 0.0, 2: 0.375, 4: 0.375, 8: 0.375, 16: 0.375}


def test_false_sharing_is_told_as_it_was_measured(tmp_path: Path) -> None:
    planned = planted_costs.count(HARDWARE)
    text, _ = page_of(written(tmp_path, planned))
    assert re.search(r"as if they were shared: threads/false-sharing takes 5[56]\.\d× as", text)
    harmless = [
        replace(c, time_ns=1.15 * 0.5 / min(c.workers, 8) * c.elements)
        if c.variant == "false-sharing" else c
        for c in planned
    ]  # fmt: skip
    text, _ = page_of(written(tmp_path, harmless))
    assert "as if they were shared" not in text
    assert re.search(r"threads/false-sharing takes 1\.1[45]\d?× as long as threads/padded", text)
    alone = [c for c in planned if c.variant != "padded"]
    assert "false-sharing takes" not in page_of(written(tmp_path, alone))[0]


def test_what_workers_cost_and_from_where_they_pay(tmp_path: Path) -> None:
    planned = configurations(HARDWARE, sizes=SIZES) + planted_costs.create(HARDWARE)
    text, data = page_of(written(tmp_path, planned))
    assert re.search(r"A worker costs 20\d ns by threads/pool \(8 workers at once\)", text)
    assert re.search(r"4(80|79|81) µs by processes/posix-spawn \(8 workers\), 2,\d\d0×", text)
    assert "An idle worker keeps 24 KiB (threads/spawn) to 1 MiB" in text
    each = {(r["s"], r["x"]): r["y"] for r in rows_of(data, "create-1")}
    assert each["processes/fork", 256] == pytest.approx(120_000, rel=0.01)
    # One core doubles 1 Mi elements in 12 + 2^23/45 ns; 8 threads of 16 us are 128 us, which lies
    # between 256 Ki (19.1 us) and 1 Mi (186 us).
    pays = {(r["k"], r["s"]): r["x"] for r in rows_of(data, "pays-1")}
    small, large = 12 + 2**21 / 110, 12 + 2**23 / 45
    planted = 2**18 + (2**20 - 2**18) * (128e3 - small) / (large - small)
    assert pays["threads/spawn", "double, f32"] == pytest.approx(planted, rel=0.02)
    assert pays["threads/spawn", "reduce, f32"] > pays["threads/spawn", "double, f32"]


def test_forks_beside_a_cuda_context_say_so(tmp_path: Path) -> None:
    def planned(holds: float) -> list[Configuration]:
        return [
            replace(c, more={**c.more, "cuda_context": holds})
            if c.variant in ("fork", "posix-spawn") else c
            for c in planted_costs.create(HARDWARE)
        ]  # fmt: skip

    text, data = page_of(written(tmp_path, planned(1.0)))
    assert (
        "processes/fork and processes/posix-spawn made processes from one that held a CUDA context"
    ) in text
    assert "memory-1" in data["figures"]
    text, _ = page_of(written(tmp_path, planned(0.0), "without"))
    assert "CUDA context" not in text


def test_a_cost_outside_of_the_measured_work(tmp_path: Path) -> None:
    points = [
        Point(n, 4.0 * n, "serial", "loop", 1, "cpu", Estimate(t, None, None, 1), 0)
        for n, t in ((1024, 100.0), (4096, 90.0), (16384, 1600.0))
    ]
    curve = Curve("serial", "resident", points, None)
    assert costs.pays_from(50, curve).text == "below 1.00 Ki"
    assert costs.pays_from(1e6, curve).text == "beyond 16.0 Ki"
    # A dip of noise does not hide the first crossing, nor divide by zero.
    assert 4096 < (costs.pays_from(380, curve).size or 0) < 16384
    assert costs.pays_from(1600, curve).size == pytest.approx(16384)
    # Four times apart is a value, more is not.
    assert costs.pays_from(845, curve).text == "10.0 Ki"
    far = Curve("serial", "resident", [points[0], points[2]], None)
    assert costs.pays_from(845, far).text == "between 1.00 Ki and 16.0 Ki"
    assert costs.pays_from(845, far).ends == (1024, 16384)


def test_what_a_switch_costs(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planted_costs.switch()))
    assert re.search(r"takes 1\.(30|29|31) µs by threads/futex \(1 core\)", text)
    assert re.search(r"14\.\d µs by processes/pipe \(2 cores\)", text)
    assert re.search(r"to 6\.9\d× \(threads/futex\) as long as on one", text)
    assert "On two cores who waits leaves as well (2.01 switches)" in text
    rows = rows_of(data, "switch-1")
    assert {(r["k"], r["s"]) for r in rows} >= {("threads/pipe", "1 core"),
                                                ("processes/pipe", "2 cores")}  # fmt: skip
    assert {r["c0"] for r in rows} == {"2.00"}, "voluntary switches of a round trip"
    assert {r["c1"] for r in rows} == {"0.0100"}


def test_how_waiting_differs_from_computing(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planted_costs.wait(HARDWARE)))
    assert re.search(r"block reaches 48\d on 512 workers, 94 % of the ideal", text)
    assert re.search(r"compute reaches 7\.8\d on 512 workers, 1\.5 % of the ideal", text)
    assert re.search(r"A fast request takes 5\.10 ms \(fast median\) and 9\.30 ms", text)
    assert re.search(r"110 µs \(fast median\) and 318 µs \(fast p99\) on 512 workers", text)
    assert re.search(r"the lowest fast p99 is 318 µs, on 512 workers", text)
    assert {r["s"] for r in rows_of(data, "wait-1")} == {"block", "compute"}
    assert {r["s"] for r in rows_of(data, "mixed-1")} == {"fast median", "fast p99"}


def test_threads_processes_and_messages(tmp_path: Path) -> None:
    planned = configurations(HARDWARE, sizes=SIZES, workloads=("double",))
    planned += planted_costs.processes(HARDWARE, SIZES)
    text, data = page_of(written(tmp_path, planned))
    assert re.search(r"Threads, processes(, MPI ranks)? and messages: double, f32, 8 workers", text)
    # 2 GiB at 70 GB/s in memory, and 0.9 GB/s through the queue.
    planted = 1 / (1 + 70 / 0.9)
    shown = re.search(r"processes/queue reaches (0\.01\d+)× of threads/pool", text)
    assert float(shown[1]) == pytest.approx(planted, rel=0.03)
    assert re.search(r"260 µs by processes/spawn", text)
    assert {r["s"].split("/")[0] for r in rows_of(data, "sharing-1")} == {
        "threads", "processes", "mpi",
    }  # fmt: skip
    text = text[text.index("<caption>The smallest and the largest size") :]
    row = re.search(r">processes/pipe</th>(.*?)</tr>", text)[1]
    assert re.search(r"6[34]\d ns</td>$", row), "1 KiB at 1.6 GB/s"
    assert not re.search(r"ns</td>$", re.search(r">processes/shm</th>(.*?)</tr>", text)[1])


EACH: dict[str, Callable[[], list[Configuration]]] = {
    "count": lambda: planted_costs.count(HARDWARE),
    "create": lambda: planted_costs.create(HARDWARE),
    "switch": planted_costs.switch,
    "wait": lambda: planted_costs.wait(HARDWARE),
}


@pytest.mark.parametrize("workload", EACH)
def test_one_workload_alone(tmp_path: Path, workload: str) -> None:
    text, data = page_of(written(tmp_path, EACH[workload]()))
    assert "No workload on arrays was measured" in text
    assert "No configuration was measured" not in text
    for absent in ("throughput", "scaling", "latency", "machines"):
        assert f'id="{absent}"' not in text
    shown = [c for c in CHAPTERS if f'id="{c}"' in text]
    assert len(shown) == 1
    assert "GB/s" not in re.sub(r'<section id="method".*', "", text, flags=re.S)
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert data["figures"]


def test_costs_are_in_no_other_chapter(tmp_path: Path) -> None:
    data_rows = configurations(HARDWARE, sizes=SIZES)
    both = data_rows + [c for make in EACH.values() for c in make()]
    text, data = page_of(written(tmp_path, both))
    alone_text, alone = page_of(written(tmp_path, data_rows, "alone"))
    shared = {k for k in data["figures"] if not k.startswith(("count", "lost", "create", "pays",
              "memory", "switch", "wait", "mixed"))}  # fmt: skip
    assert shared == set(alone["figures"])
    answer = r'<section id="answer">.*?</section><section'
    assert len(re.findall("<h3>", re.search(answer, text, re.S)[0])) == len(
        re.findall("<h3>", re.search(answer, alone_text, re.S)[0])
    )
    (run,) = read_runs([tmp_path / "run.csv"])
    assert [g.workload for g in groups(run)[0]] == ["double", "reduce"]
    assert [g.workload for g in cost_groups(run)] == ["count", "create", "switch", "wait"]


@pytest.mark.parametrize("workload", EACH)
def test_missing_and_hostile_columns(tmp_path: Path, workload: str) -> None:
    path = written(tmp_path, EACH[workload]())
    header, *rows = path.read_text().splitlines()
    names = header.split(",")
    extra = [n for n in names if n in ("error", "worker_bytes", "voluntary_switches",
             "involuntary_switches", "cuda_context", "fast_median_ns", "fast_p99_ns", "bytes")
             or n in planted_costs.tail(1, 2)]  # fmt: skip
    for values in (("",), ("nan", "inf", "-1"), ("</script><b>", "1e999", "0")):
        mangled = []
        for number, row in enumerate(rows):
            cells = row.split(",")
            for name in extra:
                cells[names.index(name)] = values[number % len(values)]
            mangled.append(",".join(cells))
        path.write_text("\n".join([header, *mangled, ""]))
        text, _ = page_of(path)
        assert not re.search(r"\b(nan|inf)\b", text)
        assert "<b>" not in re.search(r'<section id="answer">.*?</section>', text, re.S)[0]
        assert any(f'id="{c}"' in text for c in CHAPTERS)
    kept = [i for i, n in enumerate(names) if n not in extra]
    lines = [",".join(line.split(",")[i] for i in kept) for line in (header, *rows)]
    path.write_text("\n".join([*lines, ""]))
    text, _ = page_of(path)
    assert any(f'id="{c}"' in text for c in CHAPTERS)


def test_a_workload_of_costs_that_is_not_known_here(tmp_path: Path) -> None:
    planned = [
        Configuration("barrier", "none", 10, "threads", v, "resident", w, "cpu", 1000.0 * w)
        for v in ("central", "tree")
        for w in (1, 2, 4)
    ]
    text, _ = page_of(written(tmp_path, planned))
    assert "barrier: time for each element" in text
    assert re.search(r"threads/tree</th><td>4 workers</td>.*?(400|399|401) ns", text)


def test_only_rows_of_no_units(tmp_path: Path) -> None:
    planned = [
        Configuration("create", "none", 0, "threads", "spawn", "resident", 1, "cpu", 100.0),
        Configuration("wait", "none", 0, "threads", "block", "resident", 1, "cpu", 100.0),
    ]
    text, _ = page_of(written(tmp_path, planned))
    assert "The answer" in text


def test_costs_are_compared_by_their_times(tmp_path: Path) -> None:
    planned = [c for make in EACH.values() for c in make()]

    def slower(c: Configuration) -> float:
        return 1.2 if c.variant == "mutex" and c.workers == 8 else 1.0

    paths = [
        written(tmp_path, planned, "base", rounds=12),
        written(tmp_path, planned, "new", rounds=12, seed=2, change=slower),
    ]
    base, new = read_runs(paths)
    result = comparing.compare([base], [new], 0.02, [])
    assert {c.name for c in result.configurations if c.verdict == "slower"} == {
        "count/i64/processes/mutex/resident/n:1048576/w:8",
        "count/i64/threads/mutex/resident/n:1048576/w:8",
    }
    assert len(result.configurations) == len(planned)
    assert "count/i64/threads/mutex" in rendering.as_table(result, True, False, 200)


def test_several_machines_and_baselines(tmp_path: Path) -> None:
    paths = []
    for number, hardware in enumerate((Hardware("a", gpu=False), Hardware("b", gpu=False))):
        planned = configurations(hardware, sizes=SIZES[:4]) + planted_costs.count(hardware)
        python = planted_costs.python(hardware, SIZES[:3])
        paths.append(written(tmp_path, planned, hardware.label, hardware=hardware, seed=number))
        name = f"{hardware.label}-python"
        paths.append(written(tmp_path, python, name, hardware=hardware, seed=10 + number))
    text, data = page_of(*paths)
    for chart in ("count-1", "count-2", "python-1", "python-2"):
        assert chart in data["figures"]
    assert "Time of an increment, a" in text
    assert "Python: double, f32, b" in text
    assert text.count("double (f32) on ") == 2


def group_of(path: Path, workload: str) -> Group:
    (run,) = read_runs([path])
    return next(g for g in cost_groups(run) if g.workload == workload)


def test_medians_of_what_samples_tell(tmp_path: Path) -> None:
    path = written(tmp_path, planted_costs.wait(HARDWARE))
    found = costs.costs(group_of(path, "wait"))
    mixed = next(c for c in found if c.variant == "mixed" and c.workers == 16)
    assert mixed.more["fast_median_ns"] == pytest.approx(5e6 / 16 + 1e5)
    assert "fast_median_ns" not in next(c for c in found if c.variant == "block").more
    assert costs.full(found, 8.0)[0].workers == 8
    assert costs.full(found, None)[0].workers == 512
    assert costs.full([c for c in found if c.workers > 8], 8.0)[0].workers == 16
