import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import lucidray
from lucidray.cli import streams
from lucidray.cli.main import COMMANDS
from lucidray.version import VERSION

HEAVY = ["numpy", "onnxruntime", "pydicom", "pydantic", "rich", "PIL", "scipy", "jinja2", "torch"]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(lucidray.__file__).parents[1])}


def python(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT | environ)


def test_without_a_command_it_says_what_it_can_do(run) -> None:
    result = run()
    assert result.code == 0
    assert "lucidray demo" in result.out
    assert "Research use only" in result.out
    assert all(f"  {command} " in result.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_common_options(run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert result.err == ""
    assert "--debug" in result.out
    assert "--config" in result.out


def test_version(run) -> None:
    assert run("--version").out == f"lucidray {VERSION}\n"


@pytest.mark.parametrize(
    "arguments",
    [["red"], ["--foo"], ["read"], ["read", "--foo", "x"], ["read", "x", "--age", "old"], ["read", "x", "--sex", "?"]],
)
def test_wrong_use_is_one_line_and_2(run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert result.err.startswith("error: ")


def test_help_loads_nothing_heavy() -> None:
    calls = "main(['--help'])\nmain(['read', '--help'])\nmain(['--version'])"
    code = f"import sys\nfrom lucidray.cli.main import main\n{calls}"
    done = python(f"{code}\nprint([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("position", ["before", "behind"])
def test_common_options_work_on_both_sides_of_the_command(run, working_folder, position: str) -> None:
    (working_folder / "site.toml").write_text("threads = 3")
    common = ["--config", "site.toml"]
    result = run(*([*common, "config"] if position == "before" else ["config", *common]), "--json")
    assert '"value": 3' in result.out


def test_an_unexpected_error_is_one_line_and_1(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ZeroDivisionError("first\nsecond")

    monkeypatch.setattr("lucidray.cli.schema.reading_schema", broken)
    result = run("schema")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert result.err.startswith("error: this is a fault of lucidray: ZeroDivisionError: first (run with --debug")
    assert "Traceback" in run("schema", "--debug").err
    monkeypatch.setenv("LUCIDRAY_DEBUG", "1")
    assert "Traceback" in run("schema").err


def test_ctrl_c_is_silent_and_130(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("lucidray.cli.schema.reading_schema", stopped)
    result = run("schema")
    assert result.code == 130
    assert (result.out, result.err.strip()) == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error on Windows")
@pytest.mark.parametrize("command", ["schema", "config", "--help"])
def test_a_closed_pipe_is_silent(command: str) -> None:
    code = "import os, sys\nfrom lucidray.cli.main import main\nos.read(0, 1)\nsys.exit(main(sys.argv[1:]))"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", code, command], env=ENVIRONMENT, **pipes)
    process.stdout.close()
    process.stdin.write(b".")
    process.stdin.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (streams.BROKEN_PIPE_EXIT, b"")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_has_an_option_twice(command: str) -> None:
    parameters = import_module(f"lucidray.cli.{command}").command.params
    options = [option for parameter in parameters for option in parameter.opts]
    assert len(options) == len(set(options))
    assert len({parameter.name for parameter in parameters}) == len(parameters)


def test_text_of_strangers_cannot_break_the_line_or_steer_the_terminal() -> None:
    assert streams.one_line("a\nb\x1b[2Jc\u202ed\udcff é") == r"a\nb\x1b[2Jc\u202ed\udcff é"


def test_output_never_fails_for_an_encoding() -> None:
    code = "from lucidray.cli import streams\nstreams.speak_utf8()\nstreams.write('\\xe9\\u2265')"
    assert python(code, PYTHONIOENCODING="ascii").stdout == "\\xe9\\u2265\n"
