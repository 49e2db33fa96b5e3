"""Stands in for the code that CXR-LLaVA v2 brings: its layout and its interface, not its network."""

from transformers import PretrainedConfig


class StandInConfig(PretrainedConfig):
    model_type = "cxr_llava_stand_in"

    def __init__(self, width=4, **options):
        self.width = width
        super().__init__(**options)
