"""Films of one's own: any label file that lucidray knows, and `boxes.csv` beside it.

What `lucidray export feedback` writes is one of them: its films are marked model_assisted.
"""

from lucidray.datasets.entry import Gathered, Inputs, read_entries, with_boxes
from lucidray.evaluation.boxes import read_boxes


def gather(inputs: Inputs) -> Gathered:
    """Read labels and boxes."""
    gathered = read_entries(inputs)
    beside = [path.with_name("boxes.csv") for path in inputs.labels]
    side = None if inputs.box_side is None else (float(inputs.box_side), float(inputs.box_side))
    for path in inputs.boxes or [path for path in dict.fromkeys(beside) if path.is_file()]:
        with_boxes(gathered, path, read_boxes(path), side)
    return gathered
