"""The servers of `wait`: every planted fault is seen, and who waits for a slow request."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from threading import Timer

import pytest

from baseline import clients, plan, sampling, serving, web
from baseline.plan import Configuration
from baseline.sampling import Sample
from baseline.serving import Server
from baseline.teams import WorkerDied

SERVERS = [v for v, way in plan.WAITS["python"].items() if issubclass(way.team, Server)]


def configured(variant: str, workers: int = 16) -> Configuration:
    workers = 1 if variant in plan.ALONE else workers
    return Configuration("wait", "none", "python", variant, 16, workers)


def sampled(variant: str, workers: int = 16) -> Sample:
    return sampling.take(configured(variant, workers), 1, 0.001)


@pytest.mark.parametrize("one", ["http-server", "werkzeug"])
def test_one_thread_lets_the_fast_wait_behind_the_slow(one: str) -> None:
    alone, many = sampled(one), sampled(f"{one}-threaded")
    assert {alone.status, many.status} <= {"ok", "noisy"}, alone.note + many.note
    for sample in (alone, many):
        assert 0 < sample.more["fast_median_ns"] <= sample.more["fast_p99_ns"]
        # They come by the clock.
        assert sample.time_ns / 16 > web.SLOW_S * 1e9 / serving.PERIOD
    # Many of the fast ones are due meanwhile. How long others take depends on the machine's load.
    assert alone.more["fast_p99_ns"] > 0.8 * web.SLOW_S * 1e9
    assert many.more["fast_p99_ns"] < alone.more["fast_p99_ns"]


def test_more_connections_than_can_be_watched_are_refused() -> None:
    sample = sampled("http-server-threaded", clients.MOST + 1)
    assert sample.status == "skipped"
    assert "at most 512 connections" in sample.note


def test_a_connection_at_a_time_is_one_thread() -> None:
    one = sampled("http-server-threaded", 1)
    assert one.more["fast_p99_ns"] > 0.8 * web.SLOW_S * 1e9


@pytest.mark.parametrize("variant", SERVERS)
def test_a_wrong_reply_is_a_failed_sample(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    served = web._served
    monkeypatch.setattr(web, "_served", lambda path: b"0" if path.endswith("9") else served(path))
    sample = sampled(variant)
    assert sample.status == "failed"
    assert "replies are wrong or missing" in sample.note
    assert 0 < sample.error < 0.2


@pytest.mark.parametrize("variant", SERVERS)
def test_a_slow_request_answered_too_early_is_wrong(
    monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda s: sleep(s / 16))
    sample = sampled(variant)
    assert sample.status == "failed"
    assert "2 of 144 replies are wrong or missing" in sample.note


def test_requests_that_nobody_sends_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = clients.ask
    monkeypatch.setattr(clients, "ask", lambda to, numbers, *how: ask(to, numbers[1:], *how))
    sample = sampled("http-server-threaded")
    assert sample.status == "failed"
    assert "2 of 144 replies are wrong or missing" in sample.note


@pytest.fixture
def team() -> Iterator[Server]:
    made = configured("http-server-threaded").prepare()
    assert isinstance(made, Server)
    made.task.renew(1)
    yield made
    made.close()


@pytest.mark.parametrize("who", [0, 1])
def test_a_process_that_dies_is_a_failed_sample(team: Server, who: int) -> None:
    victim = team.processes()[who]
    timer = Timer(0.05, os.kill, (victim, signal.SIGKILL))
    timer.start()
    with pytest.raises(WorkerDied, match="signal 9"):
        team.time(1)
        team.time(4)
    timer.join()


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PATIENCE_S", 0.2)
    monkeypatch.setattr(web, "SLOW_S", 60.0)
    sample = sampled("http-server")
    assert sample.status == "failed"
    assert "the server has not answered for 0.2 s" in sample.note


def test_a_sample_leaves_no_process(team: Server) -> None:
    children = team.processes()
    assert len(children) == 2
    team.close()
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]
