"""Nodes with planted slowness, and fleets of like nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analysis.errors import BadInput
from analysis.fleet.behind import Fleet, fleet_of, median_of_others
from analysis.fleet.nodes import Node, files_in, read_nodes
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
        description={**described, **more}, seed=abs(hash(name or label)) % 10_000,
    )  # fmt: skip


def plain_nodes(logs: np.ndarray) -> list[Node]:
    """Nodes of one configuration a workload, whose logarithms are (workloads, nodes)."""
    key = {"type": "f32", "model": "serial", "variant": "loop", "scope": "resident"}
    key |= {"elements": 1024, "workers": 1, "device": "cpu", "cache": "warm", "kind": "CPU"}
    return [
        Node(f"n{i}", (Path(f"n{i}.csv"),), pl.DataFrame(
            [{"workload": f"w{w}", **key, "log_ns": float(log)} for w, log in enumerate(column)]
        ).select(*KEY, "kind", "log_ns"), {})
        for i, column in enumerate(logs.T)
    ]  # fmt: skip


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
    fleet = fleet_of(read_nodes(files_in([tmp_path])))
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
    nodes = read_nodes(files_in([tmp_path]))
    assert {name for name, _ in named(fleet_of(nodes, 0.15))} == {"d"}
    assert fleet_of(nodes, 0.25).healthy


def test_nodes_are_compared_with_those_of_their_kind(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label, hardware=WITH_GPU)
    other = Hardware("other", cores=2, smt=1)
    for label in ("d", "e", "f"):
        write_node(tmp_path, label, lambda _: 2.0, hardware=WITH_GPU, like=other)
    fleet = fleet_of(read_nodes(files_in([tmp_path])))
    assert fleet.behind == []
    kinds = {s.what for s in fleet.standings}
    assert {"double (node CPU)", "double (other CPU)", "double gpu0 (node GPU)"} <= kinds


def test_a_node_without_its_gpu_lacks_what_the_others_measured(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        write_node(tmp_path, label, hardware=WITH_GPU)
    write_node(tmp_path, "d", hardware=HARDWARE)
    fleet = fleet_of(read_nodes(files_in([tmp_path])))
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
    fleet = fleet_of(read_nodes(files_in([tmp_path])))
    assert [n.name for n in fleet.wrong] == ["c"] and fleet.wrong[0].wrong == 1
    assert [n.name for n in fleet.unfinished] == ["b"]
    assert not fleet.healthy


def test_runs_of_one_node_are_one_and_a_run_counts_once(tmp_path: Path) -> None:
    for label in ("a", "b"):
        write_node(tmp_path, label)
    write_node(tmp_path, "b", lambda _: 1.21, name="b-2")
    nodes = read_nodes([*files_in([tmp_path]), tmp_path / "a.csv"])
    assert [(n.name, len(n.paths)) for n in nodes] == [("a", 1), ("b", 2)]
    (double,) = [s for s in fleet_of(nodes).standings if (s.node.name, s.what) == ("b", "double")]
    assert double.ratio == pytest.approx(1.1, rel=0.01), "the geometric mean of 1 and 1.21"


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no \.csv file in it"):
        files_in([tmp_path])


@pytest.mark.parametrize(
    ("nodes", "fleets", "noise", "most"),
    [(3, 200, 0.02, 0.05), (3, 200, 0.04, 0.05), (12, 200, 0.02, 0.05), (1000, 40, 0.02, 0.125)],
)
def test_like_nodes_are_hardly_ever_named(
    nodes: int, fleets: int, noise: float, most: float
) -> None:
    """At most 5 % of whole fleets; of so few large ones by chance five."""
    rng = np.random.default_rng(5)
    part = noise / math.sqrt(2)  # what a node's workloads share, and what is each one's own
    alarms = 0
    for _ in range(fleets):
        shared = rng.normal(0, part, nodes)
        fleet = fleet_of(plain_nodes(shared + rng.normal(0, part, (4, nodes))))
        alarms += bool(fleet.behind)
    assert alarms / fleets <= most


@pytest.mark.parametrize("nodes", [3, 12, 100])
def test_a_node_that_is_slower_by_a_third_is_found(nodes: int) -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        logs = rng.normal(0, 0.02, (4, nodes))
        logs[:, 1] += math.log(4 / 3)
        assert {name for name, _ in named(fleet_of(plain_nodes(logs)))} == {"n1"}
