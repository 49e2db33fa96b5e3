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
    assert json.loads(run("models", "--json").out) == {str(Path("nets/findings.onnx")): card}


def test_no_network_and_a_damaged_card_are_5_and_one_line(run, monkeypatch) -> None:
    monkeypatch.setenv("LUCIDRAY_WEIGHTS", "nets")
    missing = run("models")
    put_network("findings", "{")
    damaged = run("models")
    assert (missing.code, damaged.code) == (5, 5)
    assert missing.err == "error: weights are missing: no network in nets\n"
    assert damaged.err.count("\n") == 1
    assert "findings.json cannot be read" in damaged.err
