import json
from pathlib import Path


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


def test_readers_are_listed_where_there_is_a_table_of_them(monkeypatch) -> None:
    from types import SimpleNamespace

    from lucidray.cli import models

    near = {"module": "a", "extra": None, "licence": "MIT", "gated": False, "sends_data": "never", "what": "near"}
    far = {**near, "extra": "bench", "gated": True, "sends_data": "always", "what": "far"}
    readers = {
        "near": SimpleNamespace(**near, ran_on_real_weights=None),
        "far": SimpleNamespace(**far, ran_on_real_weights=False),
    }
    monkeypatch.setattr(models, "find_spec", lambda name: object())
    monkeypatch.setattr(models, "import_module", lambda name: SimpleNamespace(READERS=readers))
    monkeypatch.setattr("lucidray.cli.checks.missing_of_extra", lambda extra: ["torchxrayvision"])
    rows = {row.backend.name: row for row in models.list_models() if row.role == "reader"}
    assert not rows["near"].backend.sends_data_away
    assert rows["near"].missing == ""
    assert rows["far"].backend.sends_data_away
    assert "always" in rows["far"].backend.note
    assert rows["far"].missing == "without torchxrayvision: pip install 'lucidray[bench]'"
