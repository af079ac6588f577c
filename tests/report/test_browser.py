"""The page in headless Chromium: what is seen, what can be pressed, what does not run, and how fast it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from int_verl import records
from int_verl.report import write_report
from int_verl.report.run_reader import RunReader
from int_verl.report.viewer import viewer_rows
from tests.report.browser import PHONE, Browser, chromium
from tests.report.run_folders import write, write_run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium() is None, reason="no Chromium is installed")]

ARTICLE = "document.querySelector('article.row')"
NUMBER = "document.querySelector('.controls input[type=number]')"
HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'><svg onload='window.ran = 3'>"
FORMULAS = (
    r"$\href{javascript:window.ran=4}{x}$ $\style{background:url(http://example.invalid/a)}{y}$ "
    r"$\text{<script>window.ran=5</script>}$ \(<img src=x onerror=window.ran=6>\) $\class{z}{\frac{1}{2}}$"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(str(chromium())) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(finished: Path) -> Path:
    return write_report(finished)


@pytest.fixture(autouse=True)
def nothing_complained_of(browser: Browser) -> Iterator[None]:
    browser.errors.clear()
    browser.asked.clear()
    yield
    assert browser.errors == []
    assert [url for url in browser.asked if not url.startswith(("file:", "data:"))] == []


def press(browser: Browser, button: str) -> None:
    browser.value(f"document.querySelector({json.dumps(button)}).click()")


def test_rows_are_walked_through_filtered_and_searched(browser: Browser, page: Path, finished: Path) -> None:
    rows, total = viewer_rows(RunReader(finished))
    browser.open(page)
    assert browser.value("document.querySelector('.controls output').textContent") == str(total)
    press(browser, ".controls button[aria-label='Next intervention']")
    second = rows[1]
    browser.wait_for(f"{ARTICLE}.textContent.startsWith('{second.problem_id}, attempt {second.attempt}')")
    press(browser, ".controls button[aria-label='Previous intervention']")
    press(browser, ".controls button[aria-label='Previous intervention']")
    browser.wait_for(f"{NUMBER}.value === '{total}'")
    browser.value(
        "(() => { const s = document.querySelector('.controls select'); s.value = 'leak';"
        " s.dispatchEvent(new Event('change')); })()"
    )
    leaks = [row for row in rows if row.status == "leak"]
    browser.wait_for(f"{ARTICLE}.querySelector('.tag').textContent === 'leak'")
    assert browser.value("document.querySelector('.controls output').textContent") == str(len(leaks))
    assert "Verification, rejected: leak" in browser.value(f"{ARTICLE}.textContent")
    browser.value(
        "(() => { const s = document.querySelector('.controls input[type=search]');"
        f" s.value = '{leaks[-1].problem_id}'; s.dispatchEvent(new Event('input')); }})()"
    )
    browser.wait_for(f"{ARTICLE}.textContent.startsWith('{leaks[-1].problem_id}')")


def test_what_sft_trains_on_is_marked(browser: Browser, run: Path) -> None:
    kept = next(row for row in viewer_rows(RunReader(run))[0] if row.status == "kept" and row.location > 2)
    for settings, wanted in (
        ("sft: {loss_on: prefix_and_intervention}", kept.location),
        ("sft: {loss_on: intervention}", 1),
    ):
        (run / "config.yaml").write_text(settings)
        browser.open(write_report(run))
        number = [row.key for row in viewer_rows(RunReader(run))[0]].index(kept.key) + 1
        browser.value(f"(() => {{ {NUMBER}.value = {number}; {NUMBER}.dispatchEvent(new Event('change')); }})()")
        browser.wait_for(f"{ARTICLE}.textContent.startsWith('{kept.problem_id}, attempt {kept.attempt}')")
        assert browser.value(f"{ARTICLE}.querySelectorAll('.steps .trained').length") == wanted
        colour = f"getComputedStyle({ARTICLE}.querySelector('.steps .intervention .text')).backgroundColor"
        assert browser.value(colour) == "rgb(253, 240, 179)"
        assert f"{kept.trained.tokens['prompt']}" in browser.value(f"{ARTICLE}.textContent")


def test_nothing_of_a_row_runs_and_nothing_is_asked_for(browser: Browser, run: Path) -> None:
    hostile = f"{HOSTILE} {FORMULAS}"
    problems = list(records.read_rows(run / "problems/train.parquet"))
    write(
        run / "problems/train.parquet",
        records.PROBLEM,
        [{**row, "problem": hostile, "answer": hostile, "reference_solution": hostile} for row in problems],
    )
    proposals = list(records.read_rows(run / "propose/proposals.parquet"))
    odd = [{**row, "content": hostile, "text": hostile, "status": HOSTILE} for row in proposals]
    write(run / "propose/proposals.parquet", records.PROPOSAL, odd)
    (run / "guide/interventions.parquet").unlink()
    browser.open(write_report(run))
    assert "window.ran" in browser.value(f"{ARTICLE}.textContent")
    assert browser.value(f"{ARTICLE}.querySelectorAll('script, img, a, svg, [onerror], [style], [href]').length") == 0
    for _ in range(3):
        press(browser, ".controls button[aria-label='Next intervention']")
    press(browser, ".controls input[type=checkbox]")
    assert browser.value("new Promise((done) => setTimeout(() => done(window.ran ?? null), 300))") is None


def test_mathematics_is_rendered_and_can_be_read_as_written(browser: Browser, run: Path) -> None:
    pytest.importorskip("latex2mathml")
    problems = list(records.read_rows(run / "problems/train.parquet"))
    text = r"It costs $5 or $6. $\frac{a}{b} < 1$, \[\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}\] so $a_b_c$."
    write(run / "problems/train.parquet", records.PROBLEM, [{**row, "problem": text} for row in problems])
    browser.open(write_report(run))
    shown = f"{ARTICLE}.querySelector('.grid .text')"
    assert browser.value(f"{shown}.querySelectorAll('math').length") == 2
    fraction, letter = (f"{shown}.querySelector('{tag}').getBoundingClientRect().height" for tag in ("mfrac", "mi"))
    assert browser.value(f"{fraction} > 1.8 * {letter}")
    assert browser.value(f"{shown}.querySelectorAll('mtable mtr').length") == 2
    assert browser.value(f"{shown}.textContent").startswith("It costs $5 or $6. ")
    assert "$a_b_c$" in browser.value(f"{shown}.textContent")
    press(browser, ".controls input[type=checkbox]")
    browser.wait_for(f"{shown}.textContent === {json.dumps(text)}")


def test_commands_are_copied_and_figures_saved(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.open(page)
    press(browser, ".command .copy")
    browser.wait_for("['Copied', 'Selected'].includes(document.querySelector('.command .copy').textContent)")
    assert browser.value("document.querySelector('.command code').textContent") == "int-verl run run.seed=0"
    press(browser, "button.png[data-name=reward]")
    press(browser, "a[download='reward.csv']")
    browser.wait_for("new Promise((done) => setTimeout(() => done(true), 1000))")
    assert (tmp_path / "reward.csv").read_text() == (page.parent / "report/figures/reward.csv").read_text()
    assert (tmp_path / "reward.png").read_bytes().startswith(b"\x89PNG")


def test_on_a_phone_the_page_is_as_wide_as_the_phone_and_tables_scroll(browser: Browser, page: Path) -> None:
    browser.open(page, PHONE)
    assert browser.value("document.documentElement.scrollWidth") <= PHONE[0]
    widths = browser.value("[...document.querySelectorAll('.scroll tbody th')].map((th) => th.offsetWidth)")
    assert min(widths) > 80, "words of the first column stay whole"
    table = "document.querySelector('#results .scroll')"
    assert browser.value(f"{table}.scrollWidth > {table}.clientWidth")
    first = f"{table}.querySelector('tbody th').getBoundingClientRect().left"
    second = f"{table}.querySelector('tbody td').getBoundingClientRect().left"
    before = browser.value(f"[{first}, {second}]")
    browser.value(f"{table}.scrollLeft = 150")
    after = browser.value(f"[{first}, {second}]")
    assert after[0] == before[0]
    assert after[1] == before[1] - 150


def test_ten_thousand_rows_do_not_freeze_the_page(browser: Browser, tmp_path: Path) -> None:
    run = write_run(tmp_path / "large", problems=10, rl_steps=3, evaluated=5)
    text = "\n\n".join(f"Step {i}. " + rf"Hence $x_{{{i}}} = \frac{{{i}}}{{7}}$, so that. " * 3 for i in range(20))
    key = [{"problem_id": f"p{i:05d}", "attempt": 0} for i in range(10_000)]
    write(run / "sample/attempts.parquet", records.ATTEMPT, [{**one, "text": text, "steps": 20} for one in key])
    proposed = [{**one, "proposal": 0, "content": text[:200], "location": 9} for one in key]
    write(run / "propose/proposals.parquet", records.PROPOSAL, [{**one, "status": "proposed"} for one in proposed])
    write(run / "guide/interventions.parquet", records.INTERVENTION, [{**one, "kept": True} for one in proposed])
    page = write_report(run)
    assert page.stat().st_size < 20_000_000
    browser.open(page)
    assert browser.value("document.querySelector('.controls output').textContent") == "10,000"
    assert browser.value("document.querySelectorAll('*').length") < 5_000
    walked = browser.value(
        "(async () => { const began = performance.now();"
        f" for (let i = 0; i < 50; i++) {{ {NUMBER}.value = 1 + (i * 199) % 10000;"
        f" {NUMBER}.dispatchEvent(new Event('change'));"
        " await new Promise((done) => requestAnimationFrame(done)); }"
        " return performance.now() - began; })()"
    )
    assert walked < 20_000
    browser.wait_for(f"{ARTICLE}.textContent.startsWith('p09751')")
