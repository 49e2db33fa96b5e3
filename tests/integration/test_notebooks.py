"""The notebooks run from top to bottom, offline and small; they carry no output and no path of anybody's machine."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.extra
FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
# What each needs beside the base.
NEEDS = {
    "read_interactively": ("matplotlib",),
    "train_and_evaluate": ("torch", "timm", "onnx", "sklearn", "matplotlib"),
    "upscale_and_second_opinion": ("torch", "timm", "sklearn", "matplotlib"),
}
# Run before the first cell: see `make_torchvision_importable`.
NAMES = """
import sys
sys.path.insert(0, {tests!r})
from borrowed_models import make_torchvision_importable
make_torchvision_importable()
"""


def cells(name: str) -> list[dict]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


def test_all_three_are_there() -> None:
    assert set(NOTEBOOKS) == set(NEEDS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_output_and_no_machine_is_stored(name: str) -> None:
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|work|Users|tmp)/", text)
    for cell in cells(name):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_installs_only_where_lucidray_is_missing(name: str) -> None:
    code = ["".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "code"]
    assert 'find_spec("lucidray") is None' in code[0]
    assert not [one for one in code[1:] if "pip install" in one and "print(" not in one and "# pip" not in one]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (*NEEDS[name], "ipykernel"):
        if module == "timm":
            pytest.importorskip("torch", reason="needs lucidray[train]")
            from borrowed_models import make_torchvision_importable

            make_torchvision_importable()
        pytest.importorskip(module, reason="needs the optional parts that the notebook names")
    nbclient = pytest.importorskip("nbclient", reason="needs lucidray[dev]")
    nbformat = pytest.importorskip("nbformat", reason="needs lucidray[dev]")
    for key in [key for key in os.environ if key.startswith("LUCIDRAY_")]:
        monkeypatch.delenv(key)
    root = FOLDER.parent
    for key, value in {
        "NOTEBOOK_SMALL": "1",
        "NOTEBOOK_WORK": str(tmp_path / "work"),
        "LUCIDRAY_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }.items():
        monkeypatch.setenv(key, value)
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    if "timm" in NEEDS[name]:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(NAMES.format(tests=str(root / "tests"))))
    kernel(tmp_path / "jupyter")
    client = nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="lucidray-test", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    text = json.dumps(notebook)
    assert "Research use only" in text or "research and teaching only" in text


def kernel(folder: Path) -> None:
    """Name this very Python as a kernel, whatever others are installed."""
    place = folder / "kernels" / "lucidray-test"
    place.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "test", "language": "python"}))
