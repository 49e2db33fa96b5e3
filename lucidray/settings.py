"""What can be set, and where each value came from.

A value is taken from the first place that has it: an option, the environment (`LUCIDRAY_THREADS`, also from `.env` in
the working folder), the file (`lucidray.toml` in the working folder, or the one named by `--config` or
`LUCIDRAY_CONFIG`), the default. An empty value counts as not set. Folders named in the file are relative to the file,
all others to the working folder.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from lucidray.domain.errors import UsageError
from lucidray.imaging.limits import DEFAULT_LIMITS
from lucidray.readers.phrases import available_languages

PREFIX = "LUCIDRAY_"
FILE_NAME = "lucidray.toml"
DEFAULT_ORIGIN = "default"

# Variables that steer the program itself and are no settings.
OTHER_VARIABLES = {
    "LUCIDRAY_CONFIG": "the settings file",
    "LUCIDRAY_DEBUG": "1 shows tracebacks",
    "LUCIDRAY_VENV": "where run.sh makes its environment",
    "LUCIDRAY_PYTHON": "the Python that run.sh makes it with",
}


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def _available(language: str) -> str:
    if language not in available_languages():
        raise ValueError(f"there is no report in that language; available: {', '.join(available_languages())}")
    return language


Folder = Annotated[Path, AfterValidator(_expanded)]
Language = Annotated[str, AfterValidator(_available)]


class Given(NamedTuple):
    """A value before it is checked, and where it was found."""

    value: object
    origin: str


class Settings(BaseModel):
    """Everything that can be set; `Settings.load` collects it, `origins` tells where each value came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: Folder | None = Field(None, description="folder with other weights; the embedded ones where not set")
    classifier: str = Field("embedded", min_length=1, description="who scores the findings; see lucidray models")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field(
        "auto", description="what the networks run on: auto, cuda, mps, cpu"
    )
    data: Folder | None = Field(None, description="folder of the training films")
    out: Folder | None = Field(
        None, description="folder that readings are written to; nothing is written where not set"
    )
    cache: Folder | None = Field(None, description="folder for decoded training films; inside the run where not set")
    calibration: Folder | None = Field(None, description="file of `lucidray calibrate`; the shipped one where not set")
    prevalence: str | None = Field(None, description="prevalences to move probabilities to, as in Pneumonia=0.01")
    language: Language = Field("en", description="language of the report: ar, de, en, es, fr, zh")
    threads: int = Field(0, ge=0, description="threads a network; 0 takes one a core")
    max_pixels: int = Field(DEFAULT_LIMITS.max_pixels, gt=0, description="largest film, in pixels")
    max_bytes: int = Field(DEFAULT_LIMITS.max_bytes, gt=0, description="largest file, in bytes")
    fix_orientation: bool = Field(False, description="turn or invert a film that would be refused for it")
    upscale: str | None = Field(
        None, description="who upscales films under 224 px, see lucidray models; nobody where not set"
    )
    color: Literal["auto", "always", "never"] = Field(
        "auto", description="colours on the terminal: auto, always, never"
    )

    host: str = Field("127.0.0.1", min_length=1, description="address that the service listens on")
    port: int = Field(8000, ge=0, le=65535, description="port that the service listens on; 0 takes any free one")
    database: str | None = Field(None, description="URL of the service's database; a file in its folder where not set")
    folder: Folder | None = Field(None, description="folder of the service's films and database")
    workers: int = Field(2, ge=1, le=64, description="films that the service reads at the same time")
    queue: int = Field(32, ge=0, le=10_000, description="films that may wait to be read by the service")
    time_limit: float = Field(120.0, gt=0, description="seconds that the service gives one film")
    show_identity: bool = Field(False, description="show names and IDs in the service's lists")

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def origins(self) -> dict[str, str]:
        """Where each value came from, in words; one entry a setting."""
        return {name: self._origins.get(name, DEFAULT_ORIGIN) for name in type(self).model_fields}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd where the values came from: variables that nobody knows."""
        return self._warnings

    @classmethod
    def load(
        cls,
        options: Mapping[str, object] | None = None,
        *,
        config: Path | None = None,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Collect the settings.

        Parameters
        ----------
        options : mapping, optional
            What was asked for on the command line; None values count as not asked for.
        config : path, optional
            The settings file; it must exist.
        environ : mapping, optional
            By default the environment of the process.
        folder : path, optional
            The working folder, which may hold `.env` and `lucidray.toml`.

        Raises
        ------
        UsageError
            A file cannot be read, names something unknown, or a value makes no sense; the message says which and where.
        """
        folder = Path.cwd() if folder is None else folder
        variables = _dotenv(folder / ".env") | _environment(os.environ if environ is None else environ)
        names = {PREFIX + name.upper(): name for name in cls.model_fields}
        unknown = [key for key in variables if key not in names and key not in OTHER_VARIABLES]
        given = _file(_config_path(config, variables, folder), cls.model_fields)
        given |= {names[key]: found for key, found in variables.items() if key in names}
        given |= _set(
            {name: Given(value, f"option --{name.replace('_', '-')}") for name, value in (options or {}).items()}
        )
        settings = cls._checked(given)
        settings._origins = {name: found.origin for name, found in given.items()}
        settings._warnings = tuple(
            f"{key} ({variables[key].origin}) is no setting of lucidray{_nearest(key, [*names, *OTHER_VARIABLES])}"
            for key in sorted(unknown)
        )
        return settings

    @classmethod
    def _checked(cls, given: Mapping[str, Given]) -> Self:
        try:
            return cls.model_validate({name: found.value for name, found in given.items()})
        except ValidationError as error:
            fault = error.errors()[0]
            name = str(fault["loc"][0])
            reason = fault["msg"][0].lower() + fault["msg"][1:]
            raise UsageError(f"{name} = {fault['input']!r} ({given[name].origin}): {reason}") from error


def _set(values: Mapping[str, Given]) -> dict[str, Given]:
    return {key: given for key, given in values.items() if given.value is not None and given.value != ""}


def _environment(environ: Mapping[str, str]) -> dict[str, Given]:
    return _set({key: Given(value, f"environment {key}") for key, value in environ.items() if key.startswith(PREFIX)})


def _dotenv(path: Path) -> dict[str, Given]:
    if not path.is_file():
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {_reason(error)}") from error
    return _set({key: Given(value, str(path)) for key, value in values.items() if key.startswith(PREFIX)})


def _config_path(config: Path | None, variables: Mapping[str, Given], folder: Path) -> Path | None:
    named = variables.get("LUCIDRAY_CONFIG")
    if config is None and named is not None:
        config = folder / Path(str(named.value)).expanduser()
    if config is not None:
        return config
    local = folder / FILE_NAME
    return local if local.is_file() else None


def _file(path: Path | None, fields: Iterable[str]) -> dict[str, Given]:
    if path is None:
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the settings file {path} cannot be read: {_reason(error)}") from error
    for key in values:
        if key not in fields:
            raise UsageError(f"{path}: {key!r} is no setting of lucidray{_nearest(key, fields)}")
    folders = {name for name, field in Settings.model_fields.items() if field.annotation == Folder | None}
    return _set(
        {key: Given(_beside(path, value) if key in folders else value, str(path)) for key, value in values.items()}
    )


def _beside(path: Path, value: object) -> object:
    return str(path.parent / value) if isinstance(value, str) and value and not value.startswith("~") else value


def _nearest(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, list(names), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _reason(error: Exception) -> str:
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)
