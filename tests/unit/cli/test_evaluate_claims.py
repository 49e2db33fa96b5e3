import json

from openi_archive import write_archive

from lucidray.cli.main import main

REPORTS = [
    (
        f"CXR{number}",
        "No pneumothorax. Heart size normal." if number % 2 else "Cardiomegaly. Small effusion.",
        "",
        terms,
    )
    for number, terms in enumerate([["Cardiomegaly", "Pleural Effusion"], ["normal"]] * 40)
]


def test_table_and_file(tmp_path, capsys):
    archive = write_archive(tmp_path / "reports.tgz", REPORTS)
    out = tmp_path / "claims.json"
    assert (
        main(["evaluate", "claims", "--reports", str(archive), "--half", "all", "--draws", "100", "--out", str(out)])
        == 0
    )
    printed = capsys.readouterr().out
    assert "80 reports of Open-i (all)" in printed
    assert "Macro over the 2 findings" in printed
    result = json.loads(out.read_text())
    assert result["macro_f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_halves_share_no_report(tmp_path, capsys):
    archive = write_archive(tmp_path / "reports.tgz", REPORTS)
    counts = []
    for half in ("development", "held-out"):
        options = ["--half", half, "--draws", "100", "--json"]
        assert main(["evaluate", "claims", "--reports", str(archive), *options]) == 0
        counts.append(json.loads(capsys.readouterr().out)["reports"])
    assert sum(counts) == len(REPORTS)
    assert min(counts) > 0


def test_not_an_archive(tmp_path, capsys):
    path = tmp_path / "reports.tgz"
    path.write_bytes(b"text")
    assert main(["evaluate", "claims", "--reports", str(path)]) == 4
    assert "reports.tgz" in capsys.readouterr().err


def test_archive_without_reports(tmp_path):
    assert main(["evaluate", "claims", "--reports", str(write_archive(tmp_path / "none.tgz", []))]) == 4


def test_result_that_cannot_be_written(tmp_path, capsys):
    archive = write_archive(tmp_path / "reports.tgz", REPORTS)
    out = tmp_path / "missing" / "claims.json"
    options = ["--half", "all", "--draws", "100", "--out", str(out)]
    assert main(["evaluate", "claims", "--reports", str(archive), *options]) == 1
    assert "cannot be written" in capsys.readouterr().err
