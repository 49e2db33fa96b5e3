import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sayings import extract

from lucidray.api import Lucidray
from lucidray.domain.errors import ModelError
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import UPRIGHT, FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request
from lucidray.readers.composer import Composer


def save_film(path: str, height: int = 320, width: int = 256, shade: int = 127) -> None:
    y, x = np.indices((height, width)) / height
    pixels = (shade + 100 * np.sin(7 * x) * np.cos(5 * y)).astype(np.uint8)
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, format="PNG")


class Judge(FakeSegmenter):
    """Takes landscapes for something else than a chest."""

    def segment(self, pixels):
        height, width = pixels.shape
        return self.anatomy, UPRIGHT if height >= width else replace(UPRIGHT, frontal=0.01, not_chest=0.98)


class Seeing(FakeClassifier):
    """Finds an effusion on films that are bright in the corner."""

    def predict(self, film):
        bright = float(film.pixels[0, 0]) > 0.55
        told = dict.fromkeys(LABELS, 0.02) | {"Effusion": 0.9 if bright else 0.02}
        return FakeClassifier(told, overall=0.02, half_interval=0.01).predict(film)


@pytest.fixture(autouse=True)
def models(monkeypatch):
    asked = []

    def load(**options):
        asked.append(options)
        parts = Models(Judge(), Seeing({}), Composer())
        return Lucidray(parts, Request(language=options["language"], limits=options["limits"]))

    monkeypatch.setattr("lucidray.api.load", load)
    monkeypatch.setattr("lucidray.evaluation.reports.claim_extractor", lambda _language: extract)
    monkeypatch.setattr("lucidray.evaluation.said.claim_extractor", lambda _language: extract)
    return asked


def rows(name: str = "out.csv") -> list[dict]:
    with Path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_table(run) -> None:
    save_film("in/b.png")
    save_film("in/a.png")
    save_film("in/c.png", 200, 400)
    Path("in/d.dcm").touch()
    Path("in/notes.txt").write_text("hello")
    result = run("batch", "in", "--out", "out.csv")
    assert result.code == 0
    assert [row["path"] for row in rows()] == [
        str(Path("in") / f"{name}") for name in ("a.png", "b.png", "c.png", "d.dcm")
    ]
    assert [row["outcome"] for row in rows()] == ["read", "read", "refused", "failed"]
    assert result.errors == [f"error: {Path('in/d.dcm')}: the file is empty"]
    assert result.err.endswith("wrote out.csv: 2 read, 1 refused, 1 failed\n")
    assert result.out == ""


def test_exit_codes(run, monkeypatch) -> None:
    save_film("in/a.png", 200, 400)
    Path("in/d.dcm").touch()
    assert run("batch", "in", "--out", "out.csv").code == 0
    assert run("batch", "in", "--out", "out.csv", "--resume", "--strict").code == 4
    assert run("batch", "in/d.dcm", "--out", "none.csv").code == 4
    assert run("batch", "in", "--out", "out.csv").code == 2
    assert run("batch", "in", "--out", "out.xlsx").code == 2
    assert run("batch", "in", "--out", "o.csv", "--reader", "nobody").code == 2
    assert run("batch", "in", "--out", "o.csv", "--language", "xx").code == 2
    assert run("batch", "in", "--out", "o.csv", "--resume", "--overwrite").code == 2

    def no_model(_self, _request):
        raise ModelError("the server does not answer")

    monkeypatch.setattr(Composer, "read", no_model)
    save_film("in/b.png")
    result = run("batch", "in", "--out", "down.csv")
    assert result.code == 5
    assert f"error: {Path('in/b.png')}: the server does not answer" in result.errors


def test_what_the_table_says_reaches_the_reading(run) -> None:
    save_film("films/a.png")
    Path("list.csv").write_text("image,symptoms,age,sex,view\na.png,fever,61,F,AP\n")
    assert run("batch", "list.csv", "--images", "films", "--out", "out.csv").code == 0
    (row,) = rows()
    assert (row["path"], row["symptoms"], row["age"], row["sex"], row["view"]) == (
        "a.png",
        "fever",
        "61.0",
        "female",
        "AP",
    )


def test_labels_in_the_table_are_measured_with_controls(run) -> None:
    lines = ["image,patient,effusion"]
    for number in range(12):
        save_film(f"{number}.png", shade=127 if number % 2 else 150)
        lines.append(f"{number}.png,{number},{(number + 1) % 2}")
    Path("list.csv").write_text("\n".join(lines) + "\n")
    result = run("batch", "list.csv", "--out", "out.jsonl", "--resamples", "200")
    assert result.code == 0, result.err
    scores = json.loads(Path("out.metrics.json").read_text())
    assert list(scores["systems"]) == ["reader", "always-normal", "shuffled-film", "nearest-neighbour", "blank-film"]
    figures = {name: system["figures"]["f1_micro_14"]["value"] for name, system in scores["systems"].items()}
    assert figures["reader"] == figures["nearest-neighbour"] == 1.0
    assert figures["always-normal"] == figures["blank-film"] == 0.0
    assert figures["shuffled-film"] < 1.0
    assert scores["systems"]["reader"]["figures"]["bleu_4"] is None
    assert scores["unavailable"]["bleu_4"] == "the references are labels, not reports"
    assert "composer does NOT beat nearest-neighbour" in result.err


def test_no_metrics_where_nothing_is_known(run) -> None:
    save_film("a.png")
    run("batch", "a.png", "--out", "out.csv")
    assert not Path("out.metrics.json").exists()


def test_several_workers_share_the_cores(run, models, monkeypatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    for number in range(6):
        save_film(f"in/{number}.png")
    assert run("batch", "in", "--out", "out.csv", "--workers", "4").code == 0
    assert models[-1]["threads"] == 2
    assert len(rows()) == 6


def test_plain_lines_tell_of_the_progress_where_there_is_no_terminal(run, monkeypatch) -> None:
    monkeypatch.setattr("lucidray.cli.batch_progress._SECONDS_A_LINE", 0.0)
    for number in range(3):
        save_film(f"in/{number}.png")
    result = run("batch", "in", "--out", "out.csv")
    assert "1 of 3 films: 1 read; about " in result.err
    assert " left" in result.err
    assert "\x1b" not in result.err
    assert run("batch", "in", "--out", "quiet.csv", "--quiet").err == ""


def test_a_bar_on_a_terminal(run, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    save_film("in/a.png")
    Path("in/b.dcm").touch()
    result = run("batch", "in", "--out", "out.csv")
    assert result.code == 0
    assert [line for line in result.err.splitlines() if "the file is empty" in line]


def test_compare_says_who_was_right(run) -> None:
    lines = ["image,patient,effusion"]
    for number in range(10):
        save_film(f"films/{number}.png", shade=127 if number % 2 else 150)
        # The first two labels are wrong, so the classifier is "wrong" on them.
        lines.append(f"{number}.png,{number},{(number + 1) % 2 if number > 1 else number % 2}")
    Path("films/labels.csv").write_text("\n".join(lines) + "\n")
    result = run(
        "compare", "--data", "films", "--readers", "classifier,again=composer", "--out", "cmp", "--only-misread"
    )
    assert result.code == 0, result.err
    assert "classifier misread 2 of 10 films" in result.out
    assert "flatter any second reader" in result.out
    comparison = json.loads(Path("cmp/compare.json").read_text())
    assert comparison["groups"]["misread"]["accuracy"]["again"]["Effusion"]["right"] == 0
    assert comparison["groups"]["matched sample"]["films"] == 2
    page = Path("cmp/compare.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "Not for clinical diagnosis" in page
    assert page.count("<article") == len(comparison["films"])
    again = run(
        "compare", "--data", "films", "--readers", "classifier,again=composer", "--out", "cmp", "--only-misread"
    )
    assert "10 films already read" in again.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--readers", "composer,composer"], "comes twice"),
        (["--readers", ","], "at least one"),
        (["--readers", "composer", "--finding", "Gout"], "none of"),
        (["--readers", "composer", "--reader-option", "other.x=1"], "READER.NAME=VALUE"),
        (["--readers", "composer", "--misread-by", "other"], "--misread-by"),
        (["--readers", "nobody"], "nobody"),
    ],
)
def test_compare_used_wrongly(run, options, reason) -> None:
    save_film("films/a.png")
    Path("films/labels.csv").write_text("image,effusion\na.png,1\n")
    result = run("compare", "--data", "films", "--out", "cmp", *options)
    assert result.code == 2
    assert reason in result.errors[0]


def test_evaluate_reports_prints_a_table_and_writes_a_page(run) -> None:
    Path("said.json").write_text(json.dumps({"a": "Effusion left", "b": "Mass <script>", "c": "no Effusion"}))
    Path("truth.csv").write_text("image,report\na,Effusion left\nb,no Mass\nd,Nodule\n")
    result = run(
        "evaluate",
        "reports",
        "--predictions",
        "said.json",
        "--references",
        "truth.csv",
        "--html",
        "m.html",
        "--out",
        "m.json",
    )
    assert result.code == 0, result.err
    assert "warning: 1 predictions without a reference: c" in result.err
    assert "warning: 1 references without a prediction: d" in result.err
    assert "F1 micro, 14" in result.out
    assert "NOT beat" in result.out or "beats" in result.out
    scores = json.loads(Path("m.json").read_text())
    assert scores["films"]["only_predicted_names"] == ["c"]
    assert scores["systems"]["reader"]["findings"]["Effusion"]["true_positive"] == 1
    assert scores["systems"]["reader"]["findings"]["Mass"]["false_positive"] == 1
    page = Path("m.html").read_text()
    assert "<script" not in page
    assert "http-equiv" in page
    as_json = run("evaluate", "reports", "--predictions", "said.json", "--references", "truth.csv", "--json")
    assert json.loads(as_json.out)["films"]["scored"] == 2


def head(name: str = "out.csv") -> dict:
    return json.loads(Path(f"{name}.journal").read_text().split("\n", 1)[0])


def test_the_models_of_a_batch_are_those_of_read(run, models) -> None:
    save_film("in/a.png")
    options = ["--classifier", "onnx:mine", "--device", "cpu", "--prevalence", "Edema=0.1", "--calibration", "c.json"]
    assert run("batch", "in", "--out", "out.csv", *options).code == 0
    asked = models[-1]
    assert (asked["classifier"], asked["device"], asked["prevalence"]) == ("onnx:mine", "cpu", {"Edema": 0.1})
    assert asked["calibration"] == Path("c.json")
    Path("t.csv").write_text("image,effusion\nin/a.png,1\n")
    compared = run("compare", "--data", "t.csv", "--readers", "composer", "--out", "cmp", *options, "--resamples", "10")
    assert compared.code == 0, compared.err
    assert models[-1] == asked


@pytest.mark.parametrize(
    "other", [["--prevalence", "Edema=0.1"], ["--device", "cpu"], ["--classifier", "onnx:mine"], ["--language", "de"]]
)
def test_rows_of_two_settings_never_mix(run, other) -> None:
    save_film("in/a.png")
    assert run("batch", "in", "--out", "out.csv").code == 0
    result = run("batch", "in", "--out", "out.csv", "--resume", *other)
    assert result.code == 2
    assert run("batch", "in", "--out", "out.csv", "--resume").code == 0


def test_how_a_reader_is_asked_stands_in_the_journal(run, models) -> None:
    save_film("in/a.png")
    Path("prompts").mkdir()
    Path("prompts/mine.txt").write_text("Write {language}.")
    options = ["--reader", "openai", "--model", "m", "--base-url", "http://127.0.0.1:1/v1", "--seed", "3"]
    options += ["--prompts", "prompts", "--strategy", "mine"]
    assert run("batch", "in", "--out", "out.csv", *options).code == 0
    assert models[-1]["reader"] == "openai"
    assert models[-1]["generation"].seed == 3
    told = head()
    assert (told["reader"], told["strategy"], told["generation"]["seed"]) == ("openai", "mine", 3)
    assert told["reader_options"]["model"] == "m"
    Path("prompts/mine.txt").write_text("Write in {language}.")
    assert run("batch", "in", "--out", "out.csv", "--resume", *options).code == 2
    assert run("batch", "in", "--out", "b.csv", *options, "--prior", "prompts/mine.txt").code == 2


def test_every_reader_of_a_comparison_is_asked_its_own_way(run, monkeypatch) -> None:
    opened = []

    class Spy(Composer):
        def read(self, request):
            opened.append((request.strategy, request.generation.seed))
            return super().read(request)

    def open_reader(name, options=None, device=None):
        opened.append((name, options, device))
        return Spy()

    monkeypatch.setattr("lucidray.readers.registry.open_reader", open_reader)
    save_film("films/a.png")
    Path("films/labels.csv").write_text("image,effusion\na.png,1\n")
    options = ["b.strategy=role", "b.seed=7", "b.model=m", "b.base-url=http://127.0.0.1:1/v1"]
    given = [word for option in options for word in ("--reader-option", option)]
    readers = ["--readers", "composer,b=openai", "--device", "cpu", "--resamples", "10"]
    result = run("compare", "--data", "films", "--out", "cmp", *readers, *given)
    assert result.code == 0, result.err
    assert opened == [
        ("composer", None, "cpu"),
        ("zero-shot", 0),
        ("openai", {"model": "m", "base_url": "http://127.0.0.1:1/v1"}, "cpu"),
        ("role", 7),
    ]
