"""Any classifier as an ONNX file in a folder, with a card that says what it sees and answers."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import ModelError
from lucidray.domain.prediction import Prediction
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.models import occlusion
from lucidray.models.activation import Linear
from lucidray.models.model_card import checked_hash, inside, read_card
from lucidray.models.onnx_session import running_on, start
from lucidray.models.uncalibrated import logit

Floats = npt.NDArray[np.floating]


class OnnxClassifier:
    """`Classifier` on a folder with `card.json` and an ONNX file.

    Raises
    ------
    ModelError
        The folder is not whole, the card does not fit the network, or the network cannot be run.
    UsageError
        The device is not there.
    """

    def __init__(self, folder: Path, threads: int = 0, device: str = "auto") -> None:
        card = read_card(folder)
        path = inside(folder, card.file)
        self._raw = card.raw_model()
        self._preparation = card.input.preparation()
        self._kind = card.output.kind
        self._count = len(card.output.labels)
        sha256 = checked_hash(path, card.sha256)
        self._session = start(path, threads, device)
        self._input = _named(card.input.name, [each.name for each in self._session.get_inputs()], "input")
        names = [each.name for each in self._session.get_outputs()]
        self._output = _named(card.output.name, names, "output")
        self._heatmap = card.heatmap
        if card.heatmap is not None and card.heatmap.kind == "grad-cam":
            raise ModelError(f"{card.name}: Grad-CAM needs gradients, which an ONNX file has not; occlusion needs none")
        self._maps = None
        self._linear: Linear | None = None
        if card.heatmap is not None and card.heatmap.kind != "occlusion":
            self._maps = _named(card.heatmap.output, names, "output", what="heatmap.output")
        if card.heatmap is not None and card.heatmap.kind == "cam":
            if card.heatmap.weights is None:
                raise ModelError(f"{card.name}: a cam needs heatmap.weights, the name of an .npz file")
            self._linear = Linear.load(inside(folder, card.heatmap.weights))
        self._used = ModelUsed(
            role="findings", name=card.name, version=card.version, sha256=sha256, device=running_on(self._session)
        )

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash."""
        return self._used

    @property
    def note(self) -> str | None:
        """What the model scores and lucidray leaves out."""
        return self._raw.outputs.note

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings of the card; uncalibrated."""
        seen, frame = self._preparation.apply(film.pixels)
        wanted = [self._output] if self._maps is None else [self._output, self._maps]
        answers = self._run(wanted, seen)
        logits = self._logits(answers[0])
        maps: Floats | None = None
        if self._heatmap is not None and self._heatmap.kind == "occlusion":
            maps = occlusion.maps(seen, self._score, self._heatmap.grid)
        elif self._linear is not None:
            maps = self._raw.shares(self._linear.maps(answers[1], logits, self._used.name))
        elif self._maps is not None:
            maps = self._raw.shares(self._checked_maps(answers[1]))
        return self._raw.prediction(film, logits[0], maps, frame)

    def _score(self, films: npt.NDArray[np.float32]) -> Floats:
        return self._logits(self._run([self._output], films)[0])

    def _run(self, outputs: list[str], films: npt.NDArray[np.float32]) -> list[Floats]:
        try:
            answers: list[Floats] = self._session.run(outputs, {self._input: films})
        except Exception as error:  # ONNX Runtime raises a dozen unrelated classes of its own
            reason = str(error).splitlines()[0]
            raise ModelError(f"{self._used.name} does not take {films.shape} as its card says: {reason}") from error
        return answers

    def _logits(self, answer: Floats) -> Floats:
        if answer.ndim != 2 or answer.shape[1] != self._count:
            raise ModelError(f"{self._used.name} answers {answer.shape}; its card wants (1, {self._count})")
        if self._kind == "logits":
            return answer
        if not ((answer >= 0) & (answer <= 1)).all():
            raise ModelError(f"{self._used.name} answers what are no probabilities; the card may mean logits")
        return logit(answer)

    def _checked_maps(self, maps: Floats) -> Floats:
        if maps.ndim != 4 or maps.shape[:2] != (1, self._count):
            raise ModelError(f"{self._used.name}: the maps are {maps.shape}, not (1, {self._count}, h, w)")
        of_the_film: Floats = maps[0]
        return of_the_film


def _named(name: str | None, there: list[str], kind: str, *, what: str | None = None) -> str:
    """Return the name of an input or output: the card's, or the only one that there is."""
    if name is None:
        if len(there) != 1:
            raise ModelError(
                f"the network has {len(there)} {kind}s ({', '.join(there)}): name one as {what or kind + '.name'}"
            )
        return there[0]
    if name not in there:
        raise ModelError(f"the network has no {kind} {name!r}; it has {', '.join(there)}")
    return name
