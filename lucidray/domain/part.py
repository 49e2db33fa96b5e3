"""What the parts of a reading have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Parts are closed: a misspelt field is an error, NaN and infinity never reach JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
