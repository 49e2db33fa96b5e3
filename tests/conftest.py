"""What every test may ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real films: LUCIDRAY_DATA, else `shared/data` beside the checkout; skips where there is none."""
    folder = Path(os.environ.get("LUCIDRAY_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(
            f"needs the real films, which are not part of the project: no folder {folder} (LUCIDRAY_DATA names another)"
        )
    return folder
