"""SIIM-ACR Pneumothorax Segmentation 2019, `train-rle.csv`: -1, or the run-length mask of a pneumothorax."""

from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY, LabelFile, LabelledFilm, RowFault, Truth

NAME = "SIIM-ACR Pneumothorax 2019"


def fits(table: Table) -> bool:
    """Whether the header is that of the challenge."""
    return table.columns >= {"imageid", "encodedpixels"}


def read(table: Table) -> LabelFile:
    """Merge each film's rows, one a mask; what else is on a film nobody said."""
    labels = LabelFile(NAME)
    there: dict[str, bool] = {}
    first: dict[str, int] = {}
    for row in table:
        mask = row["EncodedPixels"]
        if not mask or not (mask == "-1" or all(part.isdigit() for part in mask.split())):
            labels.faults.append(RowFault(row.number, "neither -1 nor a run-length mask"))
            continue
        first.setdefault(row["ImageId"], row.number)
        there[row["ImageId"]] = there.get(row["ImageId"], False) or mask != "-1"
    seen: set[str] = set()
    for image, found in there.items():
        truth: dict[str, Truth] = {"Pneumothorax": "positive" if found else "negative"}
        if found:
            truth[ANY_ABNORMALITY] = "positive"
        labels.add(first[image], LabelledFilm(image=image, truth=truth), seen)
    return labels
