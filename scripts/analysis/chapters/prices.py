"""What a rate costs, where somebody told prices."""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.errors import BadInput
from analysis.reading.run import Run
from analysis.words import listing

HOUR = re.compile(r"(?:per|an?|/)\s*h(?:our)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Price:
    """The price of what is called `name`: `hourly`, or else once."""

    name: str
    amount: float
    currency: str
    hourly: bool


def price_of(text: str) -> Price:
    """`H100=2.50 USD per hour`, `cpu-box=8,000 EUR`.

    Raises BadInput for anything else.
    """
    name, _, told = text.rpartition("=")
    amount = re.search(r"\d[\d,]*(?:\.\d+)?", told)
    value = float(amount[0].replace(",", "")) if amount else 0.0
    if not name.strip() or not amount or value <= 0:
        raise BadInput(f"--price {text}: give NAME=AMOUNT, such as 'H100=2.50 an hour'")
    rest = told.replace(amount[0], " ")
    currency = " ".join(HOUR.sub(" ", rest).split()) or "unit of money"
    return Price(name.strip(), value, currency, bool(HOUR.search(rest)))


def _names(run: Run) -> dict[str, list[str]]:
    """What a price may be of, by hardware."""
    gpus = [" ".join(str(gpu.get("name", "")).split()) for gpu in run.about.gpus]
    return {"machine": [run.label, run.name], "CPU": [run.about.text("machine.cpu.model")],
            "GPU": gpus}  # fmt: skip


def _fits(price: Price, run: Run, hardware: str) -> bool:
    wanted = price.name.casefold()
    names = [name.casefold() for name in _names(run)[hardware]]
    return wanted in names or (hardware != "machine" and any(wanted in name for name in names))


def check(prices: list[Price], runs: list[Run]) -> None:
    """Raises BadInput for a price of nothing that is on the page."""
    for price in prices:
        if not any(_fits(price, run, what) for run in runs for what in ("machine", "CPU", "GPU")):
            names = dict.fromkeys(n for r in runs for of in _names(r).values() for n in of if n)
            raise BadInput(f"--price {price.name}: no machine or device has that name; "
                           f"there are {listing(list(names))}")  # fmt: skip


def rate_for(run: Run, hardware: str, rate: float, prices: list[Price]) -> tuple[float, str] | None:
    """What `rate` in GB/s comes to for its price, with the unit; None where nobody told one.

    The device's own price comes before that of the whole machine.
    """
    for what in (hardware, "machine"):
        price = next((p for p in prices if _fits(p, run, what)), None)
        if price and price.hourly:
            return rate * 3.6 / price.amount, f"TB moved for a {price.currency}"
        if price:
            return rate * 1000 / price.amount, f"GB/s for 1,000 {price.currency}"
    return None
