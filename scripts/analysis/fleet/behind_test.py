"""Nodes with planted slowness, and fleets of like nodes."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analysis.errors import BadInput
from analysis.fleet.behind import PRIOR_SCATTER, Fleet, fleet_of, median_of_others, scatter_of
from analysis.fleet.nodes import Node, files_of, nodes_of, read_each
from analysis.fleet.words import problems
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations, write_run
from analysis.reading.run import KEY

HARDWARE = Hardware("node", gpu=False, cores=2, smt=1)
WITH_GPU = Hardware("node", cores=2, smt=1)
SIZES = [1024, 65536]


def write_node(
    folder: Path,
    label: str,
    change: Callable[[Configuration], float] = lambda _: 1.0,
    hardware: Hardware = HARDWARE,
    like: Hardware | None = None,
    name: str = "",
    **more: object,
) -> Path:
    """A run of a node of its own label; `like`: whose hardware it says it has."""
    planned = configurations(hardware, sizes=SIZES)
    described = {"machine": (like or hardware).description()}
    hw = Hardware(label, gpu=hardware.gpu, cores=2, smt=1)
    return write_run(
        folder / f"{name or label}.csv", planned, 7, 0.001, change=change, hardware=hw,
        description={**described, **more}, seed=zlib.crc32((name or label).encode()) % 10_000,
    )  # fmt: skip


def plain_nodes(logs: np.ndarray) -> list[Node]:
    """Nodes of one configuration a workload, whose logarithms are (workloads, nodes)."""
    workloads, nodes = logs.shape
    key = {"type": "f32", "model": "serial", "variant": "loop", "scope": "resident"}
    key |= {"elements": 1024, "workers": 1, "device": "cpu", "cache": "warm", "kind": "CPU"}
    table = pl.DataFrame(
        {
            "workload": [f"w{w}" for w in range(workloads)] * nodes,
            **{name: [value] * (workloads * nodes) for name, value in key.items()},
            "log_ns": logs.T.ravel(),
        }
    ).select(*KEY, "kind", "log_ns")
    return [
        Node(f"n{i}", "CPU", (Path(f"n{i}.csv"),), table.slice(i * workloads, workloads))
        for i in range(nodes)
    ]


def in_folder(folder: Path, threshold: float = 0.05) -> Fleet:
    unread: list[str] = []
    nodes = nodes_of(read_each(files_of([folder]), unread))
    return fleet_of(nodes, threshold, unread)


def named(fleet: Fleet) -> list[tuple[str, str]]:
    return [(s.node.name, s.what) for s in fleet.behind]


def test_medians_of_others_against_numpy() -> None:
    rng = np.random.default_rng(3)
    for nodes in (2, 3, 4, 7, 12):
        times = rng.normal(size=(5, nodes))
        times[0, :2] = times[0, 0]
        times[1, 0] = np.nan
        wanted = np.full(times.shape, np.nan)
        for row in range(5):
            for node in range(nodes):
                others = np.delete(times[row], node)
                if not np.isnan(others).all():
                    wanted[row, node] = np.nanmedian(others)
        known = ~np.isnan(times)
        np.testing.assert_allclose(median_of_others(times)[known], wanted[known])


def test_a_slow_node_is_named_with_its_workload(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        slow = label == "c"
        write_node(tmp_path, label, lambda c, s=slow: 1.5 if s and c.workload == "reduce" else 1.0)
    fleet = in_folder(tmp_path)
    (found,) = fleet.behind
    assert (found.node.name, found.what) == ("c", "reduce")
    assert found.ratio == pytest.approx(1.5, rel=0.01)
    assert found.low < 1.5 < found.high
    assert found.slower == found.of > 4
    assert found.worst_ratio == pytest.approx(1.5, rel=0.01)
    assert not fleet.healthy
    assert fleet.standings[0] == found, "the slowest first"


def test_a_ratio_below_the_threshold_is_none(tmp_path: Path) -> None:
    for label in ("a", "b", "c", "d"):
        write_node(tmp_path, label, lambda _, s=label == "d": 1.2 if s else 1.0)
    assert {name for name, _ in named(in_folder(tmp_path, 0.15))} == {"d"}
    assert in_folder(tmp_path, 0.25).healthy


def test_nodes_are_compared_with_those_of_their_kind(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label, hardware=WITH_GPU)
    other = Hardware("other", cores=2, smt=1)
    for label in ("d", "e", "f"):
        write_node(tmp_path, label, lambda _: 2.0, hardware=WITH_GPU, like=other)
    fleet = in_folder(tmp_path)
    assert fleet.behind == []
    kinds = {s.what for s in fleet.standings}
    assert "double gpu0 (node GPU)" in kinds
    assert {k.partition(" CPU,")[0] for k in kinds} > {"double (node", "double (other"}
    assert fleet.healthy, "each kind has what it should"


def test_what_was_measured_otherwise_is_not_compared(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label)
    twice = {"options": {"scaling": "weak"}}
    write_node(tmp_path, "d", lambda _: 2.0, **twice)
    fleet = in_folder(tmp_path)
    assert fleet.behind == [] and [n.name for n in fleet.alone] == ["d"]
    assert not fleet.healthy


def test_a_node_with_another_processor_is_told_not_passed_over(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label)
    write_node(tmp_path, "d", lambda _: 3.0, like=Hardware("node", gpu=False, cores=4, smt=1))
    fleet = in_folder(tmp_path)
    assert fleet.behind == [] and [n.name for n in fleet.alone] == ["d"]
    assert any(line.startswith("d compared with none") for line in problems(fleet))


def of_one_workload(logs: np.ndarray) -> list[Node]:
    """Nodes of one workload, whose logarithms are (configurations, nodes); NaN: not measured."""
    return [
        replace(
            node,
            times=node.times.with_columns(
                pl.lit("w").alias("workload"),
                pl.col("workload").str.slice(1).cast(pl.Int64).alias("elements"),
            ).filter(pl.col("log_ns").is_not_nan()),
        )
        for node in plain_nodes(logs)
    ]


def test_a_node_that_measured_little_is_not_judged() -> None:
    logs = np.random.default_rng(8).normal(0, 0.06, (40, 12))
    logs[15:, 4] = np.nan
    fleet = fleet_of(of_one_workload(logs))
    assert {n.name: what for what, found in fleet.lacking.items() for n in found} == {
        "n4": "half as much of w"
    }
    assert len(fleet.standings) == 11 and fleet.alone == []


def test_a_few_that_measured_more_hide_nobody() -> None:
    logs = np.random.default_rng(9).normal(0, 0.01, (100, 12))
    logs[40:, 3:] = np.nan
    logs[:, 7] += 0.5
    fleet = fleet_of(of_one_workload(logs))
    assert named(fleet) == [("n7", "w")] and not fleet.lacking
    assert {s.of for s in fleet.standings} == {40, 100}, "three are enough for the rest"


def test_what_is_left_once_some_are_not_judged_is_compared_by_three() -> None:
    logs = np.full((30, 8), np.nan)
    for nodes, rows in (((0, 1, 2), (0, 20)), ((3,), (20, 30)), ((4, 5), (20, 25)),
                        ((6, 7), (25, 30))):  # fmt: skip
        logs[slice(*rows), nodes[0] : nodes[-1] + 1] = 0
    fleet = fleet_of(of_one_workload(logs))
    assert all(s.ratio == 1 for s in fleet.standings)


def test_a_node_without_its_gpu_lacks_what_the_others_measured(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label, hardware=WITH_GPU)
    write_node(tmp_path, "d", hardware=HARDWARE)
    fleet = in_folder(tmp_path)
    assert fleet.behind == []
    assert [n.name for n in fleet.lacking["double, cuda on gpu0"]] == ["d"]
    assert not fleet.healthy
    (gpus,) = [have for what, have in fleet.differences if what == "GPUs"]
    assert [(value, len(nodes)) for value, nodes in gpus] == [("node GPU", 3), ("", 1)]


def test_wrong_results_and_runs_without_an_end_are_told(tmp_path: Path) -> None:
    write_node(tmp_path, "a")
    write_node(tmp_path, "b", status="interrupted")
    path = write_node(tmp_path, "c")
    lines = path.read_text().splitlines()
    lines[5] = lines[5].replace(",ok,", ",failed,")
    path.write_text("\n".join(lines) + "\n")
    fleet = in_folder(tmp_path)
    assert [n.name for n in fleet.wrong] == ["c"] and fleet.wrong[0].wrong == 1
    assert {how: [n.name for n in of] for how, of in fleet.unfinished.items()} == {
        "interrupted": ["b"]
    }
    assert not fleet.healthy


def test_a_file_without_rows_hides_no_node(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label)
    (tmp_path / "d.csv").write_text((tmp_path / "a.csv").read_text().splitlines()[0] + "\n")
    (tmp_path / "notes.csv").write_text("x,y\n1,2\n")
    fleet = in_folder(tmp_path)
    assert [n.name for n in fleet.nodes] == ["a", "b", "c"] and len(fleet.standings) == 6
    assert len(fleet.unread) == 2 and "d.csv has a header but no rows" in fleet.unread[0]
    assert not fleet.healthy
    with pytest.raises(BadInput, match="no rows"):
        list(read_each(files_of([tmp_path / "d.csv"]), []))


@pytest.mark.parametrize("nodes", [3, 8, 9, 40])
def test_a_scatter_is_never_taken_for_less_than_was_seen(nodes: int) -> None:
    for apart in (0.001, 0.01, 0.1):
        means = np.random.default_rng(nodes).normal(0, apart, nodes)
        scatter = scatter_of(means)
        assert (scatter.each >= scatter.seen).all()
        # What is next to nothing by chance is taken for more.
        assert apart > PRIOR_SCATTER or (scatter.each > scatter.seen).any()


def test_runs_of_one_node_count_alike_and_a_run_once(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label)
    for i in (2, 3):
        write_node(tmp_path, "c", lambda _: 1.331, name=f"c-{i}", started=f"2026-11-2{i}")
    paths = files_of([tmp_path, tmp_path / "a.csv"])
    nodes = nodes_of(read_each(paths, []))
    assert [(n.name, len(n.paths)) for n in nodes] == [("a", 1), ("b", 1), ("c", 3)]
    (double,) = [s for s in fleet_of(nodes).standings if (s.node.name, s.what) == ("c", "double")]
    assert double.ratio == pytest.approx(1.331 ** (2 / 3), rel=0.01), "the geometric mean of three"


def test_the_latest_run_tells_how_a_node_is(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label)
    write_node(tmp_path, "b", name="b-2", status="interrupted", started="2026-01-01")
    assert in_folder(tmp_path).healthy
    write_node(tmp_path, "c", name="c-2", status="interrupted", started="2027-01-01")
    assert list(in_folder(tmp_path).unfinished) == ["interrupted"]


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no \.csv file in it"):
        files_of([tmp_path])


@pytest.mark.parametrize(
    ("nodes", "fleets", "noise", "most"),
    [
        *[(n, 100, 0.05, 0.05) for n in (3, 4, 12)],
        *[(3, 100, 0.1, 0.18), (4, 100, 0.1, 0.1), (9, 100, 0.1, 0.06)],
        (1000, 20, 0.02, 0.05),
    ],
)
def test_like_nodes_are_hardly_ever_named(
    nodes: int, fleets: int, noise: float, most: float
) -> None:
    """What docs/fleets.md says: at most 5 % of whole fleets, more of small ones far apart."""
    rng = np.random.default_rng(5)
    part = noise / math.sqrt(2)  # what a node's workloads share, and what is each one's own
    alarms = 0
    for _ in range(fleets):
        shared = rng.normal(0, part, nodes)
        fleet = fleet_of(plain_nodes(shared + rng.normal(0, part, (4, nodes))))
        alarms += bool(fleet.behind)
    assert alarms / fleets <= most


@pytest.mark.parametrize(("nodes", "least"), [(3, 0.85), (12, 1.0), (100, 1.0)])
def test_a_node_that_is_slower_by_a_third_is_found(nodes: int, least: float) -> None:
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(60):
        logs = rng.normal(0, 0.02, (4, nodes))
        logs[:, 1] += math.log(4 / 3)
        names = {name for name, _ in named(fleet_of(plain_nodes(logs)))}
        assert names <= {"n1"}
        found += bool(names)
    assert found / 60 >= least
