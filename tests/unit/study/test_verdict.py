import pytest

from lucidray.reasoning.claims import extract_claims
from lucidray.study.verdict import Verdict, from_claims, right


@pytest.mark.parametrize(
    ("text", "said", "stands_in"),
    [
        ("Right lower lobe pneumonia.", "present", False),
        ("No evidence of pneumonia.", "absent", False),
        ("Pneumonia cannot be excluded.", "undecided", False),
        ("Consolidation in the left lower zone.", "present", True),
        ("Possible infiltrate on the right.", "undecided", True),
        ("No consolidation. The heart is normal.", "absent", True),
        ("The lungs are clear.", "absent", False),
        ("There is a small pleural effusion.", "silent", False),
        ("", "silent", False),
        # The finding's own word goes before others for the same shadow.
        ("Consolidation on the right, but no pneumonia.", "absent", False),
        ("No consolidation on the left. Infiltrate on the right.", "present", True),
        ("Indication: pneumonia?\n\nFindings: The lungs are clear.", "absent", False),
    ],
)
def test_claims_decide_and_not_phrases(text: str, said: str, stands_in: bool) -> None:
    assert from_claims(extract_claims(text), "Pneumonia") == Verdict(said, stands_in)


def test_no_other_word_stands_in_for_a_finding_of_its_own() -> None:
    assert from_claims(extract_claims("Consolidation."), "Effusion") == Verdict("silent")


def test_only_a_decision_can_be_right() -> None:
    assert right("present", truth=True)
    assert right("absent", truth=False)
    for truth in (True, False):
        for said in ("undecided", "silent", "refused", "failed"):
            assert not right(said, truth=truth)
    assert not right("present", truth=False)
    assert not right("absent", truth=True)
