"""The vocabulary of the anatomy network: its order is part of the file format."""

from lucidray.domain.anatomy import ORGANS

PLACES = ORGANS
KINDS = ("frontal", "lateral", "not_chest")
SIDE_PX = 256
# A mirrored film keeps names by position: `right_lung` is whichever lung lies on the image's left.
MIRRORED_PLACES = (1, 0, 2, 4, 3)
