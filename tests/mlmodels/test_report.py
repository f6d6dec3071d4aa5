"""Reports of an evaluation: goals, tables, the page with figures, the model card, and the command that writes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from django.core.management import CommandError, call_command

from mlmodels.net import checkpoint
from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.evaluation import Negatives, evaluate
from mlmodels.net.injection import LINE_LISTS, lines_of, profile
from mlmodels.net.predict import load_network
from mlmodels.net.simulate import SimulationConfig
from mlmodels.report.card import BEGIN, END, NoPlaceForFiguresError, reliability_svg, write_card
from mlmodels.report.goals import Goal, goals
from mlmodels.report.page import as_html
from mlmodels.report.tables import Table, as_markdown, as_text
from mlmodels.report.words import interval
from tests.networks import tiny_checkpoint

TWO_THETA = np.arange(20.0, 80.0, 0.02)


@pytest.fixture(scope="module")
def made() -> Checkpoint:
    return tiny_checkpoint()


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two crystalline patterns and an amorphous one."""
    rng = np.random.default_rng(1)
    lines = np.array([38.5, 44.7, 65.1, 78.2]), np.array([1.0, 0.5, 0.2, 0.2])
    expected = [
        50 + 2000 * profile(TWO_THETA, lines, 0.2),
        50 + 500 * profile(TWO_THETA, lines_of(LINE_LISTS[0], 4.5), 0.2),
    ]
    expected.append(50 + 2000 * np.exp(-(((TWO_THETA - 42) / 4) ** 2)))
    path = tmp_path_factory.mktemp("pack") / "pack.npz"
    np.savez(path, two_theta=TWO_THETA, intensity=rng.poisson(expected).astype(float), source=["a", "<b>", "mg_film"])
    return path


@pytest.fixture(scope="module")
def figures(made: Checkpoint, pack: Path) -> dict[str, Any]:
    torch.set_num_threads(1)
    return evaluate(load_network(made, "cpu"), SimulationConfig.tiny(), n=20, negatives=Negatives.read(pack))


def test_a_goal_is_reached_from_its_own_side() -> None:
    assert [Goal("", "", value, 0.99, 0.995).reached for value in (0.98, 0.99, 0.995, None)] == [
        "no",
        "yes",
        "aim",
        "no",
    ]
    assert [Goal("", "", value, 0.15, 0.06, at_most=True).reached for value in (0.2, 0.1, 0.05)] == ["no", "yes", "aim"]


def test_every_goal_has_its_row(figures: dict[str, Any]) -> None:
    asked = "\n".join(goal.question for goal in goals(figures))
    for part in (
        *(
            "all a_R at once, p as it is: recall",
            "in the bin",
            "class C or better",
            "crystalline: p > 0.5",
            "amorphous: p > 0.5",
        ),
        *("Cd-Yb, Tsai (P): r at which 50 %", "icosahedrite, Mackay (F): r at which 90 %", "class A at r = 1"),
        *("1/1, by phason strain: called", "2/1, by phason strain: named", "a_R, median relative error"),
        *("Co, 2θ 23–97°", "Mo, 2θ 9–34°", "Ag, 2θ 7–27°", "2θ 20–70°", "2θ 30–80°", "0.05°", "patterns/s"),
    ):
        assert part in asked, part


def test_a_share_stands_with_its_interval_and_counts() -> None:
    assert interval({"k": 0, "n": 10, "share": 0.0, "low": 0.0, "high": 0.2775}) == "0.0000 (0.0000–0.2775; 0 of 10)"
    assert interval({"k": 0, "n": 0, "share": None, "low": None, "high": None}) == "–"


def test_tables_as_text_and_as_markdown(figures: dict[str, Any]) -> None:
    table = Table("Shares", ["", "found"], [["recall", "0.9"], ["x", "1"]])
    assert table.as_text() == "Shares\n------\n        found\nrecall  0.9\nx       1"
    assert table.as_markdown() == "### Shares\n\n|  | found |\n| --- | --- |\n| recall | 0.9 |\n| x | 1 |"
    for written in (as_text(figures), as_markdown(figures)):
        assert "What it should reach" in written
        assert "Measured patterns without a quasicrystal (from pack.npz; 0 refused as not screenable)" in written


def test_a_report_without_negatives_is_one_of_what_was_run(figures: dict[str, Any], made: Checkpoint) -> None:
    less = {name: part for name, part in figures.items() if name not in ("negatives", "injection")}
    assert "Injected" not in as_text(less)
    assert "Injected" not in as_html(made, less)


def test_the_page_needs_nothing_from_elsewhere(figures: dict[str, Any], made: Checkpoint) -> None:
    page = as_html(made, figures)
    assert page.count("Plotly.newPlot(") == 7 + page.split("<body>")[0].count("Plotly.newPlot(")
    outside_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)=", outside_scripts)
    assert not re.search(r"<script[^>]*\bsrc=", page)
    assert "&lt;b&gt;" in outside_scripts


def test_the_page_of_the_same_report_is_the_same(figures: dict[str, Any], made: Checkpoint) -> None:
    assert as_html(made, figures) == as_html(made, figures)


class TestCard:
    def test_the_figures_stand_between_the_marks(self, figures: dict[str, Any], tmp_path: Path) -> None:
        card = tmp_path / "model-card.md"
        card.write_text(f"# Card\n\n{BEGIN}\nold\n{END}\n\n## Limits\n")
        for _ in range(2):
            write_card(card, figures)
            text = card.read_text()
            assert text.startswith("# Card\n")
            assert text.endswith(f"{END}\n\n## Limits\n")
            assert text.count("### What it should reach") == 1
            assert "old" not in text.split(BEGIN)[1].split("###")[0]
        assert (tmp_path / "images" / "reliability.svg").read_text().startswith("<svg")

    def test_a_card_without_marks_is_left_as_it_is(self, figures: dict[str, Any], tmp_path: Path) -> None:
        card = tmp_path / "model-card.md"
        card.write_text("# Card\n")
        with pytest.raises(NoPlaceForFiguresError, match="End of the figures"):
            write_card(card, figures)
        assert card.read_text() == "# Card\n"
        assert list(tmp_path.iterdir()) == [card]

    def test_the_reliability_diagram_has_a_point_for_each_tenth(self, figures: dict[str, Any]) -> None:
        bins = figures["own_mix"]["reliability"]
        picture = ElementTree.fromstring(reliability_svg(bins))
        assert len(picture.findall("{http://www.w3.org/2000/svg}circle")) == len(bins)

    def test_the_card_that_ships_has_its_marks(self, settings: Any) -> None:
        text = (settings.BASE_DIR / "docs" / "model-card.md").read_text()
        assert text.index(BEGIN) < text.index(END)


class TestCommand:
    @pytest.fixture
    def report(self, figures: dict[str, Any], made: Checkpoint, tmp_path: Path) -> Path:
        checkpoint.save(made, tmp_path)
        (tmp_path / "report.json").write_text(json.dumps(figures))
        return tmp_path / "report.json"

    def test_a_report_of_before_is_drawn_again(self, report: Path, tmp_path: Path, capsys: Any) -> None:
        again = tmp_path / "again.json"
        call_command("evaluate", str(tmp_path / "tiny"), "--from", str(report), "--out", str(again), "--keep")
        assert json.loads(again.read_text()) == json.loads(report.read_text())
        assert "What it should reach" in again.with_suffix(".html").read_text()
        assert "What it should reach" in capsys.readouterr().out
        assert checkpoint.load(str(tmp_path / "tiny")).metrics["n"] == 20

    def test_a_report_of_another_network_is_refused(self, report: Path, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"is a report of tiny, not of icosa-"):
            call_command("evaluate", "--from", str(report), "--html", str(tmp_path / "page.html"))
        assert not (tmp_path / "page.html").exists()

    @pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON"])
    def test_what_is_no_report_is_refused(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(CommandError, match="is no report of an evaluation"):
            call_command("evaluate", "--from", str(tmp_path / "other.json"))

    def test_what_is_no_pack_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "other.npz").write_bytes(b"not a pack")
        with pytest.raises(CommandError, match="cannot be read as a pack of negatives"):
            call_command("evaluate", "--negatives", str(tmp_path / "other.npz"))
