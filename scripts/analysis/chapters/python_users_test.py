"""Plain Python and NumPy beside what is compiled, as they were planted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters.costs_test import HARDWARE, SIZES, page_of, rows_of, written
from analysis.planted import costs as planted_costs
from analysis.planted.runs import configurations
from analysis.sentences.sentences_test import checked

PYTHON_SIZES = SIZES[:6]


def test_what_a_python_user_would_pick(tmp_path: Path) -> None:
    compiled = written(
        tmp_path, configurations(HARDWARE, sizes=SIZES) + planted_costs.count(HARDWARE)
    )
    planned = planted_costs.python(HARDWARE, PYTHON_SIZES) + planted_costs.python_count()
    python = written(tmp_path, planned, "python", seed=7)
    text, data = page_of(compiled, python)
    # 8 bytes in 50 ns.
    assert "At 1.00 Mi elements python/serial moves 0.160 GB/s" in text
    # 51 ns and 40 us, with three equal worker counts: the luckiest is not taken for better.
    threads = re.search(r"python/threads is (0\.\d+)× as fast", text)
    planted = 50 * 2**20 / (51 * 2**20 + 40_000)
    assert float(threads[1]) == pytest.approx(planted, abs=0.012)
    assert re.search(r"numpy/vectorised is 2(79|8\d)× as fast", text)
    assert {r["s"] for r in rows_of(data, "python-1")} >= {"one core, C++", "best CPU, C++"}
    assert max(r["x"] for r in rows_of(data, "python-1")) == PYTHON_SIZES[-1]
    counts = {r["k"]: r["y"] for r in rows_of(data, "python-count-2")}
    assert counts["python/threads"] == pytest.approx(200, rel=0.02)
    assert counts["serial/loop"] == pytest.approx(0.5, rel=0.02)
    # A baseline is no machine of its own.
    assert 'id="machines"' not in text
    assert "On the CPU, nothing is faster" not in text
    assert not [r for r in rows_of(data, "throughput-1") if r["s"] in ("python", "numpy")]
    assert "Certainty of each median: workstation" in text


def test_a_python_baseline_alone(tmp_path: Path) -> None:
    planned = planted_costs.python(HARDWARE, PYTHON_SIZES) + planted_costs.python_count()
    text, data = page_of(written(tmp_path, planned))
    assert "What a Python user would pick" in text
    assert "What synchronising costs" not in text
    assert "python-1" in data["figures"]


def test_who_waits_and_who_computes(tmp_path: Path) -> None:
    planned = planted_costs.python_wait() + planted_costs.python_count()
    text, data = page_of(written(tmp_path, planned))
    assert re.search(
        r"16 workers have under way: asyncio 15\.2 and \d\.\d+; processes 15\.2 and "
        r"(8\.0\d|7\.9\d); threads 15\.2 and (1\.00|0\.99\d)\.", text,
    )  # fmt: skip
    assert "lets one thread of a process run Python at a time" in text
    rows = {(r["s"], r["x"]): r["y"] for r in rows_of(data, "python-wait-2")}
    assert rows["threads-block", 4] == pytest.approx(3.8, rel=0.02)
    assert rows["threads-compute", 16] == pytest.approx(1, rel=0.02)
    assert len(rows) == 18
    bars = {(r["k"], r["s"]): r["y"] for r in rows_of(data, "python-serving-2")}
    assert bars["python/http-server", "fast p99"] == pytest.approx(98e6, rel=0.02)
    assert bars["python/http-server-threaded", "fast p99"] == pytest.approx(1.4e6, rel=0.02)
    assert len(rows_of(data, "python-serving-2")) == 4
    assert re.search(
        r"A fast request takes 49\.\d ms \(fast median\) and 98\.\d ms \(fast p99\) by "
        r"python/http-server; .*\. The fast p99 of python/http-server is (69|7\d)(\.\d)?× that of "
        r"python/http-server-threaded\.", text,
    )  # fmt: skip
    # The chapter on the workers of C++ is not theirs.
    assert 'id="waiting"' not in text


def test_what_an_access_costs(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planted_costs.python(HARDWARE, PYTHON_SIZES)))
    found = re.search(r"Of 1\.00 Ki elements each takes python/processes-shm (\d+) ns; .*", text)
    # 50 ns, by four workers, and 90 us of telling them.
    assert float(found[1]) == pytest.approx(50 / 4 + 90_000 / 1024, rel=0.02)
    assert re.search(r"and python/processes-manager needs 8\.\d+ µs \(8\d\.\d×\)", found[0])
    assert len(rows_of(data, "python-carrying-1")) == 4
    # Its few elements are not what all others are compared at.
    assert "At 1.00 Mi elements python/serial moves" in text
    assert not [r for r in rows_of(data, "python-1") if r["s"] == "python/processes-manager"]


@pytest.mark.parametrize("rounds", [3, 9])
def test_every_sentence_is_in_the_file(tmp_path: Path, rounds: int) -> None:
    planned = planted_costs.python_wait() + planted_costs.python_count()
    planned += planted_costs.python(HARDWARE, PYTHON_SIZES)
    known, wrong = checked(written(tmp_path, planned, rounds=rounds))
    mine = [w for w in wrong if " under Python: " in w]
    assert not mine, "\n".join(mine)
    assert known > 3
