"""A run's own vocabulary, that of the runs before, and what is neither."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from analysis.measured.groups import cost_groups, groups
from analysis.reading.read import read_runs
from analysis.reading.vocabulary import Column, Vocabulary, earlier, vocabulary_of

# Runs that the program wrote before it told its vocabulary: some with the page beside them, and
# some rows of one on a GPU.
HERE = Path(__file__).parent
GPU = HERE / "real" / "h200.csv"
EARLIER = [*sorted((HERE.parents[2] / "results").glob("*.csv")), GPU]


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.stem)
def test_runs_that_tell_no_vocabulary_have_that_of_before(path: Path) -> None:
    (run,) = read_runs([path])
    known = run.vocabulary
    if not run.about.get("vocabulary"):
        assert known is earlier()
    assert run.left_out.unknown_columns == []
    measured = run.samples.select(
        pl.col("workload", "type", "model", "variant", "scope").cast(pl.String)
    ).unique()
    for workload, element, model, variant, scope in measured.iter_rows():
        assert element in known.workload(workload).types, workload
        assert variant in [v.name for v in known.ladder(model, workload)], (model, variant)
        assert scope in known.scopes
    assert {known.workload(g.workload).kind for g in groups(run)[0]} <= {"array"}
    assert {known.workload(g.workload).kind for g in cost_groups(run)} <= {"cost"}


def test_what_a_real_run_says_of_its_gpu_is_read() -> None:
    (run,) = read_runs([GPU])
    assert run.about.gpu_peak("gpu0") == pytest.approx(4814.304)
    assert run.about.gpu_peak("gpu1") is None
    assert run.about.gpu_peak("gpu0+gpu1") is None
    assert run.about.smt == 1
    assert run.about.gpu_caches == [("GPU L2", 62914560)]
    clocks = run.samples.filter(pl.col("device") == "gpu0").get_column("gpu_sm_mhz")
    assert clocks.null_count() == 0 and set(clocks) == {1980}


def test_the_vocabulary_of_before_is_whole() -> None:
    known = earlier()
    assert [w.unit for w in known.workloads.values() if w.kind == "cost"] == [
        "increment", "worker", "round trip", "task",
    ]  # fmt: skip
    for model in known.models:
        for workload, variants in known.variants[model].items():
            assert workload in known.workloads
            assert len({v.name for v in variants}) == len(variants)
            assert {v.role for v in variants} <= {"best", "step", "library"}
            assert any(v.role == "best" for v in variants)
    assert {c.group for c in known.columns.values()} == {"row", "telemetry", "cost"}
    assert all(c.meaning for c in known.columns.values())


def test_names_without_units() -> None:
    assert Column("gpu_sm_mhz", "MHz", "telemetry", "").label == "gpu sm"
    assert Column("gpu_temperature_c", "°C", "telemetry", "").label == "gpu temperature"
    assert Column("fast_p99_ns", "ns", "cost", "").label == "fast p99"


@pytest.mark.parametrize(
    "told",
    [
        None, 3, "x", [], {}, {"columns": 3}, {"columns": [1, {"unit": "s"}]},
        {"columns": [], "models": [{"name": "a", "workloads": [1]}]},
    ],
)  # fmt: skip
def test_what_is_no_vocabulary_is_as_good_as_none(told: object) -> None:
    assert vocabulary_of({"vocabulary": told}) is earlier()


def test_odd_entries_are_passed_over() -> None:
    told = json.loads(
        """{"columns": [{"name": "a", "unit": 3}, {"name": ""}, 7],
        "workloads": [{"name": "w", "types": "f32", "parameter": "x", "family": ["f"]}, {"k": 1}],
        "models": [{"name": "m", "workloads": {"w": [{"name": "v"}, 1], "x": 4}}],
        "scopes": {"name": "s"}}"""
    )
    found = vocabulary_of({"vocabulary": told})
    assert isinstance(found, Vocabulary)
    assert found.columns == {"a": Column("a", "", "", "")}
    assert (found.workload("w").types, found.workload("w").parameter) == ((), 0)
    assert [v.name for v in found.ladder("m", "w")] == ["v"]
    assert found.ladder("m", "x") == [] and found.scopes == []
    assert found.role("m", "w", "unheard") == "step"
