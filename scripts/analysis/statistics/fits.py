"""Laws fitted to medians: Amdahl's, the Universal Scalability Law, latency and bandwidth.

All three are linear in their parameters once written as times, so each is a non-negative least
squares with relative weights, solved exactly; a parameter of either sign is the difference of two.
Intervals come from fitting every resample of rounds; they say how well the law's parameters are
known if the law holds. Whether it holds is a question of its own, which `misfit` answers: the
largest relative distance of a median from the law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from analysis.statistics.stats import Estimate, Floats, interval_of

# A law that misses a median by more than this does not describe the data.
MOST_MISFIT = 0.10
FIT_RESAMPLES = 199


@dataclass(frozen=True)
class Fit:
    """Parameters by name, the fitted times in ns, and how far the data are from them."""

    parameters: dict[str, Estimate]
    fitted: list[float]
    misfit: float
    points: int
    refused: str = ""

    @property
    def supported(self) -> bool:
        """Whether the data support the law at all."""
        return not self.refused


def _solve(design: Floats, times: Floats) -> Floats:
    solution: Floats = nnls(design / times[:, None], np.ones(len(times)))[0]
    return solution


def _fit(
    names: list[str],
    design: Floats,
    times: Floats,
    resampled: Floats | None,
    parameters_of: Callable[[Floats], list[float]],
    samples: int,
) -> Fit:
    solution = _solve(design, times)
    values = parameters_of(solution)
    estimates = {
        name: Estimate(v, None, None, samples) for name, v in zip(names, values, strict=True)
    }
    if resampled is not None:
        drawn = []
        for row in resampled[:FIT_RESAMPLES]:
            if np.isfinite(row).all():
                drawn.append(parameters_of(_solve(design, row)))
        for i, name in enumerate(names):
            bounds = interval_of([d[i] for d in drawn])
            if bounds:
                estimates[name] = Estimate(values[i], bounds[0], bounds[1], samples)
    fitted = design @ solution
    misfit = float(np.max(np.abs(fitted / times - 1)))
    return Fit(estimates, fitted.tolist(), misfit, len(times))


def _refused(why: str, points: int) -> Fit:
    return Fit({}, [], 0.0, points, why)


def _bent(fit: Fit, law: str) -> Fit:
    if fit.misfit <= MOST_MISFIT:
        return fit
    return Fit(
        fit.parameters,
        fit.fitted,
        fit.misfit,
        fit.points,
        f"{law} misses a measured median by {fit.misfit:.0%}",
    )


def amdahl(workers: list[int], times: list[float], resampled: Floats | None, samples: int) -> Fit:
    """Amdahl's law, T(p) = T1 (s + (1 - s) / p): the serial fraction `s` and T1 in ns.

    G. Amdahl, Validity of the single processor approach, AFIPS 1967. `times` are at ascending
    `workers`, `resampled` shaped (resamples, workers).
    """
    if len(workers) < 3:
        return _refused("Amdahl's law needs at least three worker counts", len(workers))
    p = np.array(workers, dtype=np.float64)
    design = np.stack([np.ones_like(p), 1 / p], axis=1)

    def parameters(solution: Floats) -> list[float]:
        one = float(solution.sum()) or 1.0
        return [float(solution[0]) / one, one]

    fit = _fit(["serial fraction", "T1"], design, np.array(times), resampled, parameters, samples)
    return _bent(fit, "Amdahl's law")


def usl(workers: list[int], times: list[float], resampled: Floats | None, samples: int) -> Fit:
    """Gunther's Universal Scalability Law, T(p) = T1 (1 + s (p - 1) + k p (p - 1)) / p.

    `contention` s is what is done one at a time, `coherency` k what workers cost each other. Where
    k is surely positive the speed-up peaks at sqrt((1 - s) / k) workers, and there is a `peak`; k
    may come out negative, because at a true 0 estimates of k that may not would make those of s
    too small. N. Gunther, Guerrilla Capacity Planning, 2007.
    """
    if len(workers) < 4:
        return _refused("the USL needs at least four worker counts", len(workers))
    p = np.array(workers, dtype=np.float64)
    # T1 (1-s)/p + T1 s + T1 k (p-1), the last of either sign.
    design = np.stack([1 / p, np.ones_like(p), p - 1, 1 - p], axis=1)

    def parameters(solution: Floats) -> list[float]:
        one = float(solution[0] + solution[1]) or 1.0
        contention = float(solution[1]) / one
        coherency = float(solution[2] - solution[3]) / one
        peak = np.sqrt((1 - contention) / coherency) if coherency > 0 else np.inf
        return [contention, coherency, one, float(peak)]

    names = ["contention", "coherency", "T1", "peak"]
    fit = _fit(names, design, np.array(times), resampled, parameters, samples)
    lowest = fit.parameters["coherency"].low
    if lowest is None or lowest <= 0:
        del fit.parameters["peak"]
    return _bent(fit, "the USL")


def latency_bandwidth(
    data: list[float], times: list[float], resampled: Floats | None, samples: int
) -> Fit:
    """Hockney's model, time = latency + bytes / bandwidth, with the half-performance length.

    `latency` in ns, `bandwidth` in GB/s, `half length` = latency x bandwidth in bytes: the size at
    which half the bandwidth is reached. R. Hockney, The Science of Computer Benchmarking, 1996.
    `data` is bytes, ascending.
    """
    if len(data) < 3:
        return _refused("the fit needs at least three sizes", len(data))
    x = np.array(data, dtype=np.float64)
    design = np.stack([np.ones_like(x), x / x[-1]], axis=1)

    def parameters(solution: Floats) -> list[float]:
        latency = float(solution[0])
        bandwidth = float(x[-1] / solution[1]) if solution[1] > 0 else float("inf")
        return [latency, bandwidth, latency * bandwidth]

    names = ["latency", "bandwidth", "half length"]
    return _bent(_fit(names, design, np.array(times), resampled, parameters, samples), "one line")


def two_ends(data: list[float], times: list[Estimate]) -> tuple[Estimate, Estimate]:
    """Latency as the time at the smallest size, bandwidth as the rate at the largest.

    What remains where caches bend the line: both are bounds, the latency from above and the
    bandwidth from below.
    """
    return times[0], times[-1].inverse(data[-1])
