"""What was asked about a film, as it is stored beside the film."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lucidray.domain.answer import Generation
from lucidray.domain.radiograph import Sex, View

MAX_SYMPTOMS = 2000


class Writing(BaseModel):
    """How a language model writes; see `lucidray.domain.answer.Generation`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1, le=8192)] = 768
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0

    def generation(self) -> Generation:
        """Return it as readers take it."""
        return Generation(self.temperature, self.top_p, self.max_tokens, self.seed)


class Order(BaseModel):
    """How a film is to be read.

    `reader` is a name from the list of readers; `age_years`, `sex` and `view` replace what the file says; `strategy`
    names the prompt that a language model is asked with, `prompt` is a person's own; `upscale` is a name from the list
    of upscalers, null to refuse films that are too small.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    symptoms: Annotated[str, Field(max_length=MAX_SYMPTOMS)] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    reader: Annotated[str, Field(max_length=200)] = "composer"
    fix_orientation: bool = False
    age_years: Annotated[float, Field(ge=0, le=130)] | None = None
    sex: Sex | None = None
    view: View | None = None
    strategy: Annotated[str, Field(max_length=60)] = "zero-shot"
    prompt: Annotated[str, Field(max_length=8000)] | None = None
    upscale: Annotated[str, Field(max_length=200)] | None = None
    writing: Writing = Field(default_factory=Writing)
