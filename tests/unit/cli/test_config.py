import json

from lucidray.settings import Settings


def test_it_shows_every_setting_and_its_origin(run, monkeypatch) -> None:
    monkeypatch.setenv("LUCIDRAY_THREADS", "2")
    result = run("config")
    assert result.code == 0
    assert all(name in result.out for name in Settings.model_fields)
    assert "environment LUCIDRAY_THREADS" in result.out


def test_json_is_pure_even_where_a_variable_is_unknown(run, monkeypatch) -> None:
    monkeypatch.setenv("LUCIDRAY_THREDS", "2")
    result = run("config", "--json")
    rows = json.loads(result.out)
    assert set(rows) == set(Settings.model_fields)
    assert rows["threads"] == {"value": 0, "origin": "default"}
    assert result.err.splitlines() == [
        "warning: LUCIDRAY_THREDS (environment LUCIDRAY_THREDS) is no setting of lucidray; "
        "did you mean LUCIDRAY_THREADS?"
    ]


def test_a_bad_setting_is_one_line_and_2(run, monkeypatch) -> None:
    monkeypatch.setenv("LUCIDRAY_THREADS", "many")
    result = run("config")
    assert result.code == 2
    assert result.err.startswith("error: threads = 'many' (environment LUCIDRAY_THREADS): ")
    assert result.err.count("\n") == 1
