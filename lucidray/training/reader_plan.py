"""What a run would take, told from a model's shape alone: no weights, no films."""

from collections.abc import Callable

from lucidray.readers.loc_tokens import LOC_TOKENS
from lucidray.training import reader_memory
from lucidray.training.reader_config import Config
from lucidray.training.reader_run import plan_of


def tell(config: Config, report: Callable[[str], None]) -> None:
    """Say how much memory and work fine-tuning takes on one GPU, for sequences of the usual length."""
    shape = reader_memory.config_of(config.model)
    model = reader_memory.layout(shape)
    device = "cuda" if config.device == "auto" else config.device
    # PaliGemma's tokenizer has the tokens for places; its embeddings are told by its kind.
    has_locs = "paligemma" in str(shape.model_type)
    plan = plan_of(config, device, has_locs, reader_memory.USUAL_SEQUENCE, reader_memory.USUAL_ANSWER)
    parameters = sum(one.numel() for one in {id(one): one for one in model.parameters()}.values())
    report(f"{config.model}, {parameters / 1e9:.2f} billion weights, phase {config.phase}, on {device}")
    report(
        f"sequences of {plan.sequence} tokens, {plan.answer} of them answered (assumed); {config.batch} at a time"
        + ("" if config.phase == 1 or has_locs else f"; {len(LOC_TOKENS)} tokens for places are added")
    )
    for line in reader_memory.estimate(model, plan).lines():
        report(line)
    report(reader_memory.time_line(reader_memory.operations(model, plan), 1000 * config.epochs))
    report(f"that is for 1,000 films and {config.epochs:g} epochs; it grows with both")
