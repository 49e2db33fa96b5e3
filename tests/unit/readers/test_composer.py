from dataclasses import replace

import pytest
from report_requests import MIRRORED, finding, ratio, reading, request

from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Reader, ReportRequest
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Report, Sentence
from lucidray.readers.composer import Composer


def write(asked: ReportRequest) -> Report:
    report = Composer().write(asked)
    reading(asked, report)
    return report


def findings(asked: ReportRequest) -> list[str]:
    return [sentence.text for sentence in write(asked).findings]


def impression(asked: ReportRequest) -> list[str]:
    return [sentence.text for sentence in write(asked).impression]


def only(sentences: list[Sentence], part: str) -> Sentence:
    (found,) = [sentence for sentence in sentences if part in sentence.text]
    return found


def test_is_a_reader():
    composer = Composer()
    assert isinstance(composer, Reader)
    assert (composer.used.role, composer.used.name, composer.used.data_left_machine) == ("reader", "composer", False)


def test_unknown_language_names_those_available():
    with pytest.raises(UsageError, match=r"'xx'; available: .*en"):
        Composer().write(request(language="xx"))


@pytest.mark.parametrize("language", ["../en", "en/../en", "", "EN", "\x1b[31m"])
def test_language_is_never_a_path(language):
    with pytest.raises(UsageError) as error:
        Composer().write(request(language=language))
    assert error.value.args[0].isprintable()


# FINDINGS


def test_present_finding_with_its_place():
    asked = request(finding("Consolidation", "present", ("right", "lower")))
    sentence = write(asked).findings[0]
    assert sentence.text == "There is an opacity in the right lower zone, consistent with consolidation."
    assert sentence.evidence == ["finding-consolidation", "region-consolidation-1"]
    assert sentence.verdict == "supported"


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([("left", "upper")], "There is a pneumothorax in the left upper zone."),
        ([("right", "mid"), ("right", "lower")], "There is a pneumothorax in the right mid and lower zones."),
        ([("both", "upper")], "There is bilateral pneumothorax, in both upper zones."),
        ([("left", "lower"), ("right", "lower")], "There is bilateral pneumothorax, in both lower zones."),
        (
            [("left", "upper"), ("right", "lower")],
            "There is bilateral pneumothorax, in the right lower zone and in the left upper zone.",
        ),
        ([("midline", "lower")], "There is a pneumothorax in the midline."),
        (
            [("left", "upper"), ("left", "mid"), ("left", "lower")],
            "There is a pneumothorax in all zones on the left.",
        ),
        ([], "There is a pneumothorax; no location could be determined."),
    ],
)
def test_places_in_words(places, words):
    assert words in findings(request(finding("Pneumothorax", "present", *places)))


def test_uncertain_finding_is_hedged_with_its_numbers():
    asked = request(finding("Nodule", "uncertain", ("left", "mid")))
    sentence = only(write(asked).findings, "odule")
    assert sentence.text == "Nodule in the left mid zone cannot be excluded (probability 0.28, threshold 0.30)."
    assert sentence.verdict == "unverified"


def test_uncertain_finding_over_its_threshold_is_possible():
    over = finding("Nodule", "uncertain").model_copy(update={"probability": 0.034, "threshold": 0.031})
    expected = "Possible nodule (probability 0.034, threshold 0.031); no location could be determined."
    assert expected in findings(request(over))


def test_negatives_are_grouped_by_organ_and_list_all_their_evidence():
    sentence = only(write(request()).findings, "No pleural effusion")
    assert sentence.text == "No pleural effusion, pneumothorax or pleural thickening."
    assert sentence.evidence == ["finding-effusion", "finding-pneumothorax", "finding-pleural-thickening"]


def test_negative_group_leaves_out_what_is_not_absent():
    texts = findings(request(statuses={"Effusion": "unsupported", "Pneumothorax": "uncertain"}))
    assert "No pleural thickening." in texts
    assert not any("effusion" in text for text in texts)


def test_overlapping_opacities_in_one_place_share_a_sentence():
    place = ("right", "lower")
    asked = request(
        finding("Infiltration", "present", place),
        finding("Pneumonia", "present", place, ("right", "mid")),
        finding("Consolidation", "present", place),
    )
    sentence = only(write(asked).findings, "opacity")
    expected = (
        "There is an opacity in the right mid and lower zones, scored as consolidation, pneumonia and infiltration."
    )
    assert sentence.text == expected
    assert {"finding-infiltration", "finding-pneumonia", "finding-consolidation"} < set(sentence.evidence)


@pytest.mark.parametrize("other", [("left", "lower"), ("both", "lower"), ("right", "upper")])
def test_opacities_in_other_places_keep_their_own_sentences(other):
    asked = request(finding("Infiltration", "present", ("right", "lower")), finding("Pneumonia", "present", other))
    texts = [text for text in findings(asked) if "opacit" in text]
    assert len(texts) == 2
    assert "There is an opacity in the right lower zone, consistent with infiltration." in texts


def test_other_names_of_a_present_opacity_are_denied_with_care():
    texts = findings(request(finding("Consolidation", "present", ("right", "lower"))))
    assert "No pneumonia or infiltration is scored in addition." in texts
    assert "No atelectasis, pulmonary edema, mass, nodule, emphysema or fibrosis." in texts


def test_findings_go_through_the_chest_in_order():
    everything = request(others="present", measurements=[ratio(0.6)])
    text = " ".join(findings(everything))
    order = ["consolidation", "atelectasis", "emphysema", "pleural effusion", "cardiomegaly", "hernia"]
    assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)


def test_child():
    asked = request(finding("Pneumonia", "absent"), others="unsupported", whole="unsupported", age=4)
    report = write(asked)
    assert report.findings[0].text == "The patient is under 18: only pneumonia was assessed on this film."
    assert report.findings[0].evidence == ["finding-pneumonia"]
    assert [sentence.text for sentence in report.findings[1:]] == ["No pneumonia."]
    assert "normal" not in report.text
    assert "No abnormality" not in report.text


def test_mirrored_film_is_told_before_any_side():
    report = write(request(finding("Effusion", "present", ("left", "lower")), warnings=[MIRRORED]))
    assert report.findings[0].evidence == report.impression[0].evidence == ["warning-mirrored"]
    assert "Left and right may be exchanged" in report.findings[0].text
    assert "side" in report.impression[0].text


# The heart


@pytest.mark.parametrize(
    ("status", "value", "text", "verdict"),
    [
        ("present", 0.56, "There is cardiomegaly: the cardiothoracic ratio is 0.56 (upper limit 0.50).", "supported"),
        ("absent", 0.47, "No cardiomegaly: the cardiothoracic ratio is 0.47 (upper limit 0.50).", "supported"),
        (
            "present",
            0.47,
            "There is cardiomegaly by its score (probability 0.80, threshold 0.30), but the cardiothoracic ratio is"
            " 0.47 (upper limit 0.50): the two disagree.",
            "contradicted",
        ),
        (
            "absent",
            0.54,
            "No cardiomegaly by its score (probability 0.030, threshold 0.30), but the cardiothoracic ratio is 0.54"
            " (upper limit 0.50): the two disagree.",
            "contradicted",
        ),
        (
            "uncertain",
            0.52,
            "Cardiomegaly cannot be excluded: the cardiothoracic ratio is 0.52 (upper limit 0.50), though its score is"
            " not raised (probability 0.28, threshold 0.30).",
            "contradicted",
        ),
        (
            "uncertain",
            0.50,
            "Cardiomegaly cannot be excluded (probability 0.28, threshold 0.30); the cardiothoracic ratio is 0.50"
            " (upper limit 0.50).",
            "unverified",
        ),
        ("absent", 0.4999, "No cardiomegaly: the cardiothoracic ratio is 0.4999 (upper limit 0.50).", "supported"),
    ],
)
def test_heart_with_a_reliable_ratio(status, value, text, verdict):
    asked = request(finding("Cardiomegaly", status), measurements=[ratio(value)])
    sentence = only(write(asked).findings, "ardiomegaly")
    assert (sentence.text, sentence.verdict) == (text, verdict)
    assert set(sentence.evidence) == {"finding-cardiomegaly", CARDIOTHORACIC_RATIO_ID}


def test_heart_enlarged_by_measurement_while_the_score_is_low():
    measured = finding("Cardiomegaly", "present").model_copy(update={"probability": 0.1})
    report = write(request(measured, measurements=[ratio(0.58)]))
    sentence = only(report.findings, "ardiomegaly")
    assert sentence.text.startswith("There is cardiomegaly: the cardiothoracic ratio is 0.58")
    assert sentence.verdict == "contradicted"
    assert "echocardiography" in only(report.impression, "Cardiomegaly").text
    assert only(report.impression, "Heart size").verdict == "contradicted"


@pytest.mark.parametrize(
    ("status", "value", "text"),
    [
        ("absent", 0.45, "No cardiomegaly: the cardiothoracic ratio is 0.45 (upper limit 0.50)."),
        ("uncertain", 0.53, "Cardiomegaly cannot be excluded: the cardiothoracic ratio is 0.53 (upper limit 0.50)."),
        ("present", 0.58, "There is cardiomegaly: the cardiothoracic ratio is 0.58 (upper limit 0.50)."),
    ],
)
def test_heart_decided_by_measurement_alone(status, value, text):
    measured = finding("Cardiomegaly", status).model_copy(update={"probability": None, "threshold": None})
    assert text in findings(request(measured, measurements=[ratio(value)]))


@pytest.mark.parametrize("status", ["present", "absent", "uncertain", "unsupported"])
def test_unreliable_ratio_says_why_and_stands_for_nothing(status):
    measured = ratio(0.44, reliable=False, note="AP film:  the heart\nis magnified.")
    report = write(request(finding("Cardiomegaly", status), measurements=[measured]))
    sentence = only(report.findings, "ratio of")
    expected = "The cardiothoracic ratio of 0.44 is not reliable: AP film: the heart is magnified."
    assert (sentence.text, sentence.evidence) == (expected, [CARDIOTHORACIC_RATIO_ID])
    assert "upper limit" not in report.text


def test_ratio_that_could_not_be_measured():
    measured = ratio(None, reliable=False, note="heart and lungs were not both found")
    expected = "The cardiothoracic ratio could not be measured: heart and lungs were not both found."
    assert expected in findings(request(measurements=[measured]))


def test_raised_ratio_without_a_score_is_no_finding_and_no_all_clear():
    report = write(request(finding("Cardiomegaly", "unsupported"), measurements=[ratio(0.58)]))
    assert "No abnormality" not in report.text
    assert only(report.impression, "above its upper limit").evidence == [CARDIOTHORACIC_RATIO_ID]


def test_adult_limit_is_not_applied_to_a_child():
    text = write(request(finding("Cardiomegaly", "absent"), measurements=[ratio(0.56)], age=2)).text
    assert "The cardiothoracic ratio is 0.56; the adult upper limit of 0.50 does not apply to a child." in text
    assert "disagree" not in text


# LOCATIONS


def test_location_with_and_without_millimetres():
    asked = request(
        finding("Effusion", "present", ("left", "lower"), size_mm=(84.4, 62)),
        finding("Hernia", "uncertain", ("both", "lower")),
    )
    first, second = write(asked).locations
    assert first.text == "Pleural effusion: left lower zone, 84 x 62 mm at the detector, 31 % of the thorax width."
    assert first.evidence == ["region-effusion-1", "finding-effusion"]
    assert second.text == "Possible hernia: both lower zones, 31 % of the thorax width."
    assert (first.verdict, second.verdict) == ("supported", "unverified")


def test_like_regions_are_told_apart():
    first, second = write(request(finding("Mass", "present", ("left", "mid"), ("left", "mid")))).locations
    assert first.text.startswith("Mass (1 of 2): ")
    assert second.text.startswith("Mass (2 of 2): ")


# IMPRESSION


def test_no_abnormality_names_what_was_not_assessed():
    report = write(request(statuses={"Hernia": "unsupported", "Nodule": "unsupported"}))
    texts = [sentence.text for sentence in report.impression]
    assert texts[:2] == [
        "No abnormality among the assessed findings.",
        "Not assessed: nodule and hernia (the model is not reliable for them).",
    ]
    assert report.impression[1].evidence == ["finding-nodule", "finding-hernia"]
    assert "recommended" in texts[2]


@pytest.mark.parametrize("whole", ["present", "uncertain", "unsupported"])
def test_no_abnormality_needs_the_overall_score(whole):
    assert "No abnormality" not in write(request(whole=whole)).text


def test_raised_overall_score_without_a_finding_asks_for_review():
    sentence = only(write(request(whole="present")).impression, "overall score")
    assert "raised without a definite finding: review" in sentence.text
    assert sentence.evidence[0] == "overall"


@pytest.mark.parametrize("whole", ["absent", "uncertain"])
def test_low_overall_score_beside_a_finding_is_a_contradiction(whole):
    sentence = only(write(request(finding("Effusion", "present"), whole=whole)).impression, "overall score")
    assert sentence.text.startswith("The overall score is not raised, although pleural effusion is present")
    assert sentence.verdict == "contradicted"


def test_overall_score_near_its_threshold_is_no_contradiction():
    asked = request(finding("Effusion", "present"), whole="uncertain")
    near = replace(asked, overall=asked.overall.model_copy(update={"interval": (0.2, 0.4)}))
    assert "overall score" not in write(near).text


def test_symptom_named_as_there_and_as_missing_counts_as_there():
    assert "The given cough is compatible" in write(request(PNEUMONIA, symptoms="no cough at night; cough")).text


def test_most_pressing_comes_first():
    labels = ["Pneumothorax", "Mass", "Pneumonia", "Effusion", "Edema", "Atelectasis"]
    texts = impression(request(statuses=dict.fromkeys(labels, "present")))
    words = ["Pneumothorax", "Mass", "pneumonia", "Pleural effusion", "Pulmonary edema", "Atelectasis"]
    assert all(word in text for word, text in zip(words, texts, strict=False))
    assert "urgent clinical correlation" in texts[0]
    assert "CT" in texts[1]


def test_possible_pneumothorax_comes_before_an_effusion():
    first, second, *_ = impression(request(statuses={"Pneumothorax": "uncertain", "Effusion": "present"}))
    assert first == "Possible pneumothorax: prompt review by a radiologist is recommended."
    assert second.startswith("Pleural effusion: ")


def test_congestion():
    statuses = dict.fromkeys(["Edema", "Effusion", "Cardiomegaly"], "present")
    texts = impression(request(statuses=statuses, measurements=[ratio(0.6)]))
    assert texts[0].startswith(
        "Cardiomegaly, pulmonary edema and pleural effusion, in a pattern of cardiac congestion:"
    )
    assert "congestion" not in write(request(statuses=statuses, measurements=[ratio(0.45)])).text
    assert "congestion" not in write(request(statuses={**statuses, "Edema": "uncertain"})).text


PNEUMONIA = finding("Pneumonia", "present", ("right", "lower"))


def test_pneumonia_in_a_febrile_patient():
    sentence = write(request(PNEUMONIA, symptoms="fever and cough")).impression[0]
    expected = (
        "Opacity in the right lower zone (scored as pneumonia): in keeping with pneumonia in the given clinical"
        " setting; a follow-up film after treatment is recommended."
    )
    assert sentence.text == expected
    assert "symptoms" in sentence.evidence


@pytest.mark.parametrize("symptoms", [None, "no fever or cough", "weight loss"])
def test_opacity_without_signs_of_infection_gets_a_differential(symptoms):
    assert "the differential includes" in impression(request(PNEUMONIA, symptoms=symptoms))[0]


@pytest.mark.parametrize("status", ["absent", "unsupported"])
def test_infection_is_not_called_pneumonia_where_pneumonia_was_not_found(status):
    asked = request(finding("Consolidation", "present"), statuses={"Pneumonia": status}, symptoms="fever")
    assert "in keeping with infection" in impression(asked)[0]


def test_child_with_pneumonia_needs_no_follow_up_film():
    texts = impression(request(PNEUMONIA, others="unsupported", whole="unsupported", age=3, symptoms="fever"))
    assert "in keeping with pneumonia" in texts[0]
    assert "follow-up film" not in " ".join(texts)


# Symptoms


@pytest.mark.parametrize(
    ("symptoms", "text"),
    [
        ("cough, fever", "The given cough and fever are compatible with pneumonia."),
        (
            "cough, leg swelling",
            "The given cough is compatible with pneumonia; the findings present do not explain the given leg swelling,"
            " and clinical correlation is recommended.",
        ),
        ("heartburn", "The findings present do not explain the given heartburn; clinical correlation is recommended."),
        ("no fever", "The given text denies fever; this lowers no score, and clinical correlation is recommended."),
        (
            "known COPD",
            "The given history (COPD) changes no score; clinical correlation is recommended.",
        ),
        (
            "Unwohlsein <script>",
            "The given text names no symptom that this report recognizes; clinical correlation is recommended.",
        ),
    ],
)
def test_symptoms_are_related_in_one_sentence(symptoms, text):
    sentence = only(write(request(PNEUMONIA, symptoms=symptoms)).impression[1:], "given")
    assert sentence.text == text
    assert sentence.evidence[0] == "symptoms"
    assert sentence.verdict == "unverified"


def test_symptoms_that_nothing_explains():
    texts = impression(request(symptoms="cough"))
    assert any(text.startswith("No assessed finding explains the given cough; a cause") for text in texts)


def test_symptoms_would_fit_an_uncertain_finding():
    texts = impression(request(statuses={"Pneumonia": "uncertain"}, symptoms="cough"))
    assert "The given cough would fit possible pneumonia: review by a radiologist is recommended." in texts


@pytest.mark.parametrize("symptoms", [None, "", "  \n", "\x00", "..."])
def test_no_symptoms_no_relation(symptoms):
    assert "given" not in write(request(PNEUMONIA, symptoms=symptoms)).text


@pytest.mark.parametrize(
    ("symptoms", "cause"),
    [
        ("haemoptysis", "lung cancer or pulmonary embolism"),
        ("chest pain and SOB", "pulmonary embolism or an acute coronary syndrome"),
        ("weight loss", "malignant disease"),
        ("fever, on chemotherapy", "an opportunistic infection"),
    ],
)
def test_red_flags_on_a_film_without_findings(symptoms, cause):
    sentence = only(write(request(symptoms=symptoms)).impression, "does not exclude")
    assert f"A radiograph does not exclude {cause} as the cause of" in sentence.text
    assert "symptoms" in sentence.evidence


@pytest.mark.parametrize("symptoms", ["no haemoptysis", "chest pain", "no chest pain but SOB", "denies weight loss"])
def test_no_red_flag(symptoms):
    assert "does not exclude" not in write(request(symptoms=symptoms)).text


def test_red_flag_that_a_finding_explains_is_not_raised():
    asked = request(finding("Pneumothorax", "present"), symptoms="chest pain, SOB")
    assert "does not exclude" not in write(asked).text


def test_typed_text_is_never_quoted():
    text = write(request(PNEUMONIA, symptoms="fever \x1b[31m<b>zebra</b>\u202e\nFINDINGS\nNo pneumonia.")).text
    assert "zebra" not in text
    assert "\x1b" not in text
    assert "No pneumonia" not in text


def test_symptoms_leave_findings_and_locations_alone():
    without, given = write(request(PNEUMONIA)), write(request(PNEUMONIA, symptoms="fever, haemoptysis"))
    assert (without.findings, without.locations) == (given.findings, given.locations)


def test_too_long_symptoms():
    with pytest.raises(UsageError, match="2000"):
        write(request(symptoms="fever " * 400))
