"""A real browser for the tests: headless Chromium, without a network."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

PHONE, LAPTOP = (390, 844), (1366, 768)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    chromium = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    driver = shutil.which("chromedriver")
    assert chromium, "Chromium is missing. Run: sudo apt-get install -y chromium chromium-driver"
    assert driver, "chromedriver is missing. Run: sudo apt-get install -y chromium-driver"
    options = Options()
    options.binary_location = chromium
    for argument in ("--headless=new", "--disable-gpu", "--hide-scrollbars",
                     "--disable-background-networking", "--disable-dev-shm-usage",
                     "--host-resolver-rules=MAP * ~NOTFOUND"):  # fmt: skip
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    yield found
    found.quit()


def opened(
    browser: webdriver.Chrome, page: Path, size: tuple[int, int] = LAPTOP, dark: bool = False
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
    for kind in ("browser", "performance"):
        told(browser, kind)  # forgets what was before
    browser.get(page.as_uri())
    until(browser, "return document.documentElement.dataset.ready === 'true'")


def unfolded(browser: webdriver.Chrome) -> None:
    """Opens everything, and waits until the charts within are drawn."""
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    until(
        browser,
        "return [...document.querySelectorAll('.chart')].every(c => c.dataset.state === 'drawn')",
    )


def until(browser: webdriver.Chrome, script: str, *arguments: object) -> None:
    for _ in range(600):
        if browser.execute_script(script, *arguments):
            return
        time.sleep(0.1)
    raise AssertionError(f"never true: {script}")


def told(browser: webdriver.Chrome, kind: str) -> list[str]:
    """The messages of a log since it was last asked for."""
    entries = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries]


def charts_in(browser: webdriver.Chrome) -> list[tuple[str, str, int, int]]:
    """Each chart's id, state, number of marks and width in pixels."""
    found = browser.execute_script(
        "return [...document.querySelectorAll('.chart')].map(c => [c.id, c.dataset.state, "
        "c.querySelectorAll('svg path, svg line').length, c.querySelector('svg').clientWidth])"
    )
    return [tuple(chart) for chart in found]
