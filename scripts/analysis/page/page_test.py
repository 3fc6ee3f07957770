"""The page in a real browser: headless Chromium, without a network."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from analysis.page.browsing import LAPTOP, PHONE, charts_in, opened, told, unfolded, until
from analysis.page.report import report
from analysis.reading.joined import called
from analysis.reading.read import read_runs

REAL = Path(__file__).parents[1] / "reading" / "real" / "h200.csv"
RESULTS = Path(__file__).parents[3] / "results"
H100 = [RESULTS / f"h100-16-cores{part}.csv" for part in ("", "-ladder")]


@pytest.fixture(scope="module")
def pages(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    chosen = {
        "one": ["workstation"],
        "three": ["laptop", "workstation", "server"],
        "interrupted": ["interrupted"],
        "costs": ["costs", "python"],
    }
    written = {}
    for name, labels in chosen.items():
        document, _ = report(read_runs([runs[label] for label in labels]))
        written[name] = folder / f"{name}.html"
        written[name].write_text(document, encoding="utf-8")
    return written


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("one", LAPTOP, False), ("one", PHONE, True), ("three", PHONE, False),
     ("interrupted", LAPTOP, True), ("costs", LAPTOP, True), ("costs", PHONE, False)],
)  # fmt: skip
def test_renders(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, size: tuple[int, int], dark: bool
) -> None:
    opened(browser, pages[name], size, dark)
    assert told(browser, "browser") == []
    requests = [m for m in told(browser, "performance") if '"Network.requestWillBeSent"' in m]
    assert [r for r in requests if '"url":"http' in r] == []
    unfolded(browser)
    assert told(browser, "browser") == []
    states = charts_in(browser)
    assert len(states) >= 10
    for chart, state, marks, width in states:
        assert state == "drawn", chart
        assert marks > 5, chart
        assert 0 < width <= size[0], chart
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide == size[0], "the page scrolls sideways"
    cut = browser.execute_script(
        "return [...document.querySelectorAll('.chart svg text')].filter(t => {"
        " const r = t.getBoundingClientRect(), p = t.closest('svg').getBoundingClientRect();"
        " return t.textContent && (r.left < p.left - 2 || r.right > p.right + 2 ||"
        " r.bottom > p.bottom + 3) })"
        ".map(t => t.textContent)"
    )
    assert cut == []


def test_the_answer_is_on_the_first_screen(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    for size in (LAPTOP, PHONE):
        opened(browser, pages["one"], size)
        bottom = browser.execute_script(
            "return document.querySelector('.lead').getBoundingClientRect().bottom"
        )
        assert bottom < size[1]


def opacities(browser: webdriver.Chrome, chart: str) -> list[float]:
    return browser.execute_script(
        "return [...document.querySelectorAll('#' + arguments[0] + ' .mark-line path')]"
        ".map(p => Number(p.getAttribute('opacity') ?? 1))",
        chart,
    )


def test_legend_by_mouse_and_keyboard(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["one"])
    chart = "throughput-1"
    buttons = browser.find_elements(By.CSS_SELECTOR, f"figure:has(#{chart}) .legend button")
    assert [b.text for b in buttons][:2] == ["serial", "threads"]
    before = opacities(browser, chart)
    assert set(before) == {1.0}
    buttons[1].click()
    until(browser, "return document.querySelectorAll('#throughput-1 .mark-line "
                   "path[opacity=\"0.12\"]').length === arguments[0]", len(before) - 1)  # fmt: skip
    assert buttons[1].get_attribute("aria-pressed") == "true"
    buttons[1].send_keys(Keys.ENTER)
    until(browser, "return document.querySelectorAll('#throughput-1 .mark-line "
                   "path[opacity=\"0.12\"]').length === 0")  # fmt: skip
    assert buttons[1].get_attribute("aria-pressed") == "false"


def test_hover_shows_value_and_interval(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["one"])
    point = browser.find_elements(By.CSS_SELECTOR, "#throughput-1 .mark-symbol path")[3]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    ActionChains(browser).move_to_element(point).perform()
    until(browser, "const t = document.querySelector('#vg-tooltip-element');"
                   "return t && t.classList.contains('visible')")  # fmt: skip
    text = browser.find_element(By.ID, "vg-tooltip-element").text
    assert "95 % interval" in text
    assert "GB/s" in text


def axis_labels(browser: webdriver.Chrome) -> list[str]:
    return browser.execute_script(
        "return [...document.querySelectorAll('#throughput-1 .role-axis-label text')]"
        ".map(t => t.textContent + t.parentElement.getAttribute('transform') + "
        "t.getAttribute('transform')).sort()"
    )


def test_zoom_by_keyboard(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["one"])
    before = axis_labels(browser)
    assert len(before) > 4
    zoom = browser.find_element(By.CSS_SELECTOR, "figure:has(#throughput-1) [data-zoom='0.6']")
    zoom.send_keys(Keys.ENTER)
    for _ in range(600):
        if axis_labels(browser) != before:
            break
        time.sleep(0.1)
    assert axis_labels(browser) != before
    reset = browser.find_element(By.CSS_SELECTOR, "figure:has(#throughput-1) [data-zoom='0']")
    reset.send_keys(Keys.ENTER)
    for _ in range(600):
        if axis_labels(browser) == before:
            break
        time.sleep(0.1)
    assert axis_labels(browser) == before


def test_the_data_downloads_unchanged(
    browser: webdriver.Chrome, pages: dict[str, Path], runs: dict[str, Path], tmp_path: Path
) -> None:
    opened(browser, pages["one"])
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    button = browser.find_element(By.CSS_SELECTOR, "[data-file='0']")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    target = tmp_path / "workstation.csv"
    for _ in range(600):
        if target.exists():
            break
        time.sleep(0.1)
    assert target.read_bytes() == runs["workstation"].read_bytes()


def test_prints(browser: webdriver.Chrome, pages: dict[str, Path], tmp_path: Path) -> None:
    opened(browser, pages["one"], dark=True)
    result = browser.execute_cdp_cmd(
        "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": False}
    )
    path = tmp_path / "page.pdf"
    path.write_bytes(base64.b64decode(result["data"]))
    count = path.read_bytes().count(b"/Type /Page\n") or path.read_bytes().count(b"/Type/Page/")
    assert 4 <= count <= 20
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True,
                              check=True).stdout  # fmt: skip
        for sheet in text.split("\f"):
            lines = [line.strip() for line in sheet.splitlines() if line.strip()]
            headings = ("The answer", "Throughput against size", "How sure we are")
            assert not lines or lines[-1] not in headings, "a heading alone at the end of a page"


def test_what_is_folded_is_not_printed(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["one"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    seen = browser.execute_script(
        "return [...document.querySelectorAll('summary, #method')]"
        ".filter(e => e.getClientRects().length).map(e => e.textContent)"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert seen == []


def test_hostile_page_runs_nothing(
    browser: webdriver.Chrome, runs: dict[str, Path], tmp_path: Path
) -> None:
    attack = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    text = runs["interrupted"].read_text().replace(",openmp,", f',"{attack}",')
    path = tmp_path / "attack.csv"
    path.write_text(text.replace(",cut,", f',"{attack}",'))
    document, _ = report(read_runs([path]))
    page = tmp_path / "attack.html"
    page.write_text(document, encoding="utf-8")
    opened(browser, page)
    point = browser.find_elements(By.CSS_SELECTOR, "#throughput-1 .mark-symbol path")[-1]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    ActionChains(browser).move_to_element(point).perform()
    assert browser.title.startswith("crossover: <img")
    assert browser.find_elements(By.CSS_SELECTOR, "img") == []
    assert told(browser, "browser") == []


def test_without_scripts_the_values_remain(pages: dict[str, Path]) -> None:
    document = pages["one"].read_text(encoding="utf-8")
    assert "<noscript>" in document
    for chart in re.findall(r'<div class="chart".*?</svg>', document, re.S):
        # Lines or bars, axes with their labels, and no reference to anything outside.
        assert len(re.findall(r"<(?:path|line|rect) ", chart)) > 5
        assert len(re.findall(r"<text ", chart)) > 3
        named = set(re.findall(r'id="([^"]+)"', chart))
        assert set(re.findall(r"url\(#([^)]+)\)", chart)) <= named
    assert document.count('<div class="chart"') == document.count('class="marks"')
    assert document.count('class="values"') >= 10


@pytest.mark.parametrize("paths", [[REAL], H100], ids=["h200", "h100"])
def test_a_workstations_page_is_short(
    browser: webdriver.Chrome, tmp_path: Path, paths: list[Path]
) -> None:
    document, _ = report(called(read_runs(paths), "workstation"))
    page = tmp_path / "page.html"
    page.write_text(document, encoding="utf-8")
    opened(browser, page, (1280, 900))
    assert browser.execute_script("return document.body.scrollHeight") <= 9000
    result = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    path = tmp_path / "page.pdf"
    path.write_bytes(base64.b64decode(result["data"]))
    pages = path.read_bytes().count(b"/Type /Page\n")
    assert 2 <= pages <= 12


def test_nothing_is_cut_on_a_phone(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["costs"], PHONE)
    cut = browser.execute_script(
        "return [...document.querySelectorAll('nav a')]"
        ".filter(a => a.getBoundingClientRect().right > innerWidth).map(a => a.textContent)"
    )
    assert cut == []


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("CSV", "variant,"),
        ("Markdown", "| variant |"),
        ("LaTeX", "\\begin{tabular}"),
    ],
)
def test_tables_are_copied(
    browser: webdriver.Chrome, pages: dict[str, Path], form: str, expected: str
) -> None:
    opened(browser, pages["one"])
    unfolded(browser)
    table = browser.find_element(By.CSS_SELECTOR, "figure:has(#ladder-1) .scroll")
    button = table.find_element(By.XPATH, f"following-sibling::div//button[text()='{form}']")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    until(browser, "return document.querySelector('textarea.copy')")
    text = browser.find_element(By.CSS_SELECTOR, "textarea.copy").get_attribute("value")
    assert text.lstrip().startswith(expected)
    rows = browser.execute_script("return arguments[0].querySelectorAll('tr').length", table)
    marks = {"CSV": rows, "Markdown": rows + 1, "LaTeX": rows + 5}
    assert len(text.strip().splitlines()) == marks[form]
    if form == "LaTeX":
        assert "95 \\%" in text
        assert text.count("\\\\") == rows
