"""The search finds what there is, and does damage that the readers see."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from analysis.fuzz import LONGEST, REAL, Readers, pair_of, search
from analysis.page import report_command
from analysis.reading.damage import DAMAGE, Choices, damaged, written


@pytest.fixture
def readers(tmp_path: Path) -> Readers:
    return Readers(tmp_path, [pair_of(path) for path in REAL])


def test_without_choices_a_run_is_read_as_it_is(readers: Readers) -> None:
    assert len(readers.pairs[0].rows) > 50
    readers.attempt(b"")
    assert readers.ends == {"answer": 1, "refusal": 0}


def test_every_damage_changes_a_file(readers: Readers) -> None:
    whole = readers.pairs[0]
    for damage in DAMAGE:
        changed = set()
        for seed in range(30):
            pair = whole.copy()
            damage(pair, Choices(random.Random(seed).randbytes(LONGEST)))
            changed.add(written(pair) != written(whole))
        assert True in changed, damage.__name__
    data = random.Random(1).randbytes(LONGEST)
    assert damaged(whole, Choices(data)) == damaged(whole, Choices(data))


def test_some_damaged_runs_are_read_and_others_refused(readers: Readers) -> None:
    search(readers, 10, 1000)
    assert readers.ends["answer"] > 0


def test_what_is_no_refusal_is_a_finding(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fault(*_: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(report_command, "report", fault)
    with pytest.raises(KeyError):
        search(readers, 60, 0)
    assert "seed " in capsys.readouterr().err
