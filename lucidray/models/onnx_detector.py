"""Any detector as an ONNX file: our own export, YOLOv5, v8 and 11, and what is suppressed already. No PyTorch."""

from collections import Counter
from pathlib import Path

import numpy as np

from lucidray.domain.box import Box
from lucidray.domain.detection import DetectedBox, Detections
from lucidray.domain.errors import ModelError
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.domain.vocabulary import Label
from lucidray.models.detector_boxes import Drawn, Floats, decode, letterboxed, suppress
from lucidray.models.detector_layout import Layout, layout_of, read_metadata
from lucidray.models.labels import findings_of_class
from lucidray.models.model_card import checked_hash
from lucidray.models.onnx_session import running_on, start

DEFAULT_SCORE = 0.25  # from which YOLO's own tools show a box
MOST_IOU = 0.5
MOST_BOXES = 30
_FILL = 114 / 255
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_SMALLEST_COORDINATE = (
    2.0  # px: on a picture of 32 pixels and more, the greatest corner of dense answers is far greater
)
_SHOWN_NAMES = 5


class OnnxDetector:
    """`Localizer` on an ONNX file.

    Raises
    ------
    ModelError
        The file is missing or cannot be run, it does not say what its classes are, or its layout cannot be told.
    UsageError
        The device is not there.
    """

    def __init__(self, path: Path, threads: int = 0, device: str = "auto") -> None:
        if not path.is_file():
            raise ModelError(f"weights are missing: there is no detector {path}")
        sha256 = checked_hash(path, None)
        self._session = start(path, threads, device)
        source = path.name
        self._file = read_metadata(self._session.get_modelmeta().custom_metadata_map, source)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _TYPES:
            raise ModelError(f"{source} takes {len(inputs)} inputs, or numbers of another kind: a picture is needed")
        self._input, self._type = inputs[0].name, _TYPES[inputs[0].type]
        self._size = _size(list(inputs[0].shape), self._file.size, source)
        self._used = ModelUsed(
            role="detector", name=path.name, version=sha256[:12], sha256=sha256, device=running_on(self._session)
        )
        self._labels: dict[int, tuple[Label, ...]] = {
            number: labels for number, name in enumerate(self._file.names) if (labels := findings_of_class(name))
        }
        if not self._labels:
            raise ModelError(f"{source}: no class is a finding of lucidray; it has {', '.join(self._file.names)[:200]}")
        # Dense answers have a corner at every border, whatever the picture shows.
        noise = np.random.default_rng(0).random(self._size, dtype=np.float32)
        answer = self._run(noise)
        self._layout: Layout = layout_of(answer.shape, self._file, self._size, source)
        corners = answer[0, :4] if self._layout == "yolov8" else answer[0, :, :4].T
        if self._layout != "end-to-end" and float(np.abs(corners).max(initial=0)) < _SMALLEST_COORDINATE:
            raise ModelError(f"{source} gives corners as shares of the picture: only pixels are read")

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash."""
        return self._used

    @property
    def layout(self) -> Layout:
        """How its answers are read."""
        return self._layout

    @property
    def note(self) -> str | None:
        """What the detector draws and lucidray leaves out; None where there is nothing."""
        left = [name for number, name in enumerate(self._file.names) if number not in self._labels]
        if not left:
            return None
        return (
            f"boxes of {len(left)} classes that have no equal among lucidray's findings are left out: {', '.join(left)}"
        )

    def locate(self, film: Radiograph) -> Detections:
        """Draw boxes on a film; it is looked at whole, letterboxed."""
        if self._file.adults_only and film.is_child:
            message = f"The detector {self._used.name} was made for adults: it was not asked about this film."
            return Detections((), (Note(code="detector_adults", message=message),))
        picture, frame = letterboxed(film.pixels, self._size, _FILL)
        drawn = self._drawn(self._run(picture))
        boxes, others = [], Counter[str]()
        for corners, score, number in zip(*drawn, strict=True):
            name = self._file.names[int(number)]
            box = frame.to_film(Box(*(float(edge) for edge in corners)), self._size, film.width_px, film.height_px)
            if box is None:
                continue
            if int(number) in self._labels:
                boxes.append(DetectedBox(name, self._labels[int(number)], box, float(score)))
            else:
                others[name] += 1
        return Detections(tuple(boxes[:MOST_BOXES]), tuple(_about(others, self._used.name)))

    def _drawn(self, answer: Floats) -> Drawn:
        source = self._used.name
        cuts = np.array([self._file.thresholds.get(name, DEFAULT_SCORE) for name in self._file.names])
        drawn = decode(answer, self._layout, len(self._file.names), float(cuts.min()), source)
        kept = drawn.scores >= cuts[drawn.classes]
        drawn = Drawn(drawn.xyxy_px[kept], drawn.scores[kept], drawn.classes[kept])
        if not np.isfinite(drawn.xyxy_px).all():
            raise ModelError(f"{source} answers corners that are no numbers")
        return suppress(drawn, MOST_IOU)

    def _run(self, picture: Floats) -> Floats:
        film = np.broadcast_to(picture.astype(self._type), (1, 3, *picture.shape))
        try:
            answers = self._session.run(None, {self._input: np.ascontiguousarray(film)})
        except Exception as error:  # ONNX Runtime raises a dozen unrelated classes of its own
            reason = str(error).splitlines()[0]
            raise ModelError(f"the detector does not take a picture of {picture.shape}: {reason}") from error
        tables = [answer for answer in answers if answer.ndim == 3]
        if len(tables) != 1:
            shapes = ", ".join(str(answer.shape) for answer in answers)
            raise ModelError(f"the detector answers {shapes}: one table of boxes is needed")
        return np.asarray(tables[0], dtype=np.float32)


def _size(shape: list[int | str | None], told: tuple[int, int] | None, source: str) -> tuple[int, int]:
    if len(shape) != 4 or shape[1] != 3:
        raise ModelError(f"{source} takes {shape}; a picture is (1, 3, height, width)")
    fixed = [side if isinstance(side, int) and side > 0 else None for side in shape[2:]]
    if told is not None and any(side is not None and side != said for side, said in zip(fixed, told, strict=True)):
        raise ModelError(f"{source} takes pictures of {shape[2:]}, and its metadata say {list(told)}")
    height, width = fixed
    if height is not None and width is not None:
        return height, width
    if told is None:
        raise ModelError(f"{source} takes pictures of any size and does not say which it was trained for (`imgsz`)")
    return told


def _about(others: Counter[str], name: str) -> list[Note]:
    if not others:
        return []
    named = ", ".join(f"{other} ({count})" for other, count in others.most_common(_SHOWN_NAMES))
    message = f"The detector {name} drew {others.total()} boxes of classes that lucidray does not name: {named}."
    return [Note(code="detector_unnamed", message=message)]
