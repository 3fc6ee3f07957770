"""scripts/setup.sh: what it sets up, and whose that is."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "checkout" / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "CMakeLists.txt", tmp_path / "checkout")
    for path in (ROOT / "scripts").glob("*"):
        if path.is_file():
            shutil.copy(path, tmp_path / "checkout" / "scripts")
    return tmp_path / "checkout"


def shell(checkout: pathlib.Path, commands: str) -> subprocess.CompletedProcess[str]:
    script = f'set -euo pipefail; source "{checkout}/scripts/setup.sh"; {commands}'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)


def test_an_environment_that_is_a_link_is_not_emptied(checkout: pathlib.Path) -> None:
    somebodys = checkout.parent / "environment"
    somebodys.mkdir()
    (somebodys / "precious").touch()
    (checkout / "build").mkdir()
    (checkout / "build" / "venv").symlink_to(somebodys)
    result = shell(checkout, "ensure_python")
    assert result.returncode == 3 and "is a link" in result.stderr
    assert (somebodys / "precious").exists()


def test_what_is_set_up_belongs_to_the_owner_of_the_checkout(checkout: pathlib.Path) -> None:
    if os.geteuid() == 0:
        os.chown(checkout, 12345, 12345)
    result = shell(checkout, f'quietly "Making" touch "{checkout}/build/made"')
    assert result.returncode == 0, result.stderr
    owner = checkout.stat().st_uid
    for path in (checkout / "build", checkout / "build/made", checkout / "build/setup.log"):
        assert path.stat().st_uid == owner


@pytest.mark.parametrize("name", ["requirements", "requirements-test"])
def test_every_package_has_its_version_and_hashes(name: str) -> None:
    asked = (ROOT / "scripts" / f"{name}.in").read_text().splitlines()
    wanted = {line.split(";")[0] for line in asked if line and not line.startswith("#")}
    text = (ROOT / "scripts" / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert wanted <= {line.split()[0] for line in lines}
    assert all("==" in line and "--hash=sha256:" in line for line in lines), lines
