"""A remark with a code that programs can act on and a message that people can."""

from pydantic import BaseModel, ConfigDict


class Note(BaseModel):
    """A refusal, a warning or a correction: `code` is stable, `message` is one sentence in words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
