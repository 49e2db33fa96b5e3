import json
from pathlib import Path

from lucidray.readers.registry import READERS


def put_network(name: str, card: str) -> None:
    Path("nets").mkdir(exist_ok=True)
    Path("nets", f"{name}.onnx").write_bytes(b"")
    Path("nets", f"{name}.json").write_text(card)


def test_it_lists_the_networks_with_their_cards(run, monkeypatch) -> None:
    monkeypatch.setenv("LUCIDRAY_WEIGHTS", "nets")
    card = {"name": "findings-lite", "version": "1.2", "onnx_sha256": "ab" * 32}
    put_network("findings", json.dumps(card))
    result = run("models")
    assert result.code == 0
    assert "findings-lite" in result.out
    assert "abababababab" in result.out
    assert json.loads(run("models", "--json").out)["cards"] == {str(Path("nets/findings.onnx")): card}


def test_no_network_and_a_damaged_card_are_5_and_one_line(run, monkeypatch) -> None:
    monkeypatch.setenv("LUCIDRAY_WEIGHTS", "nets")
    missing = run("models")
    put_network("findings", "{")
    damaged = run("models")
    assert (missing.code, damaged.code) == (5, 5)
    assert missing.err == "error: weights are missing: no network in nets\n"
    assert damaged.err.count("\n") == 1
    assert "findings.json cannot be read" in damaged.err


def test_the_list_says_what_is_here_and_what_could_be(run) -> None:
    listed = json.loads(run("models", "--json").out)
    rows = {(row["role"], row["name"]): row for row in listed["models"]}
    embedded = rows["classifier", "embedded"]
    assert embedded["usable"]
    assert embedded["ran_real_weights"]
    borrowed = rows["classifier", "torchxrayvision:densenet121-res224-all"]
    assert not borrowed["usable"]
    assert borrowed["missing"]
    assert not borrowed["ran_real_weights"]
    assert ("segmenter", "embedded") in rows
    assert not any(row["sends_data_away"] for row in listed["models"] if row["role"] != "reader")
    told = run("models").out
    for words in ("classifiers", "segmenters", "torchxrayvision:resnet50-res512-all", "what is missing", "never"):
        assert words in told


def test_a_classifier_is_chosen_by_option_and_by_setting(run, monkeypatch) -> None:
    from pydicom.data import get_testdata_file

    film = str(get_testdata_file("CT_small.dcm"))
    wrong = run("read", film, "--classifier", "chexnet")
    assert wrong.code == 2
    assert "lucidray knows embedded" in wrong.err
    monkeypatch.setenv("LUCIDRAY_CLASSIFIER", "onnx:nowhere")
    missing = run("read", film)
    assert missing.code == 5
    assert missing.err == "error: nowhere has no card.json; docs/models.md says what it holds\n"
    monkeypatch.setenv("LUCIDRAY_DEVICE", "gpu")
    assert run("read", film).code == 2


def test_readers_are_listed_with_what_they_need_and_where_the_film_goes(run, monkeypatch) -> None:
    monkeypatch.setattr(
        "lucidray.readers.registry.find_spec", lambda name: None if name.startswith("mlx") else object()
    )
    listed = json.loads(run("models", "--json").out)["models"]
    readers = {row["name"]: row for row in listed if row["role"] == "reader"}
    assert set(readers) == set(READERS) - {"fake"}
    assert (readers["composer"]["usable"], readers["composer"]["ran_real_weights"]) == (True, None)
    assert readers["mlx"]["missing"] == "without mlx, mlx_vlm: pip install 'lucidray[mlx]'"
    assert readers["medgemma"]["usable"]
    assert {name for name, row in readers.items() if row["sends_data_away"]} == {"openai", "gemini"}
    assert "unless that is this machine" in readers["openai"]["note"]
    assert all(row["ran_real_weights"] is False for name, row in readers.items() if name != "composer")
    lines = [line.split() for line in run("models").out.splitlines()]
    assert next(words for words in lines if words[:1] == ["composer"])[-2:] == ["no", "weights"]
    assert next(words for words in lines if words[:1] == ["gemini"])[-1] == "never"
