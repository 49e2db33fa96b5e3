"""`lucidray batch` in a process of its own, killed while it works."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FILMS = 40
# The program with models that answer what they are told to, and a line in `LOG` for every film that is read.
PROGRAM = """
import os, sys, time
import lucidray.api
from lucidray.api import Lucidray
from lucidray.cli.main import main
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request
from lucidray.readers.composer import Composer

def load(**options):
    parts = Models(FakeSegmenter(), FakeClassifier(dict.fromkeys(LABELS, 0.1) | {"Effusion": 0.9}), Composer())
    return Lucidray(parts, Request(language=options["language"], limits=options["limits"]))

whole, seen = Lucidray.read, []

def read(self, source, **options):
    # Slow from some film on, so that whoever is to end it, on however loaded a machine, finds it at work.
    seen.append(options["name"])
    if len(seen) > int(os.environ["SLOW_AFTER"]):
        time.sleep(float(os.environ["SLOW_S"]))
    reading = whole(self, source, **options)
    with open(os.environ["LOG"], "a") as log:
        log.write(options["name"] + "\\n")
    return reading

lucidray.api.load = load
Lucidray.read = read
sys.exit(main(sys.argv[1:]))
"""


def start(folder: Path, *options: str, slow_after: int = FILMS, slow_s: float = 0.0) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LUCIDRAY_")}
    environment |= {"LOG": str(folder / "log"), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"SLOW_AFTER": str(slow_after), "SLOW_S": str(slow_s)}
    command = [sys.executable, "-c", PROGRAM, "batch", "films", "--out", "reports.csv", *options]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    y, x = np.indices((320, 256)) / 320
    pixels = (127 + 100 * np.sin(7 * x) * np.cos(5 * y)).astype(np.uint8)
    for number in range(FILMS):
        Image.fromarray(pixels).save(tmp_path / "films" / f"{number:02}.png")
    (tmp_path / "log").touch()
    return tmp_path


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def wait_for_rows(running: subprocess.Popen, journal: Path, count: int) -> None:
    while len(lines(journal)) < count:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.005)


@pytest.mark.parametrize("workers", ["1", "3"])
@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_kill_9_loses_nothing_and_doubles_nothing(folder: Path, workers: str) -> None:
    journal = folder / "reports.csv.journal"
    for rows in (5, 15):  # killed twice
        running = start(folder, "--resume", "--workers", workers, slow_after=15, slow_s=600)
        wait_for_rows(running, journal, rows)
        running.kill()
        assert running.wait() == -signal.SIGKILL
        running.stderr.close()
        assert not (folder / "reports.csv").exists()
    # As a power cut would leave it.
    journal.write_bytes(journal.read_bytes()[:-7])
    kept = {json.loads(line)["row"]["name"] for line in lines(journal)[1:-1]}
    read_before = lines(folder / "log")
    running = start(folder, "--resume", "--workers", workers)
    _, said = running.communicate()
    assert running.returncode == 0, said
    assert "the journal's last line was torn" in said
    assert f"{len(kept)} films already read" in said
    with (folder / "reports.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"{number:02}.png" for number in range(FILMS)]
    assert {row["outcome"] for row in rows} == {"read"}
    again = Counter(lines(folder / "log")[len(read_before) :])
    assert set(again) == {row["name"] for row in rows} - kept
    assert set(again.values()) == {1}


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_ctrl_c_leaves_a_whole_table(folder: Path) -> None:
    running = start(folder, slow_after=6, slow_s=0.5)
    wait_for_rows(running, folder / "reports.csv.journal", 4)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 130, said
    assert "go on with --resume" in said
    with (folder / "reports.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 2 <= len(rows) < FILMS  # three are in the journal; the last may just have been written
    assert all(row["notice"] for row in rows)
    running = start(folder, "--resume")
    _, said = running.communicate()
    assert running.returncode == 0, said
    with (folder / "reports.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == FILMS
