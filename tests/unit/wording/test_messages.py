# ruff: noqa: E501 - sentences are written whole
"""Everything that the code says in English sentences is said in every language."""

import ast
import re
from pathlib import Path

import pytest

import lucidray
from lucidray.readers.phrases import available_languages
from lucidray.wording.messages import load_messages, say, translate

OTHERS = sorted(set(available_languages()) - {"en"})
SLOT = re.compile(r"\{(\w+)\}")
PACKAGE = Path(lucidray.__file__).parent
# Words of DICOM, of the command line and of measures, which no language translates.
TERMS = (
    r"View Position|Patient Orientation|Patient's Age|Presentation LUT Shape|Modality LUT|VOI LUT( Function)?s?|Rescale Slope"
    r"|Window Center|Window Width|High Bit|Intercept|(Acquisition|Content|Series|Study) Date|for processing|LINEAR|EXIF|DICOM"
    r"|PSNR|dB(?![A-Za-z])|lucidray calibrate|(Imager|NominalScanned)?PixelSpacing|--fix-orientation|lucidray|AUROC|MONOCHROME\d|(?<![A-Za-z])(PA|AP|mm)(?![A-Za-z])|X(?=线)|[LRHF]\\[LRHF]"
)


@pytest.mark.parametrize("language", OTHERS)
def test_table_is_whole(language):
    table, english = load_messages(language), load_messages("en")
    assert set(table.messages) == set(english.messages)
    for key, text in english.messages.items():
        assert sorted(SLOT.findall(table.messages[key])) == sorted(SLOT.findall(text)), key
        # A sentence stays a sentence, a remark a remark.
        assert table.messages[key].endswith((".", "。")) == text.endswith("."), key
    assert set(table.slots) == set(english.slots)
    for slot, words in english.slots.items():
        assert set(words) <= set(table.slots[slot]), slot


def test_english_has_slots_for_all_words_of_others():
    english = load_messages("en")
    assert all(words == {word: word for word in words} for words in english.slots.values())


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_is_left(language):
    own = {"es": {"no", "use"}, "fr": {"image", "film"}, "de": {"film"}}.get(language, set())
    for key, text in load_messages(language).messages.items():
        bare = re.sub(TERMS, "", SLOT.sub("", text))
        english = re.findall(
            r"\b(the|of|is|are|no|with|and|or|for|not|film|lung|heart|image|use|file)\b", bare, re.IGNORECASE
        )
        assert {word.lower() for word in english} <= own, (key, text)
        if language in {"zh", "ar"}:
            assert not re.search("[A-Za-z]", bare), (key, bare)


@pytest.mark.parametrize("language", OTHERS)
def test_sides_of_the_lungs_are_never_exchanged(language):
    words = load_messages(language).slots
    right, left = {
        "ar": ("اليمنى", "اليسرى"), "de": ("recht", "link"), "es": ("derech", "izquierd"), "fr": ("droit", "gauche"), "zh": ("右", "左"),
    }[language]  # fmt: skip
    for slot in ("lung", "border"):
        assert words[slot]["right"].startswith(right)
        assert words[slot]["left"].startswith(left)
    said = say(
        "The right lung runs beyond the lower border of the film: use a film that shows both lungs whole.", language
    )
    assert right in said
    assert left not in said


def written(node: ast.expr, assigned: dict[str, list[ast.expr]]) -> list[str]:
    """What an expression of the code says, each slot filled with a word that no table knows."""
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.JoinedStr(values=values):
            return ["".join(part.value if isinstance(part, ast.Constant) else "qux" for part in values)]
        case ast.Name(id=name):
            return [text for value in assigned.get(name, []) for text in written(value, assigned)]
        case ast.BinOp(left=left, right=right):
            return [a + b for a in written(left, assigned) for b in written(right, assigned)]
    raise AssertionError(f"a message that this test cannot read: {ast.dump(node)}")


def messages_of_the_code() -> list[tuple[str, str]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        # What a measurement writes on the films that it spoils is shown to nobody.
        if path.parent.name == "evaluation":
            continue
        for scope in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(scope, ast.FunctionDef | ast.Module):
                continue
            own = (
                [node for child in scope.body for node in ast.walk(child)]
                if isinstance(scope, ast.FunctionDef)
                else scope.body
            )
            nodes = (
                own
                if isinstance(scope, ast.FunctionDef)
                else [n for c in own if isinstance(c, ast.Assign) for n in ast.walk(c)]
            )
            assigned: dict[str, list[ast.expr]] = {}
            for node in nodes:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    assigned.setdefault(node.targets[0].id, []).append(node.value)
            for node in nodes:
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Note":
                    (message,) = [keyword.value for keyword in node.keywords if keyword.arg == "message"]
                    found += [(path.name, text) for text in written(message, assigned)]
    return found


def test_every_note_of_the_code_is_in_the_tables():
    messages = messages_of_the_code()
    assert len(messages) > 50
    unknown = [(where, text) for where, text in messages if translate(text, "de") is None]
    assert unknown == []


@pytest.mark.parametrize(
    "english",
    [
        "Lung reaches the border of the film (the right lung the left one, the left lung the lower one): what lies beyond is not read.",
        "Patient Orientation is L\\F: the file says that left and right are exchanged.",
        "The film was sent to openai: m at gpu-host:8000: it left this machine.",
        "The text of openai: m was too long: its end was left out.",
        "The reader was cut off at 768 tokens; the sentence that it broke off is left out.",
        "The film is turned upside down: turn it upright, or use --fix-orientation.",
        "97% of the film are pure black or white: export it again with a wider window.",
        "PixelSpacing (not calibrated) is 0.1 x 0.1 mm, the spacing at the detector 0.2 x 0.2 mm: sizes are given at the detector.",
        "PA film of an adult; heart and both lungs are seen whole",
        "PA film; the age is not known, an adult is assumed; heart and both lungs are seen whole",
        "AP supine film: the heart is magnified; the limits for adults do not hold for children",
        "at the detector; little of the left lung is seen; the thorax reaches the border of the film",
        "in pixels: the film has no pixel spacing; the outline of the heart is not plausible",
        "score 0.031, threshold 0.30, 95 % interval 0.020 to 0.35: the threshold lies within the interval",
        "score 0.12, calibrated at a prevalence of 0.11, threshold 0.30, 95 % interval 0.10 to 0.14: below the threshold, but not below the prevalence of 0.11",
        "score 0.26, calibrated at a prevalence of 0.032, threshold 0.074",
        "score 0.26, calibrated at a prevalence of 0.032, without a threshold",
        "score 0.12, threshold 0.30, 95 % interval 0.10 to 0.14: below the threshold, but not below the prevalence of 0.11",
        "score 0.62, threshold 0.30; cardiothoracic ratio 0.62, not reliable (AP film: the heart is magnified; little of"
        " the right lung is seen), but 0.60 or more: the score and the ratio disagree",
        "only 5 positive test films (at least 25 are needed); cardiothoracic ratio 0.52, borderline (above 0.50, up to 0.55)",
        "the test AUROC may be as low as 0.53 (it must exceed 0.6)",
        "the test AUROC may be as low as none (it must exceed 0.6)",
        "The sex was given as female; the file says male.",
        "The file offers 2 windows: the first (\"NORMAL\") is shown.",
        "The file offers 2 VOI LUTs: the first is shown.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", OTHERS)
def test_messages_in_every_language(english, language):
    said = translate(english, language)
    assert said is not None
    assert sorted(re.findall(r"\d+", said)) == sorted(re.findall(r"\d+", english))
    bare = re.sub(TERMS + "|NORMAL", "", said)
    assert not re.search(r"\b(the|film|lung|heart|is|are|and|left|right|not reliable)\b", bare), said
    if language in {"de", "fr", "es"}:
        assert not re.search(r"\d\.\d", said)


def test_what_a_file_said_is_kept_as_it_is():
    said = say('The file says that the body part is "HAND", but the picture is a chest film: check that file and patient belong together.', "fr")  # fmt: skip
    assert '"HAND"' in said


def test_a_message_that_no_table_knows_stays_english():
    assert translate("Something new.", "de") is None
    assert say("Something new.", "de") == "Something new."
    assert translate("AP film: the heart is magnified; something new", "de") is None


def test_english_stays_as_it_is():
    assert say("Anything at all.", "en") == "Anything at all."
    assert say("", "de") == ""


@pytest.mark.parametrize("language", ["../en", "xx", "EN"])
def test_language_is_never_a_path(language):
    with pytest.raises(KeyError):
        load_messages(language)


def test_numbers_of_many_digits_lose_what_would_read_as_a_decimal_sign():
    said = say("The pixel data has 1,234,567 bytes where 1,234,000 are announced: the rest is not shown.", "de")
    assert "1234567" in said
    assert "1234000" in said
