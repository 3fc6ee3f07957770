"""The summary says what was planted, at sizes chosen beforehand, and no more than is known."""

from __future__ import annotations

import re

import pytest

from baseline import plan, summary
from baseline.plan import Configuration
from baseline.summary import Summary, Times

# Nanoseconds of a unit; of an element of the manager's alone 32 us.
EACH = {"serial": 60.0, "threads": 66.0, "threads-batch": 63.0, "threads-local": 90.0,
        "processes-shm": 40.0, "vectorised": 0.5}  # fmt: skip
NAMED = [(model, v) for model, variants in plan.MODELS.items() for v in variants
         if not v.startswith("free-threaded")]  # fmt: skip
# Of a server of one thread and of one with many.
P99 = {"http-server": 98e6, "http-server-threaded": 1.4e6}


@pytest.fixture(autouse=True)
def _two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "usable_cpus", lambda: 2)
    monkeypatch.setattr(summary, "usable_cpus", lambda: 2)


def time_of(c: Configuration) -> float:
    if c.workload == "wait":
        at_a_time = c.workers if c.variant.endswith("block") else 1
        if c.variant == "processes-compute":
            at_a_time = min(2, c.workers)
        return 1e6 * c.elements / at_a_time
    each = 32_000.0 if c.variant == plan.MANAGER else EACH.get(c.variant, 80.0)
    # What is quoted at another size is seen.
    return each * c.elements * (1 if c.elements <= 1 << 16 else 3)


def planted(rounds: int, workloads: list[str] | None = None) -> Times:
    found = plan.configurations(workloads or list(plan.WAYS), ["f32"], NAMED)
    return {c: {r: time_of(c) * (1 + 0.001 * r) for r in range(rounds)} for c in found}


def fast(times: Times) -> Times:
    return {c: {r: P99[c.variant] * (1 + 0.001 * r) for r in t}
            for c, t in times.items() if c.variant in P99}  # fmt: skip


def summary_of(times: Times) -> str:
    return Summary(times, fast(times)).text()


def test_the_answers_come_first_with_their_intervals() -> None:
    lines = summary_of(planted(9)).splitlines()
    assert "double 64.0 Ki elements" in lines[0]
    assert "count 16.0 Ki increments and wait 64 tasks; medians of 9 rounds, [..]" in lines[0]
    assert lines[1] == (
        "wait: 16 threads do 16.0× [16.0 to 16.0] as many sleeping tasks as 1, and 1.00× "
        "[1.00 to 1.00] as many that compute: the GIL lets one thread compute at a time"
    )
    assert lines[2].startswith("wait: 16 processes do 16.0×")
    assert lines[2].endswith("and 2.00× [2.00 to 2.00] as many that compute")
    served = lines.pop(3)
    assert served == (
        "wait: 99 % of fast requests behind slow ones are done by one thread and by 16 in: "
        "http-server 98.4 ms and 1.41 ms, 70.0× [70.0 to 70.0]"
    )
    assert re.fullmatch(
        r"count: of a plain loop's time 2 threads take 1\.10× \[.*\] with a lock for every step, "
        r"1\.05× \[.*\] with one for .* and 1\.50× \[.*\] with a counter each", lines[3],
    )  # fmt: skip
    assert lines[4].startswith("double: 2 processes on shared memory are 1.50× [1.50 to 1.50] and")
    assert lines[5].startswith("reduce: 2 processes on shared memory are 1.50× [1.50 to 1.50] and")
    assert "120× [120 to 120] as fast (double)" in lines[6]
    assert lines[7] == (
        "double at 1.00 Ki elements: an access takes 16.1 µs through a manager, 20.1 ns in shared "
        "memory: 800× [800 to 800]"
    )
    assert len(lines) <= 25


def test_every_variant_has_its_line_at_one_size() -> None:
    lines = summary_of(planted(7)).splitlines()
    told = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert told["python/serial"] == ["60.2", "ns"] * 3
    assert told["python/threads-local"] == ["-", "-", "90.3", "ns"]
    assert told["processes"] == ["0.997", "3.99", "16.0", "0.997", "1.99", "1.99"]
    # It was not measured at that size.
    assert "python/processes-manager" not in told
    assert set(told) >= {"numpy/vectorised", "python/processes-pipe", "threads", "asyncio"}


def test_a_server_is_told_on_the_most_connections() -> None:
    found = plan.configurations(["wait"], ["f32"], NAMED, None, [64, 8], [16, 1])
    times: Times = {c: dict.fromkeys(range(9), time_of(c)) for c in found}
    # One connection at a time is as one thread, and another size takes no part.
    p99s = {c: dict.fromkeys(range(9), P99[c.variant] if c.workers > 1 or c.variant in plan.ALONE
                             else 97e6) for c in found if c.variant in P99}  # fmt: skip
    for c in p99s:
        if c.elements == 8:
            p99s[c] = dict.fromkeys(range(9), 1e9)
    for order in (list(p99s), list(p99s)[::-1]):
        text = Summary(times, {c: p99s[c] for c in order}).text()
        assert "by one thread and by 16 in: http-server 98.0 ms and 1.40 ms, 70.0× [" in text


def test_too_few_rounds_are_not_told_as_if_they_were_enough() -> None:
    text = summary_of(planted(2))
    assert "medians of 2 rounds: no interval with fewer than 6" in text
    assert "16 threads do about 16.0× as many" in text
    assert "[" not in text
    assert "Nothing was measured" in summary_of(planted(0))


def test_nothing_is_said_of_what_was_not_measured() -> None:
    times = planted(7, ["wait"])
    some = {"threads-compute", "http-server"}
    text = summary_of({c: t for c, t in times.items() if c.variant not in some})
    assert "GIL" not in text
    assert "http-server" not in text
    assert "count" not in text and "NumPy" not in text
    without_lock = {
        c: {r: t / (c.workers if c.variant == "threads-compute" else 1) for r, t in found.items()}
        for c, found in times.items()
    }
    assert "GIL" not in summary_of(without_lock)


@pytest.mark.parametrize("model", ["python", "numpy"])
@pytest.mark.parametrize("workload", list(plan.WAYS))
def test_a_workload_and_a_model_alone_have_a_summary(workload: str, model: str) -> None:
    times = {c: t for c, t in planted(9, [workload]).items() if c.model == model}
    assert not times or workload in summary_of(times)


def test_an_access_is_that_of_one_worker() -> None:
    times = planted(9)
    for c, t in times.items():
        if c.variant == plan.MANAGER and c.workers > 1:
            t.update({r: ns / c.workers for r, ns in t.items()})
    assert "an access takes 16.1 µs through a manager" in summary_of(times)
