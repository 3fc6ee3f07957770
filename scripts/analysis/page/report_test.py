"""The page says what was planted, for every shape of data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from analysis.chapters import answer, compared, throughput
from analysis.drawing import figure
from analysis.measured.curves import Group
from analysis.measured.groups import groups
from analysis.measured.sweeps import sizes_shown, sweep
from analysis.page.report import report
from analysis.page.report_command import write_figures
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations, plan_of, write_run
from analysis.reading.read import read_runs
from analysis.statistics import crossover
from analysis.statistics.crossover import format_size
from analysis.statistics.estimates import widening_for


def truth(planned: list[Configuration], chosen) -> dict[int, float]:  # noqa: ANN001
    """The planted curve: the smallest true time at each size."""
    result: dict[int, float] = {}
    for c in planned:
        if chosen(c):
            result[c.elements] = min(c.time_ns, result.get(c.elements, float("inf")))
    return result


def is_cpu(c: Configuration) -> bool:
    return c.device == "cpu"


def group_of(path: Path, workload: str = "reduce") -> Group:
    (run,) = read_runs([path])
    return next(g for g in groups(run)[0] if g.workload == workload)


def document_of(*paths: Path) -> tuple[str, dict]:
    with figure.checked():
        document, _ = report(read_runs(list(paths)))
    packed = re.search(r'<script type="application/json" id="data">(.*?)</script>', document)
    return document, json.loads(packed[1])


def test_planted_crossovers_and_speed_ups(tmp_path: Path) -> None:
    hardware = Hardware()
    planned = configurations(hardware, workloads=("reduce",), ladder=False, sms=False)
    cpu = truth(planned, is_cpu)
    gpu = truth(planned, lambda c: c.device != "cpu" and c.scope == "resident")
    planted = crossover.find(gpu, cpu)
    assert planted.kind == "crossover"
    largest = max(cpu)
    inside = {"crossover": 0, "speed-up": 0, "rate": 0}
    trials = 12
    for seed in range(trials):
        path = write_run(tmp_path / f"{seed}.csv", planned, seed=seed, hardware=hardware)
        group = group_of(path)
        found = group.crossover(group.best_gpu("resident"), group.best_cpu())
        inside["crossover"] += found.low <= planted.size <= found.high
        fast, slow = group.best_gpu("resident").at(largest), group.best_cpu().at(largest)
        ratio = group.speed_up(fast, slow)
        inside["speed-up"] += ratio.low <= cpu[largest] / gpu[largest] <= ratio.high
        serial = group.one_worker().at(65536)
        rate = 65536 * 4 / truth(planned, lambda c: c.workers == 1 and is_cpu(c))[65536]
        inside["rate"] += serial.rate.low <= rate <= serial.rate.high
    # At 95 % a chance below 1 % to miss more than two of twelve.
    assert min(inside.values()) >= trials - 2, inside


def test_the_page_prints_the_planted_answer(tmp_path: Path) -> None:
    hardware = Hardware()
    planned = configurations(hardware, workloads=("reduce",), ladder=False)
    path = write_run(tmp_path / "run.csv", planned, noise=0.0005, hardware=hardware)
    document, _ = document_of(path)
    cpu = truth(planned, is_cpu)
    gpu = truth(planned, lambda c: c.device != "cpu" and c.scope == "resident")
    size = crossover.find(gpu, cpu).size
    shown = re.search(r"the best CPU model <b>from ([\d.]+ [KM]i) \[", document)[1]
    number, unit = shown.split()
    assert float(number) * {"Ki": 1024, "Mi": 1024**2}[unit] == pytest.approx(size, rel=0.02)
    assert "With the copies there and back it does so <b>at no size measured" in document
    largest = max(cpu)
    lead = re.search(r"elements it is ([\d.]+)× \[[\d.]+ to [\d.]+\] as fast", document)[1]
    assert float(lead) == pytest.approx(cpu[largest] / gpu[largest], rel=0.02)


def test_planted_serial_fraction(tmp_path: Path) -> None:
    planned = [
        Configuration("reduce", "f32", 1 << 20, "openmp", "static", "resident", p, "cpu",
                      1e6 * (0.08 + 0.92 / p))
        for p in (1, 2, 4, 8)
    ]  # fmt: skip
    path = write_run(tmp_path / "run.csv", planned, noise=0.005)
    group = group_of(path)
    amdahl, _, _ = sweep(group, "openmp", 1 << 20, gpu=False).fitted(8)
    fraction = amdahl.parameters["serial fraction"]
    assert fraction.low <= 0.08 <= fraction.high
    assert fraction.high - fraction.low < 0.02
    document, _ = document_of(path)
    assert re.search(r"<td>(7\.\d|8\.\d) % \[7\.\d % to 8\.\d %\]</td>", document)


def test_planted_ladder(runs: dict[str, Path]) -> None:
    document, data = document_of(runs["server"])
    assert "At 256 Mi elements bulk is the fastest" in document
    assert re.search(
        r"peak, 1\.0[12]\d?× cub\. The slowest is naive: [\d,]+ GB/s, 62 % of the", document
    )
    spec = json.dumps(data["figures"]["ladder-1"]["spec"])
    assert '"p": "62 %"' in spec  # naive, as planted
    # Bulk: 93 % planted, and 2.3 µs of start.
    assert '"v": "bulk"' in spec
    assert re.search(r'"v": "bulk"[^}]*"p": "9[23] %"', spec)


def test_without_noise_the_crossover_is_that_of_the_times(tmp_path: Path) -> None:
    hardware = Hardware()
    planned = configurations(hardware, workloads=("reduce",), ladder=False)
    group = group_of(write_run(tmp_path / "run.csv", planned, noise=0.0, hardware=hardware))
    found = group.crossover(group.best_gpu("resident"), group.best_cpu())
    gpu = truth(planned, lambda c: c.device != "cpu" and c.scope == "resident")
    # What a round shares cancels to the last digit that the file has.
    expected = crossover.find(gpu, truth(planned, is_cpu)).size
    assert found.low == pytest.approx(expected, rel=1e-3)
    assert found.high == pytest.approx(expected, rel=1e-3)


def test_machines_side_by_side(runs: dict[str, Path]) -> None:
    document, data = document_of(runs["laptop"], runs["workstation"], runs["server"])
    assert "machines-1" in data["figures"]
    ratios = {
        place: [float(told) for told in re.findall(r": ([\d.]+)× \[", row)]
        for place, row in re.findall(r'<th scope="row">((?:CPU|GPU), .*?)</th>(.*?)</tr>', document)
    }
    # The memories of three_machines() move 35, 70 and 380 GB/s, the GPUs' 1008 and 4800.
    assert ratios["CPU, memory size: 256 Mi"] == pytest.approx([70 / 35, 380 / 35], rel=0.03)
    assert ratios["GPU, memory size: 256 Mi"] == pytest.approx([4800 / 1008], rel=0.1)
    # Four, eight and 64 cores, of which one has another second level.
    assert ratios["CPU, in cache: 64.0 Ki"][1] > ratios["CPU, in cache: 64.0 Ki"][0] > 1
    assert len(ratios["CPU, smallest size: 1.00 Ki"]) == 2
    assert "eometric mean" not in document
    assert "Not only the hardware differs" in document


def test_the_reason_for_each_empty_section_is_an_absent_section(tmp_path: Path) -> None:
    planned = configurations(Hardware(gpu=False), workloads=("double",), sizes=[1024])
    document, _ = document_of(
        write_run(tmp_path / "run.csv", planned, hardware=Hardware(gpu=False))
    )
    assert 'id="gpu"' not in document
    assert 'id="machines"' not in document
    assert "No GPU was measured in this run." in document


def with_a_plan(folder: Path, sizes: list[int], **options) -> tuple[Path, Hardware]:  # noqa: ANN003
    """A run that quotes 64 Ki and of which only `sizes` and serial's were measured."""
    hardware = Hardware()
    planned = configurations(hardware, workloads=("double",), ladder=False)
    measured = [c for c in planned if c.elements in sizes or c.model == "serial"]
    description = plan_of(planned, measured, {"double": 65536})
    return write_run(folder / "run.csv", measured, description=description, **options), hardware


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    path, hardware = with_a_plan(tmp_path, [1024, 65536, 4**13])
    document, _ = document_of(path)
    planned = configurations(hardware, workloads=("double",), ladder=False)
    left = [c for c in planned if c.elements not in (1024, 65536, 4**13) and c.model != "serial"]
    told = f"{len(left)} of {len(planned)} configurations (of cuda, openmp, stdpar and threads)"
    assert f"workstation: {told} were left out for want of time." in document
    assert ">Pilot<" in document
    answer_part, certainty_part = document.split('id="answer"')[1].split('id="certainty"')
    assert "<code>build/crossover --resume run.csv --budget SECONDS</code>" in answer_part
    assert "<td>openmp</td><td>double f32</td><td>static</td>" in certainty_part
    assert "<td>4.00 Ki to 256 Mi (7)</td><td>1 to 16 (5)</td>" in certainty_part
    assert "offload" in certainty_part.split("Left out for want of time", 1)[1]


def test_rates_are_quoted_at_the_size_that_was_chosen(tmp_path: Path) -> None:
    path, _ = with_a_plan(tmp_path, [1024, 65536, 4**13])
    document, _ = document_of(path)
    assert "Rates and ratios are those at 64.0 Ki elements (256 KiB an array)" in document
    assert "; at 64.0 Ki elements it is" in document
    assert re.search(r"At 64\.0 Ki elements \w+ is the fastest", document)  # the ladder
    group = group_of(path, "double")
    assert sizes_shown(group)[0] == 65536
    assert group.at_quoted(group.best_cpu()).elements == 65536
    # Nobody measured that size: the largest common one, which nobody chose.
    path, _ = with_a_plan(tmp_path, [1024, 4**13])
    lines = path.read_text().splitlines()
    column = lines[0].split(",").index("elements")
    path.write_text("\n".join(n for n in lines if n.split(",")[column] != "65536") + "\n")
    document, _ = document_of(path)
    assert "Rates and ratios are those" not in document
    assert "; at 64.0 Mi elements it is" in document


def test_lines_are_broken_where_sizes_were_left_out(tmp_path: Path) -> None:
    path, _ = with_a_plan(tmp_path, [1024, 4096, 65536, 4**13])
    document, data = document_of(path)
    spec = data["figures"]["throughput-1"]["spec"]
    parts = {(r["s"], r["x"]): r.get("part") for rows in spec["datasets"].values() for r in rows
             if "lo" in r}  # fmt: skip
    assert [parts["openmp", n] for n in (1024, 4096, 65536, 4**13)] == [0, 0, 1, 2]
    assert parts["serial", 1024] is None
    assert "A gap in a line: sizes there were planned and not measured." in document
    group = group_of(path, "double")
    # Serial was measured everywhere, so the best CPU has no gap; what is parallel has.
    assert group.best_cpu().unmeasured == frozenset()
    assert 4**7 in group.best_parallel().unmeasured
    assert 4**7 in group.best_gpu("offload").unmeasured
    whole, data = document_of(write_other(tmp_path))
    assert "A gap in a line" not in whole
    assert ">Pilot<" not in whole
    assert '"part"' not in json.dumps(data)


def test_speed_ups_are_broken_where_worker_counts_were_left_out(tmp_path: Path) -> None:
    planned = configurations(Hardware(gpu=False), workloads=("double",), ladder=False)
    measured = [c for c in planned if (c.model, c.workers, c.elements) != ("openmp", 4, 4**14)]
    path = write_run(tmp_path / "run.csv", measured, hardware=Hardware(gpu=False),
                     description=plan_of(planned, measured, {"double": 4**14}))  # fmt: skip
    found = sweep(group_of(path, "double"), "openmp", 4**14, gpu=False)
    assert found.unmeasured == {4}
    _, data = document_of(path)
    rows = [r for rows in data["figures"]["speed-up-1-0"]["spec"]["datasets"].values()
            for r in rows if r.get("s") == "openmp" and "lo" in r]  # fmt: skip
    assert [r["part"] for r in rows] == [0, 0, 1, 1]


def write_other(folder: Path) -> Path:
    """A run of another machine, without a plan."""
    planned = configurations(Hardware("other", gpu=False), workloads=("double",), ladder=False)
    return write_run(folder / "other.csv", planned, hardware=Hardware("other", gpu=False))


def test_rounds_that_are_alike_widen_intervals(tmp_path: Path) -> None:
    planned = configurations(Hardware(gpu=False), workloads=("double",), ladder=False)
    path = write_run(tmp_path / "run.csv", planned, noise=0.02)
    document, _ = document_of(path)
    assert "which widens the intervals" not in document
    (plain,) = read_runs([path])
    # The same times of openmp in ascending order: each round is like the one before.
    lines = path.read_text().splitlines()
    columns = lines[0].split(",")
    time, model = columns.index("time_ns"), columns.index("model")
    cells = [line.split(",") for line in lines[1:]]
    places: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(cells):
        if row[model] == "openmp":
            places.setdefault(tuple(row[4:13]), []).append(i)
    for rows in places.values():
        ordered = sorted((cells[i][time] for i in rows), key=float)
        for i, value in zip(rows, ordered, strict=True):
            cells[i][time] = value
    path.write_text("\n".join([lines[0], *map(",".join, cells)]) + "\n")
    document, _ = document_of(path)
    assert re.search(r"correlate, which widens the intervals of openmp \(0\.\d\d\)\.", document)
    (wide,) = read_runs([path])
    correlation = wide.correlation("openmp")
    assert widening_for(correlation, 9) > 1.8
    assert widening_for(wide.correlation("serial", "threads"), 9) == 1
    for before, after in zip(
        plain.configurations.iter_rows(named=True), wide.configurations.iter_rows(named=True),
        strict=True,
    ):  # fmt: skip
        r = correlation if before["model"] == "openmp" else 0
        assert after["high"] / after["median"] == pytest.approx(
            (before["high"] / before["median"]) ** widening_for(r, before["n"])
        )
    # What was measured once has no interval, however alike the rounds of others are.
    last = next(iter(places.values()))[-1]
    first = places[tuple(cells[last][4:13])][:-1]
    path.write_text(
        "\n".join([lines[0], *(",".join(c) for i, c in enumerate(cells) if i not in first)]) + "\n"
    )
    (few,) = read_runs([path])
    once = few.configurations.filter(few.configurations["n"] == 1)
    assert once.select("low", "high").rows() == [(None, None)]


ODD: dict[str, dict] = {
    "one round": {"rounds": 1},
    "five rounds": {"rounds": 5},
    "interrupted in its first round": {"stop_after": 11},
    "one sample": {"stop_after": 1},
    "long": {"rounds": 140},
}


@pytest.mark.parametrize("options", ODD.values(), ids=ODD.keys())
def test_runs_of_odd_shape(tmp_path: Path, options: dict) -> None:
    planned = configurations(Hardware(), workloads=("reduce",), sizes=[1024, 65536], ladder=False)
    document, data = document_of(write_run(tmp_path / "run.csv", planned, **options))
    assert data["figures"]
    if options.get("rounds", 9) < 6 or "stop_after" in options:
        assert "Fewer than six rounds" in document
    if "stop_after" in options:
        assert "workstation was interrupted" in document
    assert "nan" not in re.sub(r"<script.*?</script>", "", document, flags=re.S).lower().split()


@pytest.mark.parametrize(
    "keep",
    [
        lambda c: c.model == "serial",
        lambda c: c.model == "openmp" and c.workers == 4,
        lambda c: c.model == "openmp",
        lambda c: c.device != "cpu",
        lambda c: c.scope == "kernel",
        lambda c: c.scope == "offload",
        lambda c: c.elements == 1024,
        lambda c: (c.device == "cpu") == (c.elements == 1024),
    ],
    ids=["serial", "one team", "openmp", "gpu", "kernel", "offload", "one size", "no common size"],
)
def test_parts_of_a_run(tmp_path: Path, keep) -> None:  # noqa: ANN001
    planned = [c for c in configurations(Hardware(), sizes=[1024, 65536, 1 << 22]) if keep(c)]
    document, _ = document_of(write_run(tmp_path / "run.csv", planned, rounds=7))
    assert document.count("<h2>") >= 4


def test_only_failures_and_skips(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.csv", [], extra_rows=[
        "1,workstation-0001,w,2026-11-20T10:00:00Z,reduce,f32,4096,16384,cuda,cub,resident,0,gpu0,"
        "0,0,,,,skipped,no CUDA device",
        "1,workstation-0001,w,2026-11-20T10:00:00Z,reduce,f32,4096,16384,serial,loop,resident,1,"
        "cpu,0,1,10,1,9,failed,wrong sum",
    ])  # fmt: skip
    document, _ = document_of(path)
    assert "No configuration was measured" in document
    assert "no CUDA device" in document
    assert "wrong sum" in document
    assert "1 row failed verification" in document


def test_size_zero_and_unknown_names(tmp_path: Path) -> None:
    planned = [
        Configuration("triad", "f16", n, "mpi", "ring", "resident", p, "cpu", 100.0 + n / p)
        for n in (0, 1, 1000, 100_000)
        for p in (1, 3)
    ]
    document, _ = document_of(write_run(tmp_path / "run.csv", planned))
    assert "triad (f16)" in document
    assert "mpi/ring" in document


def test_nothing_is_loaded_from_elsewhere(runs: dict[str, Path]) -> None:
    document, _ = document_of(runs["workstation"])
    outside = re.sub(r"<script.*?</script>", "", document, flags=re.S)
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', outside)
    assert "default-src 'none'" in document
    assert len(document) < 3 * 1024 * 1024


def test_the_same_run_gives_the_same_page(runs: dict[str, Path]) -> None:
    assert document_of(runs["laptop"])[0] == document_of(runs["laptop"])[0]


def test_figures_for_a_paper(runs: dict[str, Path], tmp_path: Path) -> None:
    with figure.checked():
        _, figures = report(read_runs([runs["laptop"]]))
        written = write_figures(figures[:2], tmp_path / "figures")
    assert [p.suffix for p in written] == [".svg", ".png"] * 2
    svg = written[0].read_text()
    assert "serial" in svg
    assert "GB/s" in svg
    assert written[1].read_bytes().startswith(b"\x89PNG")


def test_too_many_runs_and_groups(tmp_path: Path) -> None:
    planned = [
        Configuration(f"w{i}", "f32", 1024 << k, "serial", "loop", "resident", 1, "cpu", 100.0)
        for i in range(30)
        for k in range(2)
    ]
    document, _ = document_of(write_run(tmp_path / "run.csv", planned, rounds=1))
    assert "18 workload and types more than fit on a page" in document


def test_the_largest_speed_up_has_its_own_chart(runs: dict[str, Path]) -> None:
    group = group_of(runs["workstation"])
    assert sizes_shown(group)[0] == 4**14
    assert len(sizes_shown(group)) == 2


def test_answers_name_doubt(tmp_path: Path) -> None:
    planned = [
        Configuration("reduce", "f32", n, model, "v", "resident", p, device, 1000.0 + n)
        for n in (1024, 4096)
        for model, p, device in (("serial", 1, "cpu"), ("cuda", 9, "gpu0"))
    ]
    group = group_of(write_run(tmp_path / "run.csv", planned, noise=0.1, seed=3))
    text = str(answer.card(answer.answer_of(group)))
    assert "no different beyond doubt" in text


def test_throughput_marks_caches(runs: dict[str, Path]) -> None:
    group = group_of(runs["workstation"])
    spec = throughput.throughput(group, "", 1).specification
    labels = {r["t"] for rows in spec["datasets"].values() for r in rows if "row" in r}
    assert {"L1", "L2", "L3"} <= labels
    size = group.crossover(group.best_gpu("resident"), group.best_cpu()).point.size
    assert f"GPU resident ≥ {format_size(size)}" in labels


def test_sizes_far_apart_are_the_answer(tmp_path: Path) -> None:
    hardware = Hardware()
    sizes = [4**k for k in (5, 6, 10, 14)]
    planned = configurations(hardware, workloads=("reduce",), sizes=sizes, ladder=False, sms=False)
    path = write_run(tmp_path / "run.csv", planned, hardware=hardware)
    document, _ = document_of(path)
    assert "the best CPU model <b>from between 1.00 Mi and 256 Mi elements on</b>" in document
    found = answer.answer_of(group_of(path))
    (told,) = [n for n in compared.lines([found.group], []) if n.what == "GPU pays from, elements"]
    assert told.shown == ["1.00 Mi to 256 Mi"]
    spec = throughput.throughput(group_of(path), "", 1).specification
    lines = {(r["x"], r["t"]) for rows in spec["datasets"].values() for r in rows if "row" in r}
    assert {(1 << 20, ""), (1 << 28, "GPU resident ≥ 1.00 Mi to 256 Mi")} <= lines
