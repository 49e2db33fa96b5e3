"""Where the name tags of boxes go, so that they can be read: on the film, off each other."""

from collections.abc import Sequence

from lucidray.domain.box import Box

Size = tuple[float, float]


def lay_out(boxes: Sequence[Box], sizes: Sequence[Size], bounds: Box, taken: Sequence[Box] = ()) -> list[Box]:
    """Find a place for every tag.

    Each tag takes the first free one of: above its box, under it, inside its top, inside its bottom, stepwise further
    down; each flush left, then flush right. Where nothing is free it stays above its box.

    Parameters
    ----------
    boxes : sequence of Box
        What the tags name.
    sizes : sequence of (width, height)
        Of the tags, in the units of the boxes.
    bounds : Box
        The film; tags stay on it as far as they fit.
    taken : sequence of Box
        Places that are already used, for example by side marks.

    Returns
    -------
    list of Box
        One a tag, of its size.
    """
    used = list(taken)
    tags = []
    for box, size in zip(boxes, sizes, strict=True):
        places = [_inside(place, bounds) for place in _places(box, size, bounds)]
        tag = next((place for place in places if not any(place.intersection(other) > 0 for other in used)), places[0])
        used.append(tag)
        tags.append(tag)
    return tags


def _places(box: Box, size: Size, bounds: Box) -> list[Box]:
    width, height = size
    rows = [box.y0 - height, box.y1, box.y0, box.y1 - height]
    steps = int(bounds.height // height) if height > 0 else 0
    rows += [box.y0 + step * height for step in range(1, steps)]
    return [Box(x, y, x + width, y + height) for y in rows for x in (box.x0, box.x1 - width)]


def _inside(place: Box, bounds: Box) -> Box:
    """Push a place onto the film; one that is larger than the film starts at its top left."""
    x0 = max(bounds.x0, min(place.x0, bounds.x1 - place.width))
    y0 = max(bounds.y0, min(place.y0, bounds.y1 - place.height))
    return Box(x0, y0, x0 + place.width, y0 + place.height)
