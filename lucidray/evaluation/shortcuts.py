"""Whether a film keeps its probabilities on another folder's path: resampled, recompressed, resampled again.

Folders of a collection differ in size and compression, and in what is on their films. A model that has learnt the
folder changes its mind when the same film comes as that folder's films do.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from lucidray.domain.protocols import Classifier, Segmenter
from lucidray.domain.radiograph import FloatImage
from lucidray.evaluation.collection import Film
from lucidray.evaluation.figures import rounded
from lucidray.evaluation.predict import Said, Seen, say, see
from lucidray.evaluation.segmentation import share

# Side in pixels and JPEG quality of each step.
PATHS: dict[str, tuple[tuple[int, int], ...]] = {
    "128 px, JPEG 90": ((128, 90),),
    "128 px, JPEG 90, back to 512 px": ((128, 90), (512, 90)),
    "224 px, JPEG 85": ((224, 85),),
    "512 px, JPEG 75": ((512, 75),),
}


def along(pixels: FloatImage, path: Sequence[tuple[int, int]]) -> bytes:
    """Send (H, W) pixels in [0, 1] along a path, as a square grey JPEG, which is what the folders hold."""
    image = Image.fromarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    content = b""
    for side, quality in path:
        buffer = BytesIO()
        image.resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
        content = buffer.getvalue()
        image = Image.open(BytesIO(content))
    return content


def measure(
    films: Sequence[Film], segmenter: Segmenter, classifier: Classifier, *, done: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Compare each film's probabilities before and after every path.

    Returns
    -------
    dict
        By path: `n` films accepted before and after, `refused_after`, `all` and `by_finding` (median, 95th percentile
        and largest absolute change of the probability), `calls_changed`: share of calls at the threshold that flip.
    """
    before: dict[str, tuple[Seen, Said]] = {}
    for film in films:
        seen = see(film, segmenter, classifier)
        if isinstance(seen, Seen):
            before[film.key] = (seen, say(seen))
    found = {}
    for name, path in PATHS.items():
        changes: dict[str, list[float]] = {}
        flips, refused, kept = [], 0, 0
        for film in films:
            done()
            if film.key not in before:
                continue
            seen, said = before[film.key]
            after = say(see(film, segmenter, classifier, source=along(seen.film.pixels, path)))
            if after.outcome != "assessed":
                refused += 1
                continue
            kept += 1
            for finding, probability in said.probability.items():
                changes.setdefault(finding, []).append(abs(after.probability[finding] - probability))
                cut = said.threshold.get(finding)
                if cut is not None:
                    flips.append((probability >= cut) != (after.probability[finding] >= cut))
        if not kept:
            continue
        flipped = share(sum(flips), len(flips))
        found[name] = {
            "n": kept,
            "refused_after": refused,
            "all": _spread([value for values in changes.values() for value in values]),
            "by_finding": {finding: _spread(values) for finding, values in changes.items()},
            "calls_changed": {
                "value": rounded(flipped.value),
                "low": rounded(flipped.low),
                "high": rounded(flipped.high),
                "n": flipped.n,
            },
        }
    return found


def _spread(values: list[float]) -> dict[str, float]:
    median, high, most = np.percentile(values, (50, 95, 100))
    return {"median": rounded(float(median)), "p95": rounded(float(high)), "max": rounded(float(most))}
