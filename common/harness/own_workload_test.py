"""scripts/run --with: a workload from a file outside of the checkout, and mistakes in it."""

from __future__ import annotations

import csv
import hashlib
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "my-axpy.hpp"


def example() -> str:
    """The file that docs/own-workload.md shows."""
    page = (ROOT / "docs/own-workload.md").read_text()
    return page.partition("```cpp\n")[2].partition("```")[0]


def run(*arguments: str | pathlib.Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/run", *arguments], capture_output=True, text=True, timeout=timeout
    )


def folder_of(*files: pathlib.Path) -> pathlib.Path:
    paths = "".join(f"{file.resolve()}\n" for file in files)
    return ROOT / f"build-with-{hashlib.sha256(paths.encode()).hexdigest()[:8]}"


@pytest.fixture
def file(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    path = tmp_path / NAME
    path.write_text(example())
    yield path
    shutil.rmtree(folder_of(path), ignore_errors=True)


def test_the_example_is_short() -> None:
    assert len(example().splitlines()) <= 25


ELEMENT = "CROSSOVER_HOST_DEVICE V element(V y, V x) const {"
BODY = "return crossover::Lane<V>(3) * x + y;"
REFERENCE = "[=](R y, R x) { return y + R(3) * static_cast<R>(operations) * x; }"
ONE_ARRAY = "an operation writes one array, the first"
ONE_VALUE = "element() takes one value, no reference and no pointer, for each array"


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("struct MyAxpy", "struct my_axpy", "has no 'struct MyAxpy'"),
        ("struct MyAxpy", "struct MyAxpy2", "has no 'struct MyAxpy'"),
        ("struct MyAxpy", "namespace mine { struct MyAxpy", "stands in a namespace"),
        ("crossover::MapInPlace<2>", "crossover::MapInPlace<4>", "takes one to three arrays"),
        ("crossover::MapInPlace<2>", "crossover::MapInto<1>", "takes two or three arrays"),
        ("crossover::MapInPlace<2>", "crossover::SumOver<3>", "takes one or two arrays"),
        ("crossover::MapInPlace<2>", "crossover::MapInto<2>", ONE_VALUE),
        (" : crossover::MapInPlace<2>", "", "derives from crossover::MapInPlace<k>, crossover"),
        (": crossover::MapInPlace<2>", ": MapInPlace<2>", "derives from crossover::MapInPlace<k>"),
        ('kName = "my-axpy"', 'kTitle = "my-axpy"', "a workload has a name"),
        ("kSummary", "kTitle", "says in one line what it does"),
        ("double flops() const { return 2; }", "double flops = 2;", "are functions: double flops"),
        (ELEMENT, ELEMENT.replace(" const", ""), ONE_VALUE),
        (ELEMENT, ELEMENT.replace("V y, V x", "V x"), ONE_VALUE),
        (ELEMENT, ELEMENT.replace("V y, V x", "V* y, const V* x"), ONE_VALUE),
        (ELEMENT, ELEMENT.replace("V y, V x", "V& y, V x"), ONE_VALUE),
        (f"{ELEMENT}\n    {BODY}", "void element(V& y, V& x) const {\n y = x;", ONE_ARRAY),
        (ELEMENT, ELEMENT.replace("V element", "std::pair<V, V> element"), ONE_ARRAY),
        (BODY, "return 2.5 * x + y;", "write constants as crossover::Lane<V>(2.5)"),
        (BODY, "return crossover::Lane<V>(3) * x + z;", NAME + ":15:"),
        (BODY, BODY.removesuffix(";"), NAME + ":16:"),
        (REFERENCE, REFERENCE.replace("R y, R x", "R x"), "as many as element() takes"),
        (REFERENCE, "R(3)", "a workload says what is right"),
        ("reference(", "right(", "a workload says what is right"),
        ("};\n", "  MyAxpy(float s) : a(s) {}\n float a;\n};\n", "made without arguments"),
        ("};\n", "  std::string text;\n};\n", "travels to GPUs as it lies in memory"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    file: pathlib.Path, right: str, wrong: str, says: str
) -> None:
    text = example()
    assert right in text
    end = "\n}\n" if wrong.startswith("namespace") else ""
    at = text.rindex(right)
    file.write_text(text[:at] + wrong + text[at + len(right) :] + end)
    result = run("--with", file, "--list")
    assert result.returncode == 2, result.stderr
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("scripts/run: --with: ") and NAME in line
    assert says in line
    assert len(result.stderr.strip().splitlines()) <= 2, "what it does, and the mistake"
    assert result.stdout == ""


def test_files_that_are_none_are_told(tmp_path: pathlib.Path, file: pathlib.Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / NAME).write_text(example())
    for arguments, says in [
        (["--with", tmp_path / "missing.hpp"], "there is no file"),
        (["--with", tmp_path], "is no .hpp file"),
        ([f"--with={file}", "--with", tmp_path / "other" / NAME], "two files have a type MyAxpy"),
        (["--with"], "for example --with my-axpy.hpp"),
    ]:
        result = run(*arguments)
        assert result.returncode == 2
        assert len(result.stderr.strip().splitlines()) == 1 and says in result.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The arguments for a program with the example and with one that has a wrong reference."""
    outside = tmp_path_factory.mktemp("with a space")
    right = outside / NAME
    right.write_text(example())
    wrong = outside / "lost-constant.hpp"
    wrong.write_text(
        example()
        .replace("MyAxpy", "LostConstant")
        .replace("my-axpy", "lost")
        .replace("R(3) * ", "")
    )
    folder = folder_of(right, wrong)
    # What a folder was configured with by hand stays: as little as possible of the rest.
    little = ["-DCROSSOVER_CUDA=OFF", "-DCROSSOVER_MPI=OFF", "-DCROSSOVER_WORKLOADS=double",
              "-DCMAKE_CXX_FLAGS_RELEASE=-O0"]  # fmt: skip
    subprocess.run(
        [
            "cmake",
            "-S",
            ROOT,
            "--preset",
            "release",
            "-B",
            folder,
            "-DCROSSOVER_TESTS=OFF",
            *little,
        ],
        check=True,
        capture_output=True,
    )
    yield [f"--with={right}", f"--with={wrong}"]
    shutil.rmtree(folder)


SMALL = ["--sizes=1Ki,100000", "--threads=1,2", "--rounds=1", "--min-time=0.0001"]


def test_every_model_measures_and_verifies_it(built: list[str], tmp_path: pathlib.Path) -> None:
    out = tmp_path / "run.csv"
    options = [*built, "--workloads=my-axpy,double", *SMALL, f"--output={out}"]
    result = run(*options, timeout=1200)
    assert result.returncode == 0, result.stderr
    with out.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["workload"] == "my-axpy"]
    measured = [row for row in rows if row["status"] != "skipped"]
    models = {"serial", "threads", "openmp", "stdpar", "processes"}
    assert {row["model"] for row in measured} == models
    for row in measured:
        assert row["status"] in ("ok", "noisy")
        assert float(row["bytes"]) == 3 * 4 * int(row["elements"])
        assert float(row["flops"]) == 2 * int(row["elements"])
    assert result.stdout.splitlines()[-1] == f"HTML  {out.with_suffix('.html')}"
    assert "my-axpy" in out.with_suffix(".html").read_text()


def test_a_wrong_reference_ends_with_1_and_says_what_is_wrong(
    built: list[str], tmp_path: pathlib.Path
) -> None:
    options = ["--workloads=lost", "--models=serial", *SMALL, f"--output={tmp_path / 'run.csv'}"]
    result = run(*built, *options, timeout=1200)
    assert result.returncode == 1, result.stderr
    assert re.search(r"FAILED \d+ x lost, serial: \d+ of \d+ elements are wrong", result.stdout)


def test_a_series_goes_on_after_a_wrong_result_and_ends_with_1(
    built: list[str], tmp_path: pathlib.Path
) -> None:
    options = ["--workloads=lost", "--models=serial", *SMALL, f"--output={tmp_path / 'run.csv'}"]
    result = run(*built, *options, "--repeat=2", timeout=1200)
    assert result.returncode == 1, result.stderr
    assert (tmp_path / "run-2.csv").exists()
    assert result.stdout.splitlines()[-1] == f"HTML  {tmp_path / 'run.html'}"


def test_a_second_call_goes_on_in_the_same_folder(built: list[str]) -> None:
    run(*built, "--list", timeout=1200)
    result = run(*built, "--workloads=lost", "--list", timeout=300)
    assert "Configuring" not in result.stderr
    assert "lost/f32/serial/loop/resident/n:1024/w:1" in result.stdout.split()
