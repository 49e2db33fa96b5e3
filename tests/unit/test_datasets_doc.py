"""The commands in docs/datasets.md are commands that exist, and every collection has one."""

import shlex
from pathlib import Path

import click
import pytest

from lucidray.cli.data_check import command as check
from lucidray.cli.data_prepare import SOURCES, command
from lucidray.datasets import catalogue

DOC = Path(__file__).parents[2] / "docs" / "datasets.md"
LINES = [line.strip() for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("    lucidray ")]


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_parses(line: str) -> None:
    _, group, part, *arguments = shlex.split(line)
    assert group == "data"
    target: click.Command = {"prepare": command, "check": check}[part]
    context = target.make_context(part, arguments)
    assert context.params


def test_every_collection_is_on_the_page() -> None:
    shown = {shlex.split(line)[3] for line in LINES if " prepare " in line}
    assert shown == set(SOURCES) == set(catalogue.SOURCES)
    for name in SOURCES:
        assert catalogue.about(name).terms
