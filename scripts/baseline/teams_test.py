"""Every variant does every workload right, and nothing of it outlives its sample."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import nullcontext
from multiprocessing.managers import BaseProxy
from pathlib import Path
from typing import Any

import pytest

from baseline import asynchronous, loops, sampling
from baseline.manager import ManagerProcesses
from baseline.other_python import OtherPython
from baseline.plan import ALONE, DOUBLES, MANAGER, TYPES, WAYS, Configuration, configurations
from baseline.serving import Server
from baseline.teams import Numpy, Processes, Team, WorkerDied

VARIANTS = [
    (workload, model, variant)
    for workload, models in WAYS.items()
    for model, variants in models.items()
    for variant in variants
]
# The others divide the work where no test of this interpreter reaches, or serve.
ELSEWHERE = (Numpy, OtherPython, Server)
DIVIDED_HERE = [(w, m, v) for w, m, v in VARIANTS if not issubclass(WAYS[w][m][v].team, ELSEWHERE)]
PROCESSES = [v for v in DOUBLES["python"] if v.startswith("processes")]


@pytest.fixture(autouse=True)
def _any_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free-threaded interpreter is rare; what speaks with it does so with any other."""
    monkeypatch.setattr(OtherPython, "interpreter", sys.executable)


def configured(workload: str, model: str, variant: str, workers: int = 3) -> Configuration:
    few = workload == "wait" or variant == "processes-manager"
    elements = 7 if few else 1000
    workers = 1 if variant in ALONE else workers
    return Configuration(workload, TYPES.get(workload, "f32"), model, variant, elements, workers)


def children() -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid():
            found.add(int(name.split()[0]))
    return found


def operations(team: Team, count: int) -> None:
    team.time(count)
    team.task.done += count


@pytest.mark.parametrize(("workload", "model", "variant"), VARIANTS, ids=lambda v: v)
def test_every_variant_is_right(workload: str, model: str, variant: str) -> None:
    before = children()
    team = configured(workload, model, variant).prepare()
    try:
        for salt, count in ((1, 1), (2, 3)):
            team.task.renew(salt)
            team.loaded()
            operations(team, count)
            team.fetch()
            assert team.task.verify(team.pairwise).correct
    finally:
        team.close()
    assert children() == before


@pytest.mark.parametrize(("workload", "model", "variant"), DIVIDED_HERE, ids=lambda v: v)
def test_a_lost_slice_is_a_failed_sample(
    monkeypatch: pytest.MonkeyPatch, workload: str, model: str, variant: str
) -> None:
    whole, alone, coroutine = loops.part, loops.count_alone, asynchronous.work

    def less(bounds: tuple[int, int]) -> tuple[int, int]:
        return bounds[0], bounds[1] - (workload != "wait" or bounds[1] == 7)

    def lossy(
        loop: str, x: loops.Numbers, bounds: tuple[int, int], lock: loops.Lock
    ) -> float | None:
        return whole(loop, x, less(bounds), lock)

    monkeypatch.setattr(loops, "part", lossy)
    monkeypatch.setattr(asynchronous, "work", lambda loop, x, b: coroutine(loop, x, less(b)))
    monkeypatch.setattr(loops, "count_alone", lambda x, steps: alone(x, steps - 1))
    sample = sampling.take(configured(workload, model, variant), 1, 0.001)
    assert sample.status == "failed"
    assert sample.note
    assert sample.error > 0


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("variant", PROCESSES)
def test_a_worker_that_dies_is_one_failed_sample(variant: str, who: int) -> None:
    before = children()
    team = configured("double", "python", variant).prepare()
    assert isinstance(team, Processes)
    team.task.renew(1)
    operations(team, 1)
    os.kill(team.processes()[who], signal.SIGKILL)
    os.waitid(os.P_PID, team.processes()[who], os.WEXITED | os.WNOWAIT)
    # The others may do its share, so a right result is no excuse.
    with pytest.raises(WorkerDied, match="ended with signal 9"):
        team.fetch()
    with pytest.raises(WorkerDied, match="ended with signal 9"):
        operations(team, 10)
        team.fetch()
    with pytest.raises(WorkerDied) if variant == MANAGER and who == 0 else nullcontext():
        team.loaded()  # a manager is asked for it
    team.close()
    assert children() == before


def test_another_interpreter_that_ends_is_one_failed_sample() -> None:
    team = configured("double", "python", "free-threaded").prepare()
    team.task.renew(1)
    team.loaded()
    os.kill(team.processes()[0], signal.SIGKILL)
    with pytest.raises(WorkerDied, match="status -9"):
        operations(team, 1)
    team.close()


def test_what_cannot_start_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Configuration) -> Team:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Configuration, "prepare", refuse)
    sample = sampling.take(configured("double", "python", "processes-shm"), 1, 0.001)
    assert sample.status == "skipped"
    assert "refused 3 workers" in sample.note


@pytest.mark.parametrize("variant", PROCESSES)
@pytest.mark.parametrize(
    "error", [OSError(11, "Resource temporarily unavailable"), KeyboardInterrupt()]
)
def test_workers_that_started_in_vain_are_ended(
    monkeypatch: pytest.MonkeyPatch, variant: str, error: BaseException
) -> None:
    before = children()
    fork = Processes.fork
    made: list[int] = []

    def second_fails(team: Processes, *arguments: Any) -> None:  # noqa: ANN401
        if made:
            raise error
        fork(team, *arguments)
        made.extend(team.processes())

    monkeypatch.setattr(Processes, "fork", second_fails)
    with pytest.raises(type(error)):
        configured("double", "python", variant).prepare()
    assert len(made) == 1
    assert children() == before


def test_what_does_not_fit_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "available_memory", lambda: 100)
    sample = sampling.take(configured("double", "numpy", "vectorised"), 1, 0.001)
    assert sample.status == "skipped"
    assert "MiB are available" in sample.note


def test_a_manager_is_asked_for_few_elements() -> None:
    models = [("python", "serial"), ("python", MANAGER)]
    found = configurations(["double", "count"], ["f32"], models, threads=[2])
    mine = [c.elements for c in found if c.variant == MANAGER]
    assert mine == [64, 256, 1024, 1024]
    assert set(mine) & {c.elements for c in found if c.variant == "serial"} == {1024}
    large = Configuration("double", "f32", "python", MANAGER, 1 << 20, 2)
    sample = sampling.take(large, 1, 0.001)
    assert sample.status == "skipped"
    assert "at most 4096 elements" in sample.note


def test_every_access_of_a_manager_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = BaseProxy._callmethod

    def counted(proxy: Any, name: str, *arguments: Any) -> object:  # noqa: ANN401
        asked.append(name)
        return ask(proxy, name, *arguments)

    monkeypatch.setattr(BaseProxy, "_callmethod", counted)
    for workload, accesses in (("double", 14), ("reduce", 7), ("count", 14)):
        team = configured(workload, "python", MANAGER, 1).prepare()
        assert isinstance(team, ManagerProcesses)
        team.task.renew(1)
        team.loaded()
        asked.clear()
        way = WAYS[workload]["python"][MANAGER]
        loops.part(way.loop or workload, team._list, (0, 7), nullcontext())  # type: ignore[arg-type]
        assert len(asked) == accesses
        team.close()


def test_a_sample_lasts_long_enough_and_renews_its_input() -> None:
    what = configured("double", "numpy", "vectorised")
    start = time.perf_counter()
    sample = sampling.take(what, 1, 0.03)
    assert time.perf_counter() - start > 0.03
    assert sample.status in ("ok", "noisy")
    # Far more operations than one input lasts for.
    assert sample.iterations > 240
    assert sample.iterations * sample.time_ns >= 0.03e9


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_slices_cover_everything_once(workers: int) -> None:
    for elements in (0, 1, 5, 1000):
        bounds = loops.slices(elements, workers)
        assert [i for b, e in bounds for i in range(b, e)] == list(range(elements))
