"""What a picture-and-text model is given, made by its own processor; reading and training share it.

A model with a chat template (Gemma 3, LLaVA) is asked through it. One without (PaliGemma) gets the picture's token and
the question, and nothing else.
"""

from typing import Any

from PIL.Image import Image

from lucidray.domain.errors import WeightsError
from lucidray.readers.letterbox import Letterbox, padded, stretched
from lucidray.readers.prompt import Prompt


def side_of(processor: Any) -> int:
    """Return the side of the square that the processor makes, in pixels.

    Raises
    ------
    WeightsError
        It takes no pictures beside text, or makes no square.
    """
    images = getattr(processor, "image_processor", None)
    if images is None or not hasattr(processor, "tokenizer"):
        raise WeightsError(f"the model takes no pictures beside text: its processor is {type(processor).__name__}")
    # CLIP's processors cut a square from the middle; a picture that is square already passes whole.
    cut = getattr(images, "crop_size", None) if getattr(images, "do_center_crop", False) else None
    size = cut or getattr(images, "size", None) or {}
    height, width = size.get("height"), size.get("width")
    if not height or height != width:
        raise WeightsError(f"the model's processor makes no square picture: {dict(size)}")
    shortest = (getattr(images, "size", None) or {}).get("shortest_edge")
    if cut and shortest not in (None, height):
        raise WeightsError(f"the model's processor cuts {height} pixels out of {shortest}: it would not show the whole")
    return int(height)


def lay(film_width_px: int, film_height_px: int, side_px: int, fit: str = "pad") -> Letterbox:
    """Say how a film lies on the model's square; `fit` is "pad" or "stretch"."""
    if fit == "stretch":
        return stretched(film_width_px, film_height_px, side_px, side_px)
    return padded(film_width_px, film_height_px, side_px)


def chat_text(processor: Any, prompt: Prompt, answer: str | None = None) -> str:
    """Write the model's text with the marks of its turns.

    Parameters
    ----------
    processor : transformers processor
    prompt : Prompt
    answer : str, optional
        Of the model; without one the text ends where the model begins to write.
    """
    if not getattr(processor, "chat_template", None):
        question = f"{prompt.system}\n\n{prompt.user}" if prompt.system else prompt.user
        return f"{processor.image_token}{question}" if answer is None else answer
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt.user}]}]
    if prompt.system:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": prompt.system}]})
    if answer is not None:
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    text: str = processor.apply_chat_template(messages, add_generation_prompt=answer is None, tokenize=False)
    return text


def chat_inputs(processor: Any, prompt: Prompt, picture: Image) -> dict[str, Any]:
    """Make the model's inputs, on the CPU: the template filled, the picture normalised.

    Returns
    -------
    dict of tensor
        `input_ids` and what belongs to it as (1, L), `pixel_values` in float32.
    """
    # The template writes the first token itself; PaliGemma's processor does without one.
    made = processor(text=chat_text(processor, prompt), images=[picture], return_tensors="pt", add_special_tokens=False)
    # PaliGemma's processor also makes labels: of the question, as there is no answer yet.
    return {name: value for name, value in made.items() if hasattr(value, "shape") and name != "labels"}
