"""`run.sh`, with a Python that only notes what it is asked to do: no network, no real environment."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="run.sh is for systems with a shell; Windows has run.bat"
)

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "cat", "cp", "dirname", "ls", "mkdir", "readlink", "rm")

PYTHON = """#!/bin/sh
printf '%s\\n' "$*" >>"$LOG"
case "$*" in
    *version_info*) exit "${TOO_OLD:-0}" ;;
    *ensurepip*) exit "${NO_VENV:-0}" ;;
    '-m venv '*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    '-m pip install '*) echo 'words of pip'; exit "${NO_NETWORK:-0}" ;;
    '-P -m lucidray'*) shift 3; echo "in $PWD: $*"; cat; exit "${CODE:-0}" ;;
    '-P -m pytest'*) shift 3; echo "tests in $PWD: $*" ;;
    --version) echo 'Python 3.13.0' ;;
esac
"""


class Checkout:
    """A checkout in a folder with a space, called from another folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        self.caller = folder / "some where"
        self.tools = folder / "tools"
        self.log = folder / "log"
        for made in (self.root, self.caller, self.tools):
            made.mkdir()
        shutil.copy(ROOT / "run.sh", self.root)
        (self.root / "pyproject.toml").write_text("[project]\n")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.tools / tool).symlink_to(found)
        self.add_python("python3.13")

    def add_python(self, name: str) -> Path:
        python = self.tools / name
        python.write_text(PYTHON)
        python.chmod(0o755)
        return python

    def run(self, *arguments: str, script: str | None = None, stdin: str = "", **environ: str):
        self.log.write_text("")
        return subprocess.run(
            [script or "../check out/run.sh", *arguments],
            cwd=self.caller,
            env={"PATH": str(self.tools), "LOG": str(self.log), **environ},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> str:
        return self.log.read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_alone_it_says_what_it_can_do_and_installs_nothing(checkout: Checkout) -> None:
    done = checkout.run()
    assert done.returncode == 0
    assert "./run.sh demo" in done.stdout
    assert "Research use only" in done.stdout
    assert checkout.asked == ""


def test_the_first_use_installs_and_runs_in_the_callers_folder(checkout: Checkout) -> None:
    done = checkout.run("read", "my film.dcm", "-", stdin="bytes")
    assert done.returncode == 0
    assert done.stdout == f"in {checkout.caller}: read my film.dcm -\nbytes"
    assert "installing" in done.stderr
    assert "words of pip" in done.stderr
    assert f"{checkout.root}[demo]" in checkout.asked
    assert "torch" not in checkout.asked


def test_later_uses_do_not_touch_pip(checkout: Checkout) -> None:
    checkout.run("doctor")
    done = checkout.run("doctor", NO_NETWORK="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "pip" not in checkout.asked


def test_the_exit_code_is_that_of_lucidray(checkout: Checkout) -> None:
    assert checkout.run("read", "x", CODE="3").returncode == 3


def test_a_changed_pyproject_is_installed_again_in_the_same_environment(checkout: Checkout) -> None:
    checkout.run("doctor")
    (checkout.root / "pyproject.toml").write_text("[project]\nversion = '2'\n")
    checkout.run("doctor")
    assert "pip install" in checkout.asked
    assert "-m venv" not in checkout.asked


def test_a_moved_checkout_is_installed_again(checkout: Checkout) -> None:
    checkout.run("doctor")
    checkout.root.rename(checkout.root.with_name("moved"))
    done = checkout.run("doctor", script="../moved/run.sh")
    assert done.returncode == 0
    assert "pip install" in checkout.asked


def test_an_interrupted_installation_is_taken_up_again(checkout: Checkout) -> None:
    failed = checkout.run("doctor", NO_NETWORK="1")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.splitlines()[-1].startswith("error: the installation did not finish")
    assert checkout.run("doctor").returncode == 0


def test_an_environment_that_was_begun_is_made_anew(checkout: Checkout) -> None:
    checkout.run("doctor")
    (checkout.root / ".venv" / "bin" / "python").unlink()
    assert checkout.run("doctor").returncode == 0
    assert "-m venv" in checkout.asked


def test_a_folder_of_somebody_else_is_never_cleared(checkout: Checkout) -> None:
    (checkout.caller / "mine").mkdir()
    (checkout.caller / "mine" / "thesis.txt").write_text("years of work")
    done = checkout.run("doctor", LUCIDRAY_VENV="mine")
    assert done.returncode == 1
    assert "was not made here" in done.stderr
    assert (checkout.caller / "mine" / "thesis.txt").exists()


def test_the_environment_may_lie_elsewhere(checkout: Checkout) -> None:
    assert checkout.run("doctor", LUCIDRAY_VENV="env").returncode == 0
    assert (checkout.caller / "env" / "bin" / "python").exists()
    assert not (checkout.root / ".venv").exists()


def test_without_python_it_is_one_line_with_the_cure(checkout: Checkout) -> None:
    (checkout.tools / "python3.13").unlink()
    done = checkout.run("doctor")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: no Python 3.11 or newer was found: install one (https://www.python.org/downloads) "
        "or name it in LUCIDRAY_PYTHON"
    ]


def test_an_old_python_is_none(checkout: Checkout) -> None:
    done = checkout.run("doctor", TOO_OLD="1")
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr


def test_without_ensurepip_it_names_the_package(checkout: Checkout) -> None:
    done = checkout.run("doctor", NO_VENV="1")
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_a_python_that_is_named_is_taken(checkout: Checkout) -> None:
    python = checkout.add_python("my-python")
    (checkout.tools / "python3.13").unlink()
    assert checkout.run("doctor", LUCIDRAY_PYTHON=str(python)).returncode == 0
    shutil.rmtree(checkout.root / ".venv")
    assert "LUCIDRAY_PYTHON=nothing is no Python" in checkout.run("doctor", LUCIDRAY_PYTHON="nothing").stderr


def test_a_link_to_it_works(checkout: Checkout) -> None:
    (checkout.caller / "lucidray").symlink_to(Path("..") / "check out" / "run.sh")
    done = checkout.run("doctor", script="./lucidray")
    assert done.stdout == f"in {checkout.caller}: doctor\n"


def test_tests_run_in_the_checkout_without_the_optional_parts(checkout: Checkout) -> None:
    done = checkout.run("test", "-x")
    assert done.stdout == f"tests in {checkout.root}: -rs -m not extra -x\n"
    assert "[demo,test]" in checkout.asked
    checkout.run("doctor")
    assert "pip install" not in checkout.asked


def test_optional_parts_can_be_installed(checkout: Checkout) -> None:
    assert checkout.run("setup", "train", "bench").returncode == 0
    assert "[demo,train,bench]" in checkout.asked


@pytest.mark.parametrize("command", ["serve", "token", "purge", "export"])
def test_the_service_is_installed_when_it_is_first_asked_for(checkout: Checkout, command: str) -> None:
    checkout.run("doctor")
    assert "server" not in checkout.asked
    done = checkout.run(command, "--help")
    assert done.returncode == 0
    assert f"{checkout.root}[demo,server]" in checkout.asked
    assert done.stdout.startswith(f"in {checkout.caller}: {command} --help")
    checkout.run(command)
    assert "pip install" not in checkout.asked
