"""What the loss sees: the answer's tokens, every one of them, and nothing else."""

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs lucidray[train]")
torch = pytest.importorskip("torch", reason="needs lucidray[train]")

from tiny_models import asked
from transformers import AutoProcessor

from lucidray.datasets.manifest import ManifestFilm, read_manifest
from lucidray.imaging.film import read_film
from lucidray.readers.local.medgemma import MedGemma
from lucidray.readers.prompt import ask
from lucidray.training.reader_inputs import IGNORED, ChatInputs, check_films, prompt_of
from lucidray.training.reader_model import load, open_base
from lucidray.training.reader_samples import Sample, text_samples
from lucidray.training.reader_trainer import Sums, scores_and_targets, sums_of

pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def inputs(tiny: Path) -> ChatInputs:
    return ChatInputs(AutoProcessor.from_pretrained(tiny))


@pytest.fixture(scope="module")
def samples(collection: Path) -> list[Sample]:
    found = text_samples(read_manifest(collection), "train").samples
    by_length = sorted(found, key=lambda sample: len(sample.answer))
    return [by_length[0], by_length[-1]]


def test_the_loss_is_on_the_answer_token_by_token(inputs: ChatInputs, samples: list[Sample]) -> None:
    batch = inputs.collate(samples)
    end = inputs.tokenizer.convert_tokens_to_ids("<end_of_turn>")
    assert len({len(inputs.answer(sample)) for sample in samples}) == 2  # one of them is padded
    for row, sample in enumerate(samples):
        answer = inputs.answer(sample)
        question = inputs.question(sample)["input_ids"][0].tolist()
        ids, labels = batch["input_ids"][row].tolist(), batch["labels"][row].tolist()
        padding = len(ids) - len(question) - len(answer)
        assert ids == [inputs.tokenizer.pad_token_id] * padding + question + answer
        for place, label in enumerate(labels):
            behind = place - padding - len(question)
            assert label == (answer[behind] if behind >= 0 else IGNORED)
        assert inputs.tokenizer.decode(answer[:-1]) == sample.answer
        assert answer[-1] == end
        image = inputs.tokenizer.image_token_id
        assert ids.count(image) == 16
        assert image not in [label for label in labels if label != IGNORED]
        assert batch["attention_mask"][row].tolist() == [0] * padding + [1] * (len(ids) - padding)
        # Of Gemma's token types, 1 is the picture: words of the answer are read forwards only.
        assert batch["token_type_ids"][row].tolist() == [int(one == image) for one in ids]


def test_a_film_is_shown_and_asked_about_as_the_reader_does(
    tiny: Path, inputs: ChatInputs, samples: list[Sample]
) -> None:
    reader = MedGemma(str(tiny), device="cpu")
    film = read_film(samples[0].path)
    from dataclasses import replace

    wanted = asked(replace(film, view="PA"), strategy="zero-shot")
    wanted = replace(wanted, symptoms=None)
    theirs = reader.prepare(wanted, ask(wanted), reader.letterbox(wanted))
    ours = inputs.question(samples[0])
    assert ours.keys() == theirs.keys()
    assert torch.equal(ours["input_ids"], theirs["input_ids"])
    assert torch.equal(ours["pixel_values"].to(torch.bfloat16), theirs["pixel_values"])


def test_padding_changes_no_score(tiny: Path, samples: list[Sample]) -> None:
    loaded = load(open_base(str(tiny)), phase=1, quantize="none", dtype=torch.float32, lora_r=4)
    loaded.model.eval()

    def sums(some: list[Sample]) -> Sums:
        with torch.no_grad():
            scored = scores_and_targets(loaded.model, loaded.inputs.collate(some), is_decoder=False)
            return sums_of(*scored, torch.tensor([]))[1]

    together, alone = sums(samples), [sums([one]) for one in samples]
    assert together.tokens == sum(one.tokens for one in alone)
    assert together.loss == pytest.approx(sum(one.loss for one in alone), rel=1e-4)


def test_the_loss_is_that_of_the_model_itself(tiny: Path, samples: list[Sample]) -> None:
    loaded = load(open_base(str(tiny)), phase=1, quantize="none", dtype=torch.float32, lora_r=4)
    loaded.model.eval()
    batch = loaded.inputs.collate(samples)
    with torch.no_grad():
        theirs = loaded.model(**batch).loss
        _, sums = sums_of(*scores_and_targets(loaded.model, batch, is_decoder=False), torch.tensor([]))
    assert sums.loss / sums.tokens == pytest.approx(float(theirs), rel=1e-4)


def test_the_box_loss_counts_tokens_of_places_alone() -> None:
    scores = torch.zeros(1, 4, 10)
    scores[0, 0, 3] = 50.0  # sure and right
    targets = torch.tensor([[3, 7, IGNORED, 8]])
    total, sums = sums_of(scores, targets, torch.tensor([7, 8, 9]))
    assert (sums.tokens, sums.box_tokens) == (3, 2)
    assert sums.right == 1
    assert sums.box_loss == pytest.approx(2 * torch.log(torch.tensor(10.0)).item())
    assert float(total) == pytest.approx(sums.box_loss, abs=1e-4)


def test_what_the_manifest_knows_of_a_film_is_asked() -> None:
    film = ManifestFilm("a.png", "p", "train", {}, view="AP", age_years=61.0, sex="F")
    prompt = prompt_of(film, "zero-shot", None)
    assert "AP view, 61 years old, female" in prompt.user
    assert "none given" in prompt.user
    bare = prompt_of(ManifestFilm("a.png", "p", "train", {}), "located", None)
    assert "view not told, age not told, sex not told" in bare.user


def test_films_that_are_not_there_are_counted(samples: list[Sample]) -> None:
    from dataclasses import replace

    from lucidray.domain.errors import InputError

    with pytest.raises(InputError, match="1 of 2 films do not exist"):
        check_films([samples[0], replace(samples[1], path=Path("nowhere.png"))])
