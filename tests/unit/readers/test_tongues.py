"""Which language a report is in: whole reports, terse ones, mixed ones, and what is too short to tell."""

import pytest

from lucidray.domain.errors import UsageError
from lucidray.readers.tongues import NAMES, name_of, tell

REPORTS = {
    "en": [
        "The lungs are clear. The heart is not enlarged. There is no pleural effusion or pneumothorax.",
        "FINDINGS: Heart size normal. Lungs clear. No effusion.\nIMPRESSION: Normal chest.",
        "Both lungs are well expanded without focal consolidation. Mild cardiomegaly.",
    ],
    "fr": [
        "Les poumons sont clairs. Le cœur n'est pas élargi. Il n'y a pas d'épanchement pleural ni de pneumothorax.",
        "Pas d'épanchement pleural. Silhouette cardiaque de taille normale. Absence de foyer dans les poumons.",
        "Opacité de la base droite, en faveur d'une pneumonie. Le médiastin est sans particularité.",
    ],
    "es": [
        "Los pulmones están claros. El corazón no está aumentado de tamaño. No hay derrame pleural ni neumotórax.",
        "Sin derrame pleural. Silueta cardíaca de tamaño normal. No se observan consolidaciones en los pulmones.",
        "Opacidad en la base derecha, compatible con neumonía. El mediastino es normal.",
    ],
    "de": [
        "Die Lungen sind frei. Das Herz ist nicht vergrößert. Kein Pleuraerguss und kein Pneumothorax.",
        "Kein Nachweis eines Pleuraergusses. Herzgröße normal. Keine Infiltrate in beiden Lungen.",
        "Verschattung im rechten Unterfeld, vereinbar mit einer Pneumonie. Das Mediastinum ist unauffällig.",
    ],
    "ar": [
        "الرئتان صافيتان. القلب ليس متضخما. لا يوجد انصباب جنبي ولا استرواح صدري.",
        "لا يوجد انصباب. حجم القلب طبيعي (CTR 0.45). صورة صدر طبيعية.",
    ],
    "zh": [
        "双肺野清晰，心影不大，未见胸腔积液或气胸。",
        "两肺纹理清晰。心胸比约 0.48 (CTR)。未见胸腔积液。",
    ],
}


@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in REPORTS.items() for text in texts])
def test_each_language_is_told(language: str, text: str) -> None:
    assert tell(text).language == language
    assert tell(text).foreign == ()


def test_every_language_that_is_promised_is_tested() -> None:
    assert set(REPORTS) == set(NAMES)


@pytest.mark.parametrize("text", ["", "12 34", "OK", "Pneumothorax.", "...", "СЕРДЦЕ не увеличено, лёгкие чистые"])
def test_what_cannot_be_told_is_not_guessed(text: str) -> None:
    assert tell(text).language is None


def test_a_foreign_sentence_is_noticed() -> None:
    text = " ".join(REPORTS["fr"][:2]) + " There is no evidence of a pneumothorax on this film."
    assert tell(text).language == "fr"
    assert tell(text).foreign == ("en",)
    assert tell(REPORTS["zh"][0] * 3 + "There is no evidence of pneumothorax.").foreign == ("en",)


def test_names_are_asked_for_in_english() -> None:
    assert name_of("ar") == "Arabic"
    with pytest.raises(UsageError, match="en, ar, fr, es, zh, de"):
        name_of("it")
