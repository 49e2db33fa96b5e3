"""docs/results.md is what the result files say."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_in_step_with_the_result_files() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "results.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_result_files_name_no_film() -> None:
    for path in (ROOT / "docs" / "results").glob("*.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        if "kind" in found:
            assert not {"missing", "wrong", "worst", "faults", "unreadable"} & set(found), path.name
            assert ".jpg" not in path.read_text(encoding="utf-8"), path.name
