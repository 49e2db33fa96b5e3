"""Stands in for the code that CXR-LLaVA v2 brings: it writes on which half of the picture is more light."""

import numpy as np
import torch
from transformers import PreTrainedModel

from .configuration import StandInConfig


class StandInModel(PreTrainedModel):
    config_class = StandInConfig

    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(config.width, config.width)
        self.post_init()

    def generate_cxr_repsonse(self, chat, image, temperature=0.2, top_p=0.8):
        self.seen = {"chat": chat, "image": image, "temperature": temperature, "top_p": top_p, "chance": torch.rand(1)}
        question = chat[-1]["content"]
        if "fail" in question:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if "silence" in question:
            import queue

            raise queue.Empty
        grey = np.asarray(image.convert("L"), float)
        half = grey.shape[1] // 2
        side = "left" if grey[:, :half].sum() > grey[:, half:].sum() else "right"
        return f"The radiologic report reveals a marker on the {side} of the picture. There is no pleural effusion."
