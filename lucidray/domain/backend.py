"""`Backend`: one row of the tables of models, for people who choose one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """A model, or a kind of model, that lucidray can work with.

    Attributes
    ----------
    name : str
        What it is asked for by, for example ``torchxrayvision:densenet121-res224-all``.
    module : str
        Imported when the model is used, never before.
    extra : str or None
        The optional part that it needs; None where the base has all.
    licence : str
    gated : bool
        Somebody has to be asked for the weights.
    sends_data_away : bool
        The film leaves the machine.
    weights : str
        Where they come from.
    size : str
        Of the weights.
    ran_real_weights : bool or None
        Whether this project ever ran it with its real weights. Without that, code and layout are tested on random ones.
        None where there are no weights.
    note : str
        What it is.
    """

    name: str
    module: str
    extra: str | None
    licence: str
    gated: bool
    sends_data_away: bool
    weights: str
    size: str
    ran_real_weights: bool | None
    note: str
