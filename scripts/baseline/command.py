"""Measures the workloads in plain Python and NumPy: rounds, rows, summary and exit status."""

from __future__ import annotations

import os
import random
import secrets
import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from types import FrameType
from typing import NoReturn

from analysis.errors import Refused, UserError, run_command
from analysis.plural import plural
from baseline import other_python, plan, record, sampling, web
from baseline.options import Options, parse
from baseline.plan import Configuration
from baseline.record import ResultsFile
from baseline.sampling import Sample

# Set by the first signal: the exception that it raises is lost where Python happens to be in a
# destructor, and the run would go on.
stopped = threading.Event()
LOG_EVERY_S, DRAW_EVERY_S = 10.0, 0.1


class Progress:
    """Where the run is, on standard error: one line on a terminal, some lines in a log."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._last = -LOG_EVERY_S
        self._drawn = False

    def update(self, text: str) -> None:
        """Shows `text` unless something was shown a moment ago."""
        now = time.monotonic()
        if self._quiet or now - self._last < (DRAW_EVERY_S if self._terminal else LOG_EVERY_S):
            return
        self._last, self._drawn = now, self._terminal
        sys.stderr.write(f"\r\x1b[K{text[:79]}" if self._terminal else f"{text}\n")
        sys.stderr.flush()

    def say(self, text: str) -> None:
        """Shows `text` to stay."""
        if self._quiet:
            return
        sys.stderr.write(("\r\x1b[K" if self._drawn else "") + f"{text}\n")
        sys.stderr.flush()
        self._drawn = False


class Run:
    """The rounds of one run and what they found."""

    def __init__(self, options: Options, configurations: list[Configuration], seed: int) -> None:
        self.options = options
        self.configurations = configurations
        self.seed = seed
        self.times: dict[Configuration, dict[int, float]] = {c: {} for c in configurations}
        self.skipped: set[Configuration] = set()
        # The 99th percentile of fast requests, where they come beside slow ones.
        self.fast: dict[Configuration, dict[int, float]] = {}
        self.failed = self.noisy = 0
        self.absent: dict[str, list[str]] = {}

    def go(self, run: str, file: ResultsFile, progress: Progress) -> str:
        """Measures until the rounds or the budget end, and says which."""
        start = time.monotonic()
        for number in range(self.options.rounds):
            order = list(self.configurations)
            random.Random(f"{self.seed}:{number}").shuffle(order)
            for place, what in enumerate(order):
                if what in self.skipped:
                    continue
                left = self.options.budget_s - (time.monotonic() - start)
                if stopped.is_set():
                    raise KeyboardInterrupt
                if left < 0:
                    return "the time budget is spent"
                progress.update(
                    f"round {number + 1}  {place}/{len(order)}  at most {left:.0f} s left  "
                    f"{what.name}"
                )
                # The salt changes the input from round to round: a stale result is a wrong one.
                sample = sampling.take(what, number + 1, self.options.min_time_s)
                file.append(record.row(what, sample, run, self.options.label, number))
                self._note(what, sample, number)
            if len(self.skipped) == len(self.configurations):
                break
        return "all rounds done"

    def _note(self, what: Configuration, sample: Sample, number: int) -> None:
        if sample.status == "skipped":
            self.skipped.add(what)
        elif sample.status == "failed":
            self.failed += 1
        else:
            self.noisy += sample.status == "noisy"
            self.times[what][number] = sample.time_ns
            if "fast_p99_ns" in sample.more:
                self.fast.setdefault(what, {})[number] = sample.more["fast_p99_ns"]

    def summary(self) -> str:
        """The answers, and before them how much was measured."""
        # Only here: it brings SciPy, and a run should start at once.
        from baseline.summary import Summary

        samples = sum(map(len, self.times.values()))
        never = sum(not times for times in self.times.values())
        return "\n".join(
            [
                f"{plural(samples, 'sample')} of {plural(len(self.times) - never, 'configuration')}"
                f", {never} not measured: {self.noisy} noisy, {self.failed} failed, "
                f"{len(self.skipped)} skipped",
                *(f"not measured: {', '.join(v)}: {why}" for why, v in self.absent.items()),
                Summary(self.times, self.fast).text(),
            ]
        )


def runnable(options: Options) -> tuple[list[tuple[str, str]], dict[tuple[str, str], str]]:
    """The models asked for that run here, and why the others do not; what was named must."""
    missing: dict[tuple[str, str], str] = {}
    others = [m for m in options.models if m[1].startswith("free-threaded")]
    interpreter = other_python.find() if others else None
    if interpreter is None:
        missing |= dict.fromkeys(others, other_python.MISSING)
    else:
        other_python.OtherPython.interpreter = interpreter
    theirs = [m for m in options.models if m[1].startswith("werkzeug")]
    if theirs and not web.has_werkzeug():
        missing |= dict.fromkeys(theirs, web.WERKZEUG_MISSING)
    for (model, variant), why in missing.items():
        if (model, variant) in options.named:
            raise UserError(f"--models: {model}/{variant} cannot run here: {why}")
    return [m for m in options.models if m not in missing], missing


def main() -> int:
    """Runs the command and returns its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    sys.unraisablehook = _quiet_when_stopped
    options = parse(sys.argv[1:])
    models, absent = runnable(options)
    planned = plan.configurations(
        options.workloads,
        options.types,
        models,
        options.sizes,
        options.cost_sizes,
        options.threads,
    )
    if not planned:
        raise UserError("--models: none of these does any of the workloads; see docs/python.md")
    seed = secrets.randbits(32)
    run_id = str(uuid.uuid4())
    time_now = record.utc_now()[:19].replace(":", "")
    path = options.output or Path("results") / f"{options.label}-python-{time_now}Z.csv"
    file = ResultsFile(path)
    description = record.describe(options, sys.argv[1:], run_id, seed)
    beside = path.with_suffix(".json")
    record.write(beside, description)
    progress = Progress(options.quiet)
    progress.say(
        f"{plural(len(planned), 'configuration')}, at most {plural(options.rounds, 'round')} and "
        f"{options.budget_s:g} s; results in {path}"
    )
    run = Run(options, planned, seed)
    for (_, variant), why in absent.items():
        run.absent.setdefault(why, []).append(variant)

    def conclude(status: str, why: str) -> None:
        description.update(status=status, ended=record.utc_now(), end_reason=why)
        record.write(beside, description)
        if not options.quiet:
            progress.say("")
            print(f"{run.summary()}\nended: {why}\nCSV   {path}\nJSON  {beside}", flush=True)

    try:
        for workload in options.workloads:
            for (model, variant), why in absent.items():
                if variant not in plan.WAYS[workload][model]:
                    continue
                element = plan.TYPES.get(workload, "f32")
                what = Configuration(workload, element, model, variant, 0, 0)
                sample = Sample("skipped", why)
                file.append(record.row(what, sample, run_id, options.label, 0))
        why = run.go(run_id, file, progress)
    except KeyboardInterrupt:
        conclude("interrupted", "interrupted")
        _leave(130)
    except Refused:
        conclude("failed", "the results file could not be written")
        raise
    conclude("complete", why)
    file.close()
    return 1 if run.failed else 0


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """The first signal ends the run; further ones do not end its ending."""
    stopped.set()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _quiet_when_stopped(lost: sys.UnraisableHookArgs) -> None:
    """What a destructor loses is told, but for the exception that ends the run anyway."""
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)


def _leave(status: int) -> NoReturn:
    """Ends at once: a thread in the middle of an operation is not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run_command("scripts/python-baseline", main)
