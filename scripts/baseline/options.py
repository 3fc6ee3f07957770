"""The command line: the harness's options where they apply, and its spelling of lists and sizes."""

from __future__ import annotations

import argparse
import math
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import Parser
from baseline import plan
from baseline.tasks import DOUBLINGS, TASKS

SUFFIXES = {"": 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}
MOST_ELEMENTS = 1 << 40
MOST_WORKERS = 1024
EPILOG = """examples:
  scripts/python-baseline
  scripts/python-baseline --workloads double,reduce --sizes 1Ki..256Ki:x4 --threads 1,2
  scripts/python-baseline --models python/serial,numpy --label laptop --output laptop-python.csv

Exit status: 0 done, 1 a result was wrong, 2 the command line is wrong, 3 a file or the system
refused, 130 interrupted with everything measured so far in the file."""


@dataclass(frozen=True)
class Options:
    """What the command line asks for. `named` are the variants that it spells out."""

    workloads: list[str]
    types: list[str]
    models: list[tuple[str, str]]
    named: set[tuple[str, str]]
    sizes: list[int] | None
    cost_sizes: list[int] | None
    threads: list[int] | None
    rounds: int
    min_time_s: float
    budget_s: float
    output: Path | None
    label: str
    quiet: bool
    given: dict[str, str]


class Mistake(argparse.ArgumentTypeError):
    """What is wrong with an option's value, and what would be right."""


def entries(text: str) -> list[str]:
    """The parts of a list between commas, each once."""
    found = text.split(",")
    if not all(found):
        raise Mistake(f"'{text}' has an empty entry; put one comma between two and none at an end")
    return list(dict.fromkeys(found))


def _names(kind: str, known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        for entry in entries(text):
            if entry not in known:
                raise Mistake(f"unknown {kind} '{entry}': known are {', '.join(known)}")
        return entries(text)

    return parse


def models(text: str) -> list[tuple[str, str]]:
    """Models, each with all its variants, or `model/variant`."""
    found: list[tuple[str, str]] = []
    for entry in entries(text):
        model, slash, variant = entry.partition("/")
        if model not in plan.MODELS:
            raise Mistake(f"unknown model '{model}': known are {', '.join(plan.MODELS)}")
        variants = plan.MODELS[model]
        if slash and variant not in variants:
            raise Mistake(f"unknown variant '{entry}': {model} has {', '.join(variants)}")
        found += [(model, v) for v in ([variant] if slash else variants)]
    return list(dict.fromkeys(found))


def size(text: str) -> int:
    """`4096`, `64Ki`, `16Mi`: elements, powers of 1024."""
    match = re.fullmatch(r"([0-9]+)(Ki|Mi|Gi|Ti|)", text)
    if not match:
        raise Mistake(f"'{text}' is not a size; write elements as 4096, 64Ki or 16Mi")
    value = int(match[1][:30]) << SUFFIXES[match[2]]
    if not 1 <= value <= MOST_ELEMENTS:
        raise Mistake(f"'{text}' is out of range; write 1 to 1Ti elements")
    return value


def sizes(text: str) -> list[int]:
    """Sizes, lists of them, and ranges such as `1Ki..1Mi:x4`."""
    found: set[int] = set()
    for entry in entries(text):
        low, dots, rest = entry.partition("..")
        if not dots:
            found.add(size(entry))
            continue
        high, colon, factor = rest.partition(":")
        if colon and not re.fullmatch(r"x0*([2-9]|[1-9][0-9]{1,8})", factor):
            raise Mistake(f"'{factor}' is not a factor; write it as in 1Ki..1Mi:x4")
        value, last = size(low), size(high)
        if value > last:
            raise Mistake(f"the range '{entry}' ends before it starts; write {high}..{low}")
        while value <= last:
            found.add(value)
            value *= int(factor[1:]) if colon else 2
    return sorted(found)


def _count(text: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise Mistake(f"'{text}' is not right; write a whole number from 1 to {most}")
    return int(text)


def threads(text: str) -> list[int]:
    """`1,2,4`, `1..16` or `auto`."""
    if text == "auto":
        return plan.automatic_threads(plan.usable_cpus())
    found: set[int] = set()
    for entry in entries(text):
        low, dots, high = entry.partition("..")
        first = _count(low, MOST_WORKERS)
        last = _count(high, MOST_WORKERS) if dots else first
        if first > last:
            raise Mistake(f"the range '{entry}' ends before it starts; write {high}..{low}")
        found.update(range(first, last + 1))
    return sorted(found)


def _seconds(most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        match = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)s?", text)
        value = float(match[1]) if match else math.nan
        if not 0 < value <= most:
            raise Mistake(f"'{text}' is not right; write seconds above 0, at most {most:g}")
        return value

    return parse


def label(text: str) -> str:
    """A machine's name: printable, without a slash."""
    short = 1 <= len(text) <= 64 and len(text.encode()) <= 192
    if (
        not short
        or not text.isprintable()
        or "/" in text
        or text.strip() != text
        or text[0] in "=+-@"
    ):
        raise Mistake(
            f"{ascii(text)[:60]} is no label; write 1 to 64 visible characters (192 bytes), no "
            "slash among them, no space at the ends and none of = + - @ in front"
        )
    return text


def _default_label() -> str:
    try:
        return label(socket.gethostname().split(".")[0][:64])
    except Mistake:
        return "unnamed"


def csv_path(text: str) -> Path:
    """A file to write: it must be named .csv."""
    path = Path(text)
    if path.suffix != ".csv":
        raise Mistake(f"'{text}' does not name a .csv file; write for example results/mine.csv")
    return path


def version() -> str:
    """The project's version, as CMakeLists.txt gives it."""
    text = (Path(__file__).resolve().parents[2] / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(r"project\s*\([^)]*?VERSION\s+([0-9.]+)", text)
    return found[1] if found else "unknown"


def parse(arguments: list[str]) -> Options:
    """The options; raises UserError with one line, and SystemExit for --help and --version."""
    parser = Parser(
        prog="scripts/python-baseline",
        description="Measures what a Python user would otherwise pick: the harness's workloads\n"
        "in plain Python (serially, on threads, on processes) and in NumPy, as rows of the\n"
        "same CSV.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    known = ", ".join(f"{m}/{v}" for m, variants in plan.MODELS.items() for v in variants)
    cpus = ",".join(map(str, plan.automatic_threads(plan.usable_cpus())))
    for name, kind, metavar, default, text in (
        ("workloads", _names("workload", list(TASKS)), "LIST", None,
         f"of {', '.join(TASKS)}; default: all"),
        ("types", _names("type", list(DOUBLINGS)), "LIST", "f32",
         "of f32, f64; count and wait have their own"),
        ("models", models, "LIST", "python,numpy", f"of {known}"),
        ("sizes", sizes, "SPEC", None, "elements, as 64Ki or 1Ki..1Mi:x4; default: "
         "1Ki..1Mi:x4, to 64Mi for numpy; of count and wait, if --workloads names them, increments "
         "and tasks; default: 16Ki and 64"),
        ("threads", threads, "SPEC", None, "workers, as 1,2,4 or 1..8; default: auto, "
         f"{cpus} here, and 1,4,16 for wait, where they are tasks under way at a time (16 "
         "connections of a server)"),
        ("rounds", lambda t: _count(t, 1_000_000), "N", "15", "at most so many"),
        ("min-time", _seconds(3600), "SECONDS", "0.02", "the shortest sample"),
        ("budget", _seconds(1e7), "SECONDS", "120", "no sample begins later than this"),
        ("output", csv_path, "FILE.csv", None, "default: results/LABEL-python-TIME.csv"),
        ("label", label, "NAME", None, "the machine's name in results; default: host name"),
    ):  # fmt: skip
        shown = f"{text}; default: {default}" if default else text
        parser.add_argument(f"--{name}", type=_with_text(kind), metavar=metavar, help=shown)
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")
    parser.add_argument("--version", action="version", version=f"python-baseline {version()}")
    found = vars(parser.parse_args(arguments))
    quiet = found.pop("quiet")
    given = {name.replace("_", "-"): pair[0] for name, pair in found.items() if pair}

    def value(name: str, otherwise: object) -> Any:  # noqa: ANN401
        return found[name][1] if found[name] else otherwise

    path = value("output", None)
    if path:
        given["output"] = path.name
    return Options(
        workloads=value("workloads", list(TASKS)),
        types=value("types", ["f32"]),
        models=value("models", models("python,numpy")),
        named={c for e in given.get("models", "").split(",") if "/" in e for c in models(e)},
        sizes=value("sizes", None),
        cost_sizes=value("sizes", None) if "workloads" in given else None,
        threads=value("threads", None),
        rounds=value("rounds", 15),
        min_time_s=value("min_time", 0.02),
        budget_s=value("budget", 120.0),
        output=path,
        label=value("label", None) or _default_label(),
        quiet=quiet,
        given=given,
    )


def _with_text(kind: Callable[[str], object]) -> Callable[[str], tuple[str, object]]:
    return lambda text: (text, kind(text))
