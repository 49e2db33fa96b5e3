"""Films with labels: rows of label files joined to image files, and whatever could not be joined, named."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files.read import read_labels
from lucidray.evaluation.label_files.table import LabelFile, LabelledFilm

_ENDINGS = ("", ".dcm", ".png", ".jpg", ".jpeg", ".dicom", ".tif", ".tiff", ".webp")
_FOLDERS = ("images", "image", "films", "train", ".")


@dataclass(frozen=True)
class Film:
    """A film on disk and what is said of it.

    Attributes
    ----------
    key : str
        Names the film within one evaluation: its source and the image as labelled.
    path : Path or None
        None where only labels and given predictions are compared.
    label : LabelledFilm
        With `source` set.
    """

    key: str
    path: Path | None
    label: LabelledFilm

    @property
    def patient(self) -> str:
        """Whose film it is; a film of nobody known stands for itself."""
        return self.label.patient or f"film {self.key}"


@dataclass
class Collection:
    """All films of an evaluation.

    Attributes
    ----------
    films : list of Film
    files : list of (path, LabelFile)
    missing : list of str
        Labelled films whose image was not found, or found twice.
    """

    films: list[Film] = field(default_factory=list)
    files: list[tuple[Path, LabelFile]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class ImageIndex:
    """Finds the file of an image by its path, its name, or its name without ending, below one folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"there is no folder of images {folder}")
        self._folder = folder
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, image: str) -> Path | str:
        """Return the file, or in words why there is none."""
        for ending in _ENDINGS:
            path = self._folder / f"{image}{ending}"
            if path.is_file():
                return path
        found = self._names().get(Path(image).name, [])
        if len(found) > 1:
            return f"{image}: {len(found)} files have this name"
        return found[0] if found else f"{image}: no such file below {self._folder}"

    def _names(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for path in sorted(self._folder.rglob("*")):
                if path.is_file():
                    for name in {path.name, path.stem}:
                        self._by_name[name].append(path)
        return self._by_name


def gather(
    label_paths: Sequence[Path], images: Path | None = None, *, wanted: str | None = None, need_images: bool = True
) -> Collection:
    """Read label files and find their films.

    Parameters
    ----------
    label_paths : sequence of Path
        One or several label files; their folders' names tell the sources apart.
    images : Path, optional
        Where the films lie; by default `images/` beside each label file, or its folder.
    wanted : str, optional
        The label files' format, where the header should not decide.
    need_images : bool
        Whether a film without a file counts as missing.

    Raises
    ------
    InputError
        A label file cannot be read, the folder of images is missing, or none of the films is there.
    """
    collection = Collection()
    taken: set[str] = set()
    for path in label_paths:
        labels = read_labels(path, wanted)
        collection.files.append((path, labels))
        index = ImageIndex(images or _default_folder(path)) if need_images else None
        source = _source(path, taken)
        for label in labels.films:
            named = label if label.source else replace(label, source=source)
            found = index.find(label.image) if index is not None else None
            if isinstance(found, str):
                collection.missing.append(found)
            else:
                collection.films.append(Film(f"{source}/{label.image}", found, named))
    if not collection.films:
        reason = f"; the first: {collection.missing[0]}" if collection.missing else ""
        raise InputError(
            f"none of the {len(collection.missing)} labelled films is there: name their folder with --images{reason}"
        )
    return collection


def limited(films: Sequence[Film], limit: int | None) -> list[Film]:
    """Take `limit` films spread evenly over the collection, in its order."""
    if limit is None or limit >= len(films):
        return list(films)
    return [films[place * len(films) // limit] for place in range(limit)]


def sources(films: Iterable[Film]) -> list[str]:
    """Names of the sources, sorted."""
    return sorted({film.label.source or "" for film in films})


def _default_folder(path: Path) -> Path:
    base = path if path.is_dir() else path.parent
    return next((base / name for name in _FOLDERS if (base / name).is_dir()), base)


def _source(path: Path, taken: set[str]) -> str:
    """Name a source after its folder, for a bare file after itself; two of one name get numbers."""
    name = path.resolve().parent.name or path.stem
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    taken.add(unique)
    return unique
