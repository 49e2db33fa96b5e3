"""What `lucidray doctor` looks at: each check says what it found and, where something is wrong, the cure."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lucidray.cli.faults import describe, exit_code
from lucidray.domain.errors import LucidrayError, ModelError
from lucidray.settings import Settings
from lucidray.version import VERSION

LEAST_MEMORY_GB = 2.0
LEAST_DISK_GB = 0.5
_REQUIREMENT = re.compile(r"^(?P<name>[\w.-]+).*;.*extra == ['\"](?P<extra>[\w-]+)['\"]")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    part, name : str
        What it belongs to, and what it is.
    found : str
    ok : bool
    cure : str
        What to do; empty where nothing is wrong.
    exit_code : int
        What the program ends with for it; 0 for what the base does not need.
    """

    part: str
    name: str
    found: str
    ok: bool = True
    cure: str = ""
    exit_code: int = 0


def platform_checks() -> Iterator[Check]:
    """Versions and the machine."""
    yield Check("program", "lucidray", VERSION)
    yield Check("program", "python", f"{platform.python_version()} ({sys.executable})")
    yield Check("program", "platform", platform.platform())


def settings_checks(settings: Settings) -> Iterator[Check]:
    """Tell settings that are not the default, and folders that are named but not there."""
    changed = [name for name, origin in settings.origins.items() if origin != "default"]
    for name in changed:
        yield Check("settings", name, f"{getattr(settings, name)} ({settings.origins[name]})")
    if not changed:
        yield Check("settings", "all", "defaults")
    for text in settings.warnings:
        yield Check("settings", "unknown", text, ok=False, cure="correct or remove it")


def weight_checks(weights: Path | None, threads: int) -> Iterator[Check]:
    """Whether each network is the file that its card names, loads, and answers with finite numbers."""
    import numpy as np

    from lucidray.domain.radiograph import Radiograph
    from lucidray.models.anatomy import EmbeddedSegmenter
    from lucidray.models.findings import EmbeddedClassifier
    from lucidray.models.weights_file import EMBEDDED_FOLDER, open_weights

    folder = EMBEDDED_FOLDER if weights is None else weights
    ramp = np.linspace(0, 1, 256 * 256, dtype=np.float32).reshape(256, 256)
    trials: dict[str, Callable[[], object]] = {
        "anatomy": lambda: EmbeddedSegmenter(folder, threads).segment(ramp),
        "findings": lambda: EmbeddedClassifier(folder, threads).predict(Radiograph(ramp, "ramp", "array")),
    }
    for name, answer in trials.items():
        try:
            file = open_weights(folder, name)
            answer()
        except Exception as error:  # whatever keeps a network from answering is what the person wants to know
            yield Check(
                "weights", name, describe(error), ok=False, cure=_weights_cure(weights), exit_code=exit_code(error)
            )
        else:
            size = f"{file.path.stat().st_size / 1e6:.1f} MB"
            yield Check("weights", name, f"{file.card['name']} {file.card['version']}, {size}, SHA-256 right, answers")


def _weights_cure(weights: Path | None) -> str:
    if weights is not None:
        return f"put the networks into {weights}, or unset the setting 'weights' to use the embedded ones"
    return "install lucidray again"


def codec_checks() -> Iterator[Check]:
    """Whether each compressed transfer syntax of DICOM can be decoded; uncompressed ones always can."""
    from lucidray.imaging.codecs import available_codecs

    for state in available_codecs():
        yield Check(
            "codecs", state.name, state.decoder if state.ok else f"no {state.decoder}", state.ok, state.cure or ""
        )


def device_checks() -> Iterator[Check]:
    """Processors and what the networks run on."""
    import onnxruntime

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("device", "CPU cores", str(cores))
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    yield Check("device", "ONNX Runtime", f"{onnxruntime.__version__}; has {providers}")


def room_checks(folder: Path) -> Iterator[Check]:
    """Memory of the machine, and disk space where readings would be written."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        enough = memory >= LEAST_MEMORY_GB
        cure = "" if enough else f"large films need about {LEAST_MEMORY_GB:.0f} GB: lower max_pixels"
        yield Check("room", "memory", f"{memory:.1f} GB", enough, cure)
    else:
        yield Check("room", "memory", "not told by this system")
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    enough = free >= LEAST_DISK_GB
    cure = "" if enough else "make room, or write elsewhere with --out"
    yield Check("room", "disk", f"{free:.1f} GB free at {folder}", enough, cure)


def extra_checks() -> Iterator[Check]:
    """Which optional parts are installed; the base needs none of them."""
    try:
        lines = importlib.metadata.requires("lucidray") or []
    except importlib.metadata.PackageNotFoundError:
        yield Check("extras", "all", "unknown: lucidray is not installed", ok=False, cure="pip install .")
        return
    for extra, packages in packages_of_extras(lines).items():
        missing = [name for name in packages if not _is_installed(name)]
        if missing:
            yield Check(
                "extras", extra, f"without {', '.join(missing)}", ok=False, cure=f"pip install 'lucidray[{extra}]'"
            )
        else:
            yield Check("extras", extra, "installed")


def packages_of_extras(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the packages of each optional part, from the requirements in lucidray's own metadata."""
    needed: dict[str, list[str]] = {}
    for match in filter(None, map(_REQUIREMENT.match, lines)):
        if match["name"] != "lucidray":
            needed.setdefault(match["extra"], []).append(match["name"])
    return needed


def missing_of_extra(extra: str) -> list[str]:
    """Return the packages of an optional part that are not installed; all that is known of it where lucidray is not."""
    try:
        lines = importlib.metadata.requires("lucidray") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [name for name in packages_of_extras(lines).get(extra, []) if not _is_installed(name)]


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def run_checks(settings: Settings) -> Iterator[Check]:
    """Look at everything, one part after the other; a part that breaks is itself a finding."""
    yield from platform_checks()
    parts: dict[str, Callable[[], Iterator[Check]]] = {
        "weights": lambda: weight_checks(settings.weights, settings.threads),
        "codecs": codec_checks,
        "device": device_checks,
        "extras": extra_checks,
        "room": lambda: room_checks((settings.out or Path.cwd()).absolute()),
        "settings": lambda: settings_checks(settings),
    }
    for part, checks in parts.items():
        try:
            yield from checks()
        except ImportError as error:
            cure = "install lucidray again, and look at pip's own complaints"
            yield Check(part, "import", str(error), ok=False, cure=cure, exit_code=ModelError.exit_code)
        except Exception as error:  # the doctor must not fall ill of what it looks at
            yield Check(
                part, "check", describe(error), ok=False, cure="run with --debug", exit_code=LucidrayError.exit_code
            )
