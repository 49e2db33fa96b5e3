"""No figure of the technical report is typed: each comes from a result file or a card."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import technical_report

_SLOTS = re.compile(r"\{\{[^}]*\}\}")


def test_the_page_is_in_step() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "technical_report.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_no_figure_with_an_interval_is_typed() -> None:
    rest = _SLOTS.sub("", technical_report.SOURCE.read_text(encoding="utf-8"))
    assert not re.search(r"\d to \d", rest.replace("28 to 112", ""))
    # What stands there by itself is a rule of the method and no result.
    assert set(re.findall(r"\b0\.\d+", rest)) <= {"0.6", "0.3"}
    assert "{{" not in technical_report.page()


def test_what_is_not_there_is_no_empty_place() -> None:
    with pytest.raises(LookupError):
        technical_report.find("gate", "classes/sideways/n")
    with pytest.raises(TypeError):
        technical_report.told(3, None)


def test_forms() -> None:
    figure = {"value": 0.512, "low": 0.4, "high": 0.6}
    assert technical_report.told(figure, None) == "0.51 (0.40 to 0.60)"
    assert technical_report.told(figure | {"low": None}, None) == "0.51"
    assert technical_report.told(1234, "n") == "1,234"
    assert technical_report.told(0.12345, "3") == "0.123"
    assert technical_report.told(["a", "b"], "notes") == "- a\n- b"
