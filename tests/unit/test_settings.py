import re
from pathlib import Path

import pytest

from lucidray.domain.errors import UsageError
from lucidray.settings import OTHER_VARIABLES, PREFIX, Settings

ROOT = Path(__file__).parents[2]


def load(
    folder: Path, options: dict[str, object] | None = None, config: Path | None = None, **environ: str
) -> Settings:
    return Settings.load(options, config=config, environ=environ, folder=folder)


def test_defaults_say_that_they_are_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == Settings()
    assert set(settings.origins.values()) == {"default"}
    assert set(settings.origins) == set(Settings.model_fields)


def test_option_beats_environment_beats_dotenv_beats_file_beats_default(tmp_path: Path) -> None:
    found = [load(tmp_path)]
    (tmp_path / "lucidray.toml").write_text("threads = 1\n")
    found.append(load(tmp_path))
    (tmp_path / ".env").write_text("LUCIDRAY_THREADS=2\n")
    found.append(load(tmp_path))
    found.append(load(tmp_path, LUCIDRAY_THREADS="3"))
    found.append(load(tmp_path, {"threads": 4}, LUCIDRAY_THREADS="3"))
    assert [settings.threads for settings in found] == [0, 1, 2, 3, 4]
    assert [settings.origins["threads"] for settings in found] == [
        "default",
        str(tmp_path / "lucidray.toml"),
        str(tmp_path / ".env"),
        "environment LUCIDRAY_THREADS",
        "option --threads",
    ]


def test_options_that_were_not_given_do_not_hide_the_environment(tmp_path: Path) -> None:
    assert load(tmp_path, {"threads": None}, LUCIDRAY_THREADS="3").threads == 3


def test_an_empty_variable_does_not_hide_the_file(tmp_path: Path) -> None:
    (tmp_path / "lucidray.toml").write_text("threads = 2")
    (tmp_path / ".env").write_text("LUCIDRAY_THREADS=\n")
    assert load(tmp_path, LUCIDRAY_THREADS="").threads == 2


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    settings = load(tmp_path, LUCIDRAY_WEIGHTS="", LUCIDRAY_CONFIG="")
    assert settings.weights is None
    assert settings.origins["weights"] == "default"


def test_config_option_beats_variable_beats_working_folder(tmp_path: Path) -> None:
    (tmp_path / "lucidray.toml").write_text("threads = 1")
    (tmp_path / "two.toml").write_text("threads = 2")
    (tmp_path / "three.toml").write_text("threads = 3")
    assert load(tmp_path, LUCIDRAY_CONFIG="two.toml").threads == 2
    assert load(tmp_path, config=tmp_path / "three.toml", LUCIDRAY_CONFIG="two.toml").threads == 3


def test_folders_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    config = tmp_path / "site" / "hospital.toml"
    config.write_text("weights = 'nets'\nout = '/srv/readings'\ndata = '~/films'")
    settings = load(tmp_path, config=config)
    assert settings.weights == tmp_path / "site" / "nets"
    assert settings.out == Path("/srv/readings")
    assert settings.data == Path.home() / "films"


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("no", False), ("0", False)])
def test_switches_in_the_environment(tmp_path: Path, value: str, expected: bool) -> None:
    assert load(tmp_path, LUCIDRAY_FIX_ORIENTATION=value).fix_orientation is expected


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"LUCIDRAY_THREADS": "four"}, ["threads", "'four'", "environment LUCIDRAY_THREADS", "integer"]),
        ({"LUCIDRAY_THREADS": "-1"}, ["threads", "'-1'", "greater than or equal to 0"]),
        ({"LUCIDRAY_COLOR": "pink"}, ["color", "'pink'", "'never'"]),
        ({"LUCIDRAY_LANGUAGE": "English"}, ["language", "'English'"]),
        ({"LUCIDRAY_CONFIG": "nowhere.toml"}, ["nowhere.toml", "No such file"]),
    ],
)
def test_a_bad_value_is_one_line_that_names_its_origin(
    tmp_path: Path, environ: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, **environ)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_a_bad_value_in_the_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "lucidray.toml").write_text("max_pixels = 0")
    with pytest.raises(UsageError, match=re.escape(f"max_pixels = 0 ({tmp_path / 'lucidray.toml'})")):
        load(tmp_path)


def test_an_unknown_key_in_the_file_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "lucidray.toml").write_text("thread = 2")
    with pytest.raises(UsageError, match=r"'thread' is no setting of lucidray; did you mean threads\?"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"threads = = 2", b"threads = 2\nthreads = 3", b"\xff\xfe"])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lucidray.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"lucidray\.toml cannot be read") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_variable_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    settings = load(tmp_path, LUCIDRAY_THREDS="2", PATH="/bin", LUCIDRAY_DEBUG="1")
    assert settings.threads == 0
    assert len(settings.warnings) == 1
    assert "LUCIDRAY_THREDS" in settings.warnings[0]
    assert "did you mean LUCIDRAY_THREADS?" in settings.warnings[0]


def test_variables_of_others_in_dotenv_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET=1\nexport LUCIDRAY_LANGUAGE='de'  # comment\n")
    settings = load(tmp_path)
    assert settings.language == "de"
    assert settings.warnings == ()


def test_a_value_in_dotenv_is_taken_literally(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LUCIDRAY_WEIGHTS=/nets/${HOME}\n")
    assert load(tmp_path).weights == Path("/nets/${HOME}")


def test_the_example_names_every_variable_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(rf"^# ({PREFIX}[A-Z_]+)=(.*)$", text, re.MULTILINE))
    defaults = {PREFIX + name.upper(): value for name, value in Settings().model_dump(mode="json").items()}
    expected = {key: "" if value is None else str(value).lower() for key, value in defaults.items()}
    assert shown == expected | dict.fromkeys(OTHER_VARIABLES, "")


def test_the_example_changes_nothing_when_it_is_copied(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes((ROOT / ".env.example").read_bytes())
    assert load(tmp_path).model_dump() == Settings().model_dump()


def test_the_example_works_when_every_line_is_taken_in(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        re.sub(r"^# (LUCIDRAY_)", r"\1", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    )
    settings = load(tmp_path)
    assert settings.model_dump() == Settings().model_dump()
    assert settings.warnings == ()
