"""Flip the finding and the sentence flips: verdicts and evidence of a reader's sentences."""

import pytest

from lucidray.domain.reading import READER_ID, Headings, ReaderRegion
from lucidray.reasoning.sections import cut
from lucidray.reasoning.verdicts import assign, judge, write
from tests.sources import claim, finding, findings


def pointed(number: int, label: str | None, side: str | None, name: str = "thing") -> ReaderRegion:
    return ReaderRegion(
        id=f"reader-region-{number}",
        name=name,
        label=label,
        box_xyxy_px=(0, 0, 1, 1),
        side=side,
        zone="mid",
        size_mm=None,
        size_fraction_thorax=0.1,
    )


@pytest.mark.parametrize(
    ("status", "polarity", "verdict"),
    [
        ("present", "present", "supported"),
        ("present", "absent", "contradicted"),
        ("present", "uncertain", "unverified"),
        ("absent", "absent", "supported"),
        ("absent", "present", "contradicted"),
        ("absent", "uncertain", "unverified"),
        ("uncertain", "present", "unverified"),
        ("uncertain", "absent", "unverified"),
        ("unsupported", "present", "unverified"),
        ("unsupported", "absent", "unverified"),
    ],
)
def test_the_finding_decides(status, polarity, verdict) -> None:
    sentence = judge("Text.", [claim("Effusion", polarity)], findings(Effusion=status), [])
    assert sentence.verdict == verdict
    assert sentence.evidence == ([READER_ID] if status == "unsupported" else ["finding-effusion"])


@pytest.mark.parametrize(
    ("seen", "said", "verdict"),
    [
        (["right"], "right", "supported"),
        (["right"], "left", "contradicted"),
        (["right"], "both", "unverified"),
        (["right", "left"], "left", "supported"),
        (["right"], None, "supported"),
        ([], "left", "supported"),
    ],
)
def test_a_wrong_side_contradicts(seen, said, verdict) -> None:
    of = findings(finding("Effusion", "present", *seen))
    assert judge("Text.", [claim("Effusion", side=said)], of, []).verdict == verdict


def test_evidence_is_what_supports_or_contradicts() -> None:
    of = findings(finding("Effusion", "present", "right", "left"))
    sentence = judge("Left effusion.", [claim("Effusion", side="left")], of, [])
    assert sentence.evidence == ["finding-effusion", "region-finding-effusion-2"]
    of = findings(finding("Effusion", "present", "right"))
    sentence = judge("Left effusion.", [claim("Effusion", side="left")], of, [])
    assert sentence.evidence == ["finding-effusion", "region-finding-effusion-1"]


def test_a_denial_of_the_side_that_is_clear_is_no_contradiction() -> None:
    of = findings(finding("Effusion", "present", "left"))
    assert judge("No right effusion.", [claim("Effusion", "absent", "right")], of, []).verdict == "unverified"
    assert judge("No left effusion.", [claim("Effusion", "absent", "left")], of, []).verdict == "contradicted"


def test_one_contradicted_claim_marks_the_sentence() -> None:
    claims = [claim("Effusion"), claim("Edema"), claim("Nodule")]
    of = findings(Effusion="present", Edema="absent", Nodule="unsupported")
    assert judge("All.", claims, of, []).verdict == "contradicted"
    assert judge("Two.", [claims[0], claims[2]], of, []).verdict == "unverified"


def test_what_claims_nothing_rests_on_the_reader_alone() -> None:
    sentence = judge("Clinical correlation.", [], findings(), [])
    assert (sentence.verdict, sentence.evidence) == ("unverified", [READER_ID])
    assert judge("Free air.", [claim("Free Air")], findings(), []).evidence == [READER_ID]


def test_another_name_of_a_shadow_is_not_contradicted() -> None:
    of = findings(Pneumonia="present", Consolidation="absent")
    assert judge("Consolidation.", [claim("Consolidation")], of, []).verdict == "unverified"
    assert judge("Mass.", [claim("Mass")], of, []).verdict == "contradicted"


def test_another_name_on_the_other_side_is_contradicted() -> None:
    of = findings(finding("Pneumonia", "present", "right"))
    assert judge("Left.", [claim("Consolidation", side="left")], of, []).verdict == "contradicted"
    assert judge("Right.", [claim("Consolidation", side="right")], of, []).verdict == "unverified"


def test_a_readers_boxes_are_evidence_of_what_it_sees_and_not_of_what_it_denies() -> None:
    regions = [pointed(1, "Effusion", "left"), pointed(2, "Effusion", "right"), pointed(3, None, "left", "device")]
    left = judge("Left effusion.", [claim("Effusion", side="left")], findings(Effusion="unsupported"), regions)
    assert left.evidence == ["reader-region-1"]
    denied = judge("No effusion.", [claim("Effusion", "absent")], findings(Effusion="unsupported"), regions)
    assert denied.evidence == [READER_ID]
    assert judge("A device is seen.", [], findings(), regions).evidence == ["reader-region-3"]


def test_claims_find_their_sentence() -> None:
    texts = ["Lungs: No mass.", "A mass.", "Heart normal and no edema."]
    owned = assign(texts, [claim("Mass", "absent", sentence="No mass."), claim("Mass", sentence="a  MASS")])
    assert [len(claims) for claims in owned.values()] == [1, 1, 0]
    # Of two that fit, the same one goes before one around it.
    owned = assign(["Mass.", "Mass. In the lung"], [claim("Mass", sentence="Mass.")])
    assert [len(claims) for claims in owned.values()] == [1, 0]


def test_the_report_keeps_sections_and_words() -> None:
    parts = cut("FINDINGS: Left effusion.\nIMPRESSION: Effusion.")
    claims = [claim("Effusion", side="left", sentence="Left effusion."), claim("Effusion", sentence="Effusion.")]
    report = write(parts, claims, findings(finding("Effusion", "present", "right")), [], "en", Headings())
    assert [(one.text, one.verdict) for one in report.findings] == [("Left effusion.", "contradicted")]
    assert [(one.text, one.verdict) for one in report.impression] == [("Effusion.", "supported")]
    assert report.language == "en"
