"""What a text says of a film, sentence by sentence, in the terms of the findings."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lucidray.domain.vocabulary import Label, Side, Zone

Polarity = Literal["present", "absent", "uncertain"]
Severity = Literal["mild", "moderate", "severe"]
# Free air under the diaphragm is no finding of the networks, but a reader that names it must not be overheard.
ClaimLabel = Label | Literal["Free Air"]


class Claim(BaseModel):
    """A statement about one finding.

    `side`, `zone` and `severity` are null where the text does not say; `sentence` is the sentence as it stands there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: ClaimLabel
    polarity: Polarity
    side: Side | None = None
    zone: Zone | None = None
    severity: Severity | None = None
    sentence: str
