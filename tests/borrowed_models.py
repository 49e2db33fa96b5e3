"""Models from elsewhere, built small with random weights: no real ones can be had in a test.

Each builder returns what `open_classifier` takes. It skips the test where the optional part is not installed.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucidray.models.weights_file import EMBEDDED_FOLDER

LABELS = ["Atelectasis", "Pleural_Thickening", "Lung Opacity", None, "Pleural Effusion", "Hernia"]
CLIP_SIDE = 32


def make_torchvision_importable() -> None:
    """Name the operators that torchvision looks up when it is imported.

    Built for another build of PyTorch, it cannot load them, and then fails to import for want of their names. Nothing
    in lucidray runs them. Where torchvision imports as it is, nothing is done.
    """
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    try:
        import torchvision
    except ModuleNotFoundError:
        pytest.skip("needs torchvision", allow_module_level=True)
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        _KEPT.append(library)  # the names live as long as it does
        for operator in ("nms", "qnms"):
            with contextlib.suppress(RuntimeError):  # there already
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401


_KEPT: list[Any] = []


def card(**changes: Any) -> dict[str, Any]:
    """Return a card that holds, with changes."""
    return {
        "name": "borrowed",
        "version": "1",
        "licence": "none",
        "file": "model.onnx",
        "input": {"size": [48, 48], "channels": 1, "fit": "stretch"},
        "output": {"name": "logits", "kind": "logits", "labels": LABELS},
        **changes,
    }


def write_card(folder: Path, **changes: Any) -> Path:
    """Write a card into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(json.dumps(card(**changes)))
    return folder


def embedded_as_onnx(folder: Path) -> Path:
    """Make a folder of the embedded findings network: an ONNX classifier with maps that needs no optional part."""
    embedded = json.loads((EMBEDDED_FOLDER / "findings.json").read_text())
    known = {"any abnormality", "pneumonia in a child"}
    labels = [entry["name"] if entry["name"].lower() not in known else None for entry in embedded["outputs"]]
    write_card(
        folder,
        input={"size": [embedded["input_size"]] * 2, "channels": 1, "fit": "stretch"},
        output={"name": "logits", "kind": "logits", "labels": labels},
        heatmap={"kind": "maps", "output": "maps"},
    )
    shutil.copy(EMBEDDED_FOLDER / "findings.onnx", folder / "model.onnx")
    return folder


def brightness_onnx(
    folder: Path,
    side: int = 64,
    cell: int = 8,
    *,
    heatmap: dict[str, Any] | None = None,
    probabilities: bool = False,
    gain: float = 40.0,
    fit: str = "stretch",
) -> Path:
    """Make an ONNX classifier whose every logit is a positive or negative multiple of mean brightness, less a constant.

    Its features are the means of cells, so that its maps are known by heart: label k rises with brightness for even k.
    """
    onnx = pytest.importorskip("onnx", reason="needs the package onnx")
    from onnx import TensorProto, helper, numpy_helper

    count = len(LABELS)
    weight = np.array([[gain if k % 2 == 0 else -gain] for k in range(count)], dtype=np.float32)
    bias = np.full(count, -4.0, dtype=np.float32)
    nodes = [
        helper.make_node("AveragePool", ["film"], ["features"], kernel_shape=[cell, cell], strides=[cell, cell]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"], transB=1),
    ]
    if probabilities:
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["shares"]))
    answer = "shares" if probabilities else "logits"
    outputs = [
        helper.make_tensor_value_info(answer, TensorProto.FLOAT, ["n", count]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 1, side // cell, side // cell]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["n", 1, side, side])],
        outputs,
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    np.savez(folder / "last.npz", weight=weight, bias=bias)
    return write_card(
        folder,
        input={"size": [side, side], "channels": 1, "fit": fit},
        output={"name": answer, "kind": "probabilities" if probabilities else "logits", "labels": LABELS},
        heatmap=heatmap,
    )


CAM = {"kind": "cam", "output": "features", "weights": "last.npz"}


def timm_folder(
    folder: Path, architecture: str = "resnet18", heatmap: dict[str, Any] | None = None, suffix: str = ".safetensors"
) -> Path:
    """Make a folder of a timm network."""
    make_torchvision_importable()
    timm = pytest.importorskip("timm", reason="needs lucidray[timm]")
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    options = {"img_size": (48, 48)} if architecture.startswith("vit") else {}
    network = timm.create_model(architecture, num_classes=len(LABELS), in_chans=1, **options)
    folder.mkdir(parents=True, exist_ok=True)
    file = f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(network.state_dict(), folder / file)
    else:
        torch.save({"state_dict": network.state_dict(), "epoch": 3}, folder / file)
    return write_card(
        folder,
        file=file,
        architecture=architecture,
        input={"size": [48, 48], "channels": 1, "fit": "crop", "crop_share": 0.9, "mean": [0.5], "std": [0.25]},
        output={"kind": "logits", "labels": LABELS},
        heatmap=heatmap,
    )


def clip_folder(folder: Path, kind: str = "clip") -> Path:
    """Make a folder of a small CLIP or SigLIP in the layout of transformers."""
    make_torchvision_importable()
    transformers = pytest.importorskip("transformers", reason="needs lucidray[zero-shot]")
    import torch

    torch.manual_seed(0)
    text = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    text |= {"vocab_size": 60, "max_position_embeddings": 128}
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    vision |= {"image_size": CLIP_SIDE, "patch_size": 8}
    if kind == "clip":
        config = transformers.CLIPConfig(
            text_config={**text, "eos_token_id": 2}, vision_config=vision, projection_dim=8
        )
        model = transformers.CLIPModel(config)
        size: dict[str, Any] = {"size": {"shortest_edge": CLIP_SIDE}, "crop_size": CLIP_SIDE, "do_center_crop": True}
    else:
        config = transformers.SiglipConfig(text_config={**text, "projection_size": 16}, vision_config=vision)
        model = transformers.SiglipModel(config)
        size = {"size": {"height": CLIP_SIDE, "width": CLIP_SIDE}}
    model.save_pretrained(folder)
    write_tokenizer(folder)
    preprocessor = {"do_resize": True, "do_rescale": True, "do_normalize": True, "resample": 3, **size}
    preprocessor |= {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    preprocessor |= {"image_processor_type": "CLIPImageProcessor" if kind == "clip" else "SiglipImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return folder


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer that spells, in the layout of transformers."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs lucidray[zero-shot]")
    transformers = pytest.importorskip("transformers", reason="needs lucidray[zero-shot]")
    words = ["[PAD]", "[UNK]", "[EOS]", *"abcdefghijklmnopqrstuvwxyz.,-ACDEFHINPRSTV "]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A [EOS]", special_tokens=[("[EOS]", 2)]
    )
    tokenizer.enable_truncation(128)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", eos_token="[EOS]"
    ).save_pretrained(folder)


def bert_files(folder: Path) -> "Any":
    """Write config and vocabulary of a small BERT, and return the config."""
    transformers = pytest.importorskip("transformers", reason="needs lucidray[zero-shot]")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += ["no", "a", "the", "is", "there", "lung", "lungs", "pleural", "effusion", "nodule", "mass", "heart", "."]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return config


def biovil_folder(folder: Path, *, with_time: bool = True) -> Path:
    """Make a folder in the layout of BioViL-T or BioViL; the text model is small, the image model is not."""
    make_torchvision_importable()
    config = bert_files(folder)
    import torch

    from lucidray.models.zero_shot_biovil import ImageNetwork, TextNetwork

    torch.manual_seed(0)
    (folder / "config.json").write_text(
        json.dumps({**config.to_dict(), "model_type": "cxr-bert", "projection_size": 128})
    )
    text = TextNetwork(config, 128).state_dict() | {"cls.predictions.bias": torch.zeros(3)}
    torch.save(text, folder / "pytorch_model.bin")
    image = ImageNetwork(with_time=with_time).state_dict()
    if with_time:
        image |= {"encoder.vit_pooler.type_embed": torch.zeros(2, 1, 256)}
    name = "biovil_t_image_model_proj_size_128.pt" if with_time else "biovil_image_resnet50_proj_size_128.pt"
    torch.save(image, folder / name)
    return folder


def medclip_folder(folder: Path, *, swin: bool = False) -> Path:
    """Make a folder in the layout of MedCLIP; the text model is small, the vision model is not."""
    make_torchvision_importable()
    config = bert_files(folder / "text")
    config.save_pretrained(folder / "text")
    import torch

    from lucidray.models.zero_shot_medclip import ResNetVision, SwinVision, TextNetwork

    torch.manual_seed(0)
    vision = (SwinVision() if swin else ResNetVision()).state_dict()
    state = {f"vision_model.{key}": value for key, value in vision.items()}
    state |= {f"text_model.{key}": value for key, value in TextNetwork(config).state_dict().items()}
    state |= {"text_model.model.embeddings.position_ids": torch.arange(512)[None], "logit_scale": torch.tensor(2.6593)}
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def open_clip_folder(folder: Path) -> Path:
    """Make a folder of a small model of open_clip."""
    make_torchvision_importable()
    open_clip = pytest.importorskip("open_clip", reason="needs lucidray[zero-shot]")
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model_cfg = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": CLIP_SIDE, "layers": 1, "width": 64, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    preprocess = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic"}
    preprocess |= {"resize_mode": "shortest"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": preprocess}))
    model = open_clip.CLIP(**{**model_cfg, "vision_cfg": open_clip.CLIPVisionCfg(**model_cfg["vision_cfg"])})
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return folder


def torchxrayvision_home(home: Path, name: str, *, legacy: bool = False) -> str:
    """Put random weights where TorchXRayVision looks for its own, below a home folder; return the classifier's name."""
    make_torchvision_importable()
    pytest.importorskip("torchxrayvision", reason="needs lucidray[torchxrayvision]")
    from lucidray.models import torchxrayvision as backend

    weights = backend.describe(name)
    path = home / ".torchxrayvision" / "models_data" / weights.path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    save_random(calm_network(weights), path, whole="densenet121-res" in name, legacy=legacy)
    return f"torchxrayvision:{name}"


def calm_network(weights: Any) -> Any:
    """Build a random network whose logits lie near 0, where a sigmoid still tells them apart."""
    import torch

    from lucidray.models import torchxrayvision as backend

    network = backend.empty(weights)
    last = getattr(network, "classifier", getattr(network, "fc", None))
    if last is not None:
        with torch.no_grad():
            last.weight.mul_(0.02)
    return network


def save_random(network: Any, path: Path, *, whole: bool, legacy: bool = False) -> None:
    """Save a network as the package's authors did: the whole module, or its weights alone."""
    import torch

    torch.save(network if whole else network.state_dict(), path, _use_new_zipfile_serialization=not legacy)


@contextlib.contextmanager
def home_at(home: Path) -> Iterator[None]:
    """Let a folder be the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("USERPROFILE", str(home))
        yield


def specs(folder: Path) -> dict[str, Callable[[], str]]:
    """Return for every backend what builds a model in `folder` and returns its name; the home is to be `folder`."""
    return {
        "onnx": lambda: f"onnx:{embedded_as_onnx(folder / 'onnx')}",
        "onnx by cam": lambda: f"onnx:{brightness_onnx(folder / 'cam', heatmap=CAM, fit='crop')}",
        "timm by cam": lambda: f"timm:{timm_folder(folder / 'timm', heatmap={'kind': 'cam'})}",
        "timm by occlusion": lambda: (
            "timm:" + str(timm_folder(folder / "vit", "vit_tiny_patch16_224", heatmap={"kind": "occlusion", "grid": 3}))
        ),
        "torchxrayvision densenet": lambda: torchxrayvision_home(folder, "densenet121-res224-chex"),
        "torchxrayvision resnet": lambda: torchxrayvision_home(folder, "resnet50-res512-all"),
        "torchxrayvision jfhealthcare": lambda: torchxrayvision_home(folder, "jfhealthcare-densenet121"),
        "zero-shot hf": lambda: f"zero-shot:hf:{clip_folder(folder / 'clip')}",
        "zero-shot siglip": lambda: f"zero-shot:hf:{clip_folder(folder / 'siglip', 'siglip')}",
        "zero-shot biovil": lambda: f"zero-shot:biovil:{biovil_folder(folder / 'biovil')}",
        "zero-shot medclip": lambda: f"zero-shot:medclip:{medclip_folder(folder / 'medclip')}",
        "zero-shot medclip swin": lambda: f"zero-shot:medclip:{medclip_folder(folder / 'swin', swin=True)}",
        "zero-shot open_clip": lambda: f"zero-shot:open_clip:{open_clip_folder(folder / 'open_clip')}",
    }
