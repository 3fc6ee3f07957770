"""Files in every state: read right, or refused in one line; nothing dropped in silence."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas
import pytest

from analysis.errors import BadInput, Refused
from analysis.page.report import report
from analysis.planted.hardware import Hardware
from analysis.planted.runs import HEADER, configurations, write_run
from analysis.reading.read import read_runs
from analysis.reading.run import LeftOut, Run

HARDWARE = Hardware("small", gpu=False, cores=2, smt=1)
PLANNED = configurations(HARDWARE, workloads=("reduce",), sizes=[1024, 65536])


def written(folder: Path, rounds: int = 7, **options: object) -> Path:
    return write_run(folder / "run.csv", PLANNED, rounds, hardware=HARDWARE, **options)


def read(path: Path) -> Run:
    (run,) = read_runs([path])
    return run


def row(**cells: object) -> str:
    values = {
        "schema": 1,
        "run": "small-0001",
        "label": "small",
        "time": "2026-11-20T10:00:00Z",
        "workload": "reduce",
        "type": "f32",
        "elements": 4096,
        "bytes": 16384,
        "model": "serial",
        "variant": "loop",
        "scope": "resident",
        "workers": 1,
        "device": "cpu",
        "round": 0,
        "iterations": 10,
        "time_ns": 100.5,
        "gb_per_s": 1.0,
        "error": 0,
        "status": "ok",
        "note": "",
        "cache": "warm",
        "flops": 4096,
        **cells,
    }
    return ",".join(str(value) for value in values.values())


def test_medians_against_pandas(tmp_path: Path) -> None:
    path = written(tmp_path)
    table = pandas.read_csv(path)
    assert list(table.columns) == [*HEADER.split(","), "cache", "flops"]
    assert table["time_ns"].dtype == np.float64
    key = ["model", "elements", "workers"]
    expected = table.groupby(key)["time_ns"].median()
    found = read(path).configurations
    assert found.height == len(expected) == len(PLANNED)
    for r in found.iter_rows(named=True):
        assert r["median"] == pytest.approx(expected[r["model"], r["elements"], r["workers"]])
        assert r["n"] == 7


def test_times_are_aligned_by_round(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = path.read_text().splitlines()
    table = pandas.read_csv(path)
    gone = next(i for i, line in enumerate(lines) if ",serial,loop,resident,1,cpu,3," in line)
    path.write_text("\n".join(lines[:gone] + lines[gone + 1 :]) + "\n")
    run = read(path)
    rows = run.configurations.filter(model="serial").sort("elements")
    rounds, times = run.times(rows.get_column("config").to_list())
    assert rounds.tolist() == list(range(7))
    assert np.isnan(times).sum() == 1
    assert np.isnan(times[:, 3]).sum() == 1
    one = table[(table.model == "serial") & (table["round"] == 5)].sort_values("elements")
    assert times[:, 5] == pytest.approx(one["time_ns"].to_numpy())


@pytest.mark.parametrize(
    "mangle",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b"\n", b"\r"),
        lambda text: b"".join(
            line + (b"\r\n" if i % 2 else b"\n") for i, line in enumerate(text.split(b"\n"))
        ),
        lambda text: text.rstrip(b"\n"),
        lambda text: text.replace(b"\n", b"\n\n"),
        lambda text: text.replace(b",ok,", b',"ok",'),
    ],
    ids=["byte-order mark", "crlf", "cr", "mixed", "no last newline", "blank lines", "quoted"],
)
def test_the_same_file_written_otherwise(tmp_path: Path, mangle) -> None:  # noqa: ANN001
    path = written(tmp_path)
    before = read(path).configurations
    path.write_bytes(mangle(path.read_bytes()))
    run = read(path)
    assert run.configurations.equals(before)
    assert run.left_out == LeftOut()


def test_everything_left_out_is_counted(tmp_path: Path) -> None:
    extra = [
        row(status="failed", note="wrong result"),
        row(status="failed", note="wrong result", round=1),
        row(status="skipped", time_ns="", note="no room"),
        row(status="strange"),
        row(time_ns="abc"), row(time_ns="-5"), row(time_ns="nan"), row(time_ns="inf"),
        row(time_ns="1e300"), row(time_ns="1e-300"), row(workers=0),
        row(elements="many"), row(workload=""), row(round=""),
        "1,small-0001,small",
        row(round=0), row(round=0, time_ns=999),
    ]  # fmt: skip
    run = read(written(tmp_path, extra_rows=extra))
    assert run.left_out == LeftOut(
        failed=2, skipped=1, incomplete=11, unknown_status=1, duplicates=1
    )
    assert run.rows == 7 * len(PLANNED) + len(extra)
    kept = run.configurations.filter(elements=4096)
    assert kept.get_column("median").to_list() == [100.5]
    total = sum(count for count, _ in run.left_out.reasons())
    assert total + run.samples.height == run.rows


def test_a_row_cut_off_by_kill_9(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text()
    before = read(path).rows
    for cut in range(1, 120):
        path.write_text(text[:-cut])
        run = read(path)
        assert (
            run.samples.height + run.left_out.incomplete + run.left_out.unknown_status == run.rows
        )
        assert before - 2 <= run.rows <= before
        assert run.samples.get_column("time_ns").min() > 10


def test_an_unclosed_quote_costs_its_line_alone(tmp_path: Path) -> None:
    path = written(tmp_path, extra_rows=[row(note='"cut'), row(round=1)])
    run = read(path)
    assert run.left_out.incomplete == 1
    assert run.samples.height == 7 * len(PLANNED) + 1


def test_notes_with_line_ends_and_commas(tmp_path: Path) -> None:
    path = written(tmp_path, extra_rows=[row(status="noisy", note='"a, ""b""\nc"')])
    run = read(path)
    assert run.left_out == LeftOut()
    assert run.troubles.get_column("note").to_list() == ['a, "b"\nc']


def test_unknown_columns_and_missing_optional_ones(tmp_path: Path) -> None:
    path = written(tmp_path)
    table = pandas.read_csv(path)
    table["mystery"] = 1
    table.drop(columns=["schema", "label", "gb_per_s", "error", "note"]).to_csv(path, index=False)
    run = read(path)
    assert run.left_out.unknown_columns == ["mystery"]
    assert run.configurations.height == len(PLANNED)
    assert any("No row names its schema" in notice for notice in run.notices)


def test_another_schema_is_read_by_name_and_said(tmp_path: Path) -> None:
    path = written(tmp_path)
    table = pandas.read_csv(path)
    table["schema"] = 2
    table[table.columns[::-1]].to_csv(path, index=False)
    run = read(path)
    assert run.configurations.height == len(PLANNED)
    assert any("Schema 2" in notice for notice in run.notices)


def test_two_runs_in_one_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    other = [row(run="other", label="second", round=i) for i in range(7)]
    path.write_text(path.read_text() + "\n".join(other) + "\n")
    first, second = read_runs([path])
    assert (first.label, second.label) == ("small", "second")
    assert second.configurations.height == 1
    assert "another run" in second.about.problem


def test_the_same_run_twice_is_read_once(tmp_path: Path) -> None:
    path = written(tmp_path)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(path.read_bytes())
    (run,) = read_runs([path, copy, path])
    assert any("copy.csv holds the same run" in notice for notice in run.notices)
    (again,) = read_runs([path, path])
    assert again.samples.height == run.samples.height


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEADER.encode() + b"\n", "has a header but no rows"),
        (b"a,b,c\n1,2,3\n", "lacks the columns"),
        (HEADER.replace(",status", "").encode() + b"\n1\n", "lacks the column status"),
        (HEADER.replace(",", ";").encode() + b"\n1;2\n", "semicolons"),
        (HEADER.replace(",", "\t").encode() + b"\n1\t2\n", "tabs"),
        ((HEADER + ",status\n").encode(), "has the column status twice"),
        (b"\x1f\x8b\x08\x00junk", "not a text file"),
        (HEADER.encode("utf-16"), "not a text file"),
        (bytes(range(256)) * 50, "not a text file"),
        (b"<!doctype html><p>schema,run", "lacks the columns"),
        (b"{}", "lacks the columns"),
    ],
)
def test_files_that_are_not_ours(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=complaint):
        read_runs([path])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(Refused, match="cannot read"):
            read_runs([path])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"machine": 3}', "[" * 100_000, "\xff"])
def test_a_broken_description_does_not_stop_a_report(tmp_path: Path, text: str) -> None:
    path = written(tmp_path)
    path.with_suffix(".json").write_bytes(text.encode("latin-1"))
    document, figures = report(read_runs([path]))
    assert figures
    assert "small" in document


def test_random_damage_never_crashes(tmp_path: Path) -> None:
    rng = random.Random(4)
    path = written(tmp_path)
    original = path.read_bytes()
    path.with_suffix(".json").unlink()
    for _ in range(150):
        data = bytearray(original)
        for _ in range(rng.choice([1, 3, 30])):
            place = rng.randrange(len(data))
            if rng.random() < 0.5:
                data[place] = rng.choice(b'",\n\r\0;<x9-\xff\xef')
            else:
                del data[place : place + rng.randrange(1, 300)]
        path.write_bytes(bytes(data))
        try:
            found = read_runs([path])
        except BadInput as error:
            assert "\n" not in str(error)
            continue
        for run in found:
            counted = sum(count for count, _ in run.left_out.reasons())
            assert run.samples.height + counted == run.rows
            assert run.configurations.height <= run.rows
