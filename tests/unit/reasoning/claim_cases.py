"""Reads hand-labelled texts: ``text | label polarity [side] [zone] [severity]; ...``."""

from pathlib import Path
from typing import get_args

from lucidray.domain.claim import Claim, Severity
from lucidray.domain.vocabulary import Side, Zone


def read_cases(name: str) -> list[tuple[str, dict[str, tuple]]]:
    """Return (text, {label: (polarity, side, zone, severity)}) for each line that is no comment."""
    cases = []
    for line in (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        text, _, said = line.rpartition(" | ")
        expected = {}
        for part in [] if said.strip() == "-" else said.split(";"):
            words = part.split()
            length = 2 if words[1] in {"Thickening", "Air"} else 1
            polarity, *rest = words[length:]
            found = [next((word for word in rest if word in get_args(kind)), None) for kind in (Side, Zone, Severity)]
            assert len(rest) == sum(each is not None for each in found), line
            expected[" ".join(words[:length])] = (polarity, *found)
        cases.append((text.replace("\\n", "\n"), expected))
    return cases


def told(claims: list[Claim]) -> dict[str, tuple]:
    """Return what the first of the strongest claims of each label says."""
    order = ("absent", "uncertain", "present")
    strongest: dict[str, Claim] = {}
    for claim in claims:
        before = strongest.get(claim.label)
        if before is None or order.index(claim.polarity) > order.index(before.polarity):
            strongest[claim.label] = claim
    return {label: (each.polarity, each.side, each.zone, each.severity) for label, each in strongest.items()}
