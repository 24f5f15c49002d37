"""`make simulate`, as its reader meets it: the lines, the refusals, and the page in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from browser import DESK, MISSING, PHONE, Browser, browsing
from stackkit.tools.simulate import __main__ as command

LABELS = {"requests/s", "tasks", "%", "US dollars"}
LEGENDS = {"load", "capacity", "shed", "serving", "asked for", "target", "this fleet"}
# --first, in both schemes
LINE = {"light": (0x1F, 0x5F, 0xBF), "dark": (0x7F, 0xB0, 0xFF)}
PAPER = {"light": (0xFF, 0xFF, 0xFF), "dark": (0x14, 0x17, 0x1A)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("infra")
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (folder / "Pulumi.prod.yaml").write_text("config:\n  aws:region: eu-central-1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    file = folder / "pages/flash.html"
    assert command.main(["--shape", "flash", "--page", str(file)]) == 0
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if MISSING:
        pytest.skip(MISSING)
    with browsing() as one:
        yield one


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_page_is_readable(
    browser: Browser, page: Path, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    browser.open(page, size, scheme)
    assert browser.complaints() == []
    assert browser.value("performance.getEntriesByType('resource').length") == 0
    assert browser.value("document.documentElement.scrollWidth") <= size[0]
    seen = browser.value("[...document.querySelectorAll('figure')].map(figure => figure.innerText)")
    assert len(seen) == 5
    for word in LABELS | LEGENDS | {"minimum 33", "maximum 321"}:
        assert any(word in text for text in seen), word
    assert all("minutes" in text for text in seen)
    screenshot = Image.open(browser.screenshot(tmp_path / "page.png")).convert("RGB")
    assert screenshot.getpixel((2, 2)) == PAPER[scheme]
    red, green, blue = LINE[scheme]
    data = screenshot.tobytes()
    pixels = zip(data[::3], data[1::3], data[2::3], strict=True)
    near = [abs(r - red) < 24 and abs(g - green) < 24 and abs(b - blue) < 24 for r, g, b in pixels]
    assert sum(near) > 500


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_no_picture_is_cut_off(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    browser.open(page, size, "light")
    outside = (
        "[...document.querySelectorAll('figure')].flatMap(f => [...f.querySelectorAll('span')]"
        ".filter(t => { const [i, o] = [t, f].map(e => e.getBoundingClientRect());"
        " return i.left < o.left - 1 || i.right > o.right + 1 }).map(t => t.textContent))"
    )
    assert browser.value(outside) == []


def test_printed_lines_agree_with_the_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "own.html"
    assert command.main(["--shape", "step", "--page", str(file)]) == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    assert words.startswith("shop-prod under step fleet fargate, 33 to 321 tasks of 3,000")
    assert "decisions 1 to grow, 1 to shrink" in words
    assert "at prices of eu-central-1 of 2026-10-02 (an estimate)" in words
    assert "This is a model of what AWS documents" in words
    assert max(len(line) for line in shown.splitlines()[:-1]) <= 100
    assert "This is a model of what AWS documents" in file.read_text()


def test_a_task_without_a_price_has_task_hours_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "own.html"
    unpriced = ["--set", "compute=ec2", 'instance_types=["c6g.large"]']
    assert command.main(["--shape", "flash", *unpriced, "--page", str(file)]) == 0
    assert "their price is unknown" in " ".join(capsys.readouterr().out.split())
    assert "task-hours" in file.read_text()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("time,requests_per_second\n0,100\n60,100\n120,100\n", ""),
        ("time,requests_per_second\n2026-01-05T00:00:00,1\n2026-01-05T00:00:30,2\n", ""),
        ("", "line 1: nothing is not the header time,requests_per_second,"),
        ("minute,rate\n0,1\n", "line 1: 'minute,rate' is not the header"),
        ("time,requests_per_second\n0,1\n", "it has 1 rates and a trace has two or more."),
        (
            "time,requests_per_second\n0,100\n60,100\n180,100\n",
            "line 4: 120 s after the line before and the others are 60 s apart; a trace has no"
            " holes.",
        ),
        (
            "time,requests_per_second\n0,100\n60,many\n",
            "line 3: '60,many' is not a time and a rate of 0 or more, as in 60,1500.",
        ),
        ("time,requests_per_second\n0,100\n60,-1\n", "line 3: '60,-1' is not a time and a rate"),
        ("time,requests_per_second\n0,100\n60,nan\n", "line 3: '60,nan' is not a time and a rate"),
        ("time,requests_per_second\n0,100\n60\n", "line 3: '60' is not a time and a rate"),
        ("time,requests_per_second\n0,100\n\n120,1\n", "line 3: '' is not a time and a rate"),
        (
            "time,requests_per_second\n0,100\n0,100\n",
            "line 3: 0 s after line 2; use equal steps of 1 to 300 s.",
        ),
    ],
)
def test_a_trace_is_read_or_its_line_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str, sentence: str
) -> None:
    trace, made = folder / "trace.csv", folder / "trace.html"
    trace.write_text(content)
    code = command.main(["--trace", str(trace), "--page", str(made)])
    shown = capsys.readouterr()
    if sentence:
        assert (code, shown.out, shown.err.count("\n")) == (1, "", 1)
        assert shown.err.startswith(f"{trace}, {sentence}".replace(", it has", ": it has"))
    else:
        assert code == 0
        assert "shop-prod under trace.csv" in shown.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--shape", "wave"], "SHAPE: 'wave' is none; use day, flash, step, or TRACE=file.csv.\n"),
        (["--set", "fleet_min"], "fleet_min: write it as KEY=VALUE.\n"),
        (
            ["--trace", "a.csv", "--shape", "day"],
            "SHAPE and TRACE: each is traffic of its own; use",
        ),
        (["--trace", "none.csv"], "none.csv: there is no such trace.\n"),
        (["--set", "speed=9"], "speed: no such key; Pulumi.yaml lists those that there are.\n"),
        (["--stack", "qa"], "There is no Pulumi.qa.yaml in "),
        (["--prices", "none.json"], "none.json: there is no such file of prices.\n"),
    ],
)
def test_wrong_argument_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert command.main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(sentence)
    assert shown.err.count("\n") == 1


def test_text_in_other_bytes_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = folder / "bytes.csv"
    trace.write_bytes(b"\xff\xfe\x00time")
    assert command.main(["--trace", str(trace)]) == 1
    assert capsys.readouterr().err.startswith(f"{trace}: it is not text with commas; ")
