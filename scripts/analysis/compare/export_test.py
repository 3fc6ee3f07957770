"""Exports against what their readers document, and that they hold every configuration."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from analysis.commands_test import status_of
from analysis.compare import export_command
from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run

HARDWARE = Hardware("bench", gpu=False, cores=4)
# https://bencher.dev/docs/reference/bencher-metric-format/; no key but these is read.
BENCHER = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {
                name: {"type": "number"} for name in ("value", "lower_value", "upper_value")
            },
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}
# BenchmarkResult in src/extract.ts of github-action-benchmark.
ACTION = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
    },
}


def runs(folder: Path, rounds: int = 8) -> list[Path]:
    planned = configurations(HARDWARE, sizes=[4096, 65536])
    return [
        write_run(folder / f"{seed}.csv", planned, rounds, seed=seed, hardware=HARDWARE)
        for seed in (1, 2, 3)
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_bencher(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    files = runs(tmp_path)[:count]
    assert status_of(monkeypatch, export_command, *files, "--format", "bencher") == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, BENCHER)
    assert len(document) == len(configurations(HARDWARE, sizes=[4096, 65536]))
    for measures in document.values():
        latency = measures["latency"]
        assert latency["lower_value"] <= latency["value"] <= latency["upper_value"]
    # Bencher's longest name.
    assert max(map(len, document)) <= 1024


def test_github_action_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out.json"
    arguments = [*runs(tmp_path), "--format", "github-action-benchmark", "-o", out]
    assert status_of(monkeypatch, export_command, *arguments) == 0
    document = json.loads(out.read_text())
    jsonschema.validate(document, ACTION)
    names = [entry["name"] for entry in document]
    assert len(set(names)) == len(names)
    assert all(" to " in entry["range"] and entry["extra"] == "3 runs" for entry in document)


def test_few_rounds_have_no_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (path, *_) = runs(tmp_path, rounds=3)
    for name, schema in (("bencher", BENCHER), ("github-action-benchmark", ACTION)):
        assert status_of(monkeypatch, export_command, path, "--format", name) == 0
        text = capsys.readouterr().out
        jsonschema.validate(json.loads(text), schema)
        assert "range" not in text and "lower_value" not in text


def test_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = runs(tmp_path)[0]
    assert status_of(monkeypatch, export_command, path) == 2
    assert status_of(monkeypatch, export_command, path, "--format", "xml") == 2
    other = Hardware("other", gpu=False)
    second = write_run(tmp_path / "o.csv", configurations(other, sizes=[4096]), hardware=other)
    capsys.readouterr()
    assert status_of(monkeypatch, export_command, path, second, "--format", "bencher") == 2
    assert "runs of 2 machines, bench and other among them" in capsys.readouterr().err
    out = ["--format", "bencher", "-o", tmp_path]
    assert status_of(monkeypatch, export_command, path, *out) == 3
