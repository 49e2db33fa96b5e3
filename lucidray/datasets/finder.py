"""Where films lie: one walk through the folder, then every name is looked up in memory."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lucidray.domain.errors import InputError

ENDINGS = (".dcm", ".png", ".jpg", ".jpeg", ".dicom", ".tif", ".tiff", ".webp")


class Finder:
    """Finds films below a folder by path, by the end of a path, by name, or by name without ending.

    A label file may name its paths from a folder above the one that was given (CheXpert), or none at all (NIH). By its
    bare name a film is found only where the caller says that no two films share one. `films` counts the files that
    end as films do.

    Raises
    ------
    InputError
        There is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"there is no folder of images {folder}")
        self._folder = folder
        self._paths: set[str] = set()
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self.films = 0
        walked: set[str] = set()
        for place, folders, names in os.walk(folder, followlinks=True):
            # A link to a folder above would be walked for ever.
            here = os.path.realpath(place)
            if here in walked:
                folders.clear()
                continue
            walked.add(here)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(place).relative_to(folder).as_posix()
            for name in sorted(names):
                path = name if below == "." else f"{below}/{name}"
                self._paths.add(path)
                self._by_name[name].append(path)
                stem, ending = os.path.splitext(name)  # noqa: PTH122 - the fast one: folders hold 100,000s of films
                if ending.lower() in ENDINGS:
                    self._by_name[stem].append(path)
                    self.films += 1

    def find(self, names: Sequence[str], *, by_name: bool) -> Path | str:
        """Return the file of the first name that has one, or in words why none has."""
        reason = "no file is named"
        for number, name in enumerate(names):
            found = self._find(name, by_name=by_name)
            if isinstance(found, Path):
                return found
            reason = reason if number else found
        return reason

    def _find(self, name: str, *, by_name: bool) -> Path | str:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or ".." in parts:
            return f"{name!r} is no path below a folder"
        for start in range(max(1, len(parts) - 1)):
            tail = "/".join(parts[start:])
            for ending in ("", *ENDINGS):
                if f"{tail}{ending}" in self._paths:
                    return self._folder / f"{tail}{ending}"
        found: list[str] = []
        if by_name:
            # A copy of the collection may have been stored in another format.
            stem, ending = os.path.splitext(parts[-1])  # noqa: PTH122
            found = self._by_name.get(parts[-1]) or (self._by_name.get(stem, []) if ending.lower() in ENDINGS else [])
        if len(found) > 1:
            return f"{len(found)} files have this name, such as {found[0]} and {found[1]}"
        return self._folder / found[0] if found else f"no such file below {self._folder}"


def bare(name: str) -> str:
    """Return a film's name without its folders."""
    return PurePosixPath(name.replace("\\", "/")).name
