import numpy as np
import pytest

from lucidray.domain.box import Box
from lucidray.domain.claim import Claim
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.draws import Draws
from lucidray.evaluation.report_claims import matched_iou, score_claims
from lucidray.evaluation.said import FIVE, SILENT, Said, from_claims, from_labels


def claim(label, polarity="present", side=None, zone=None) -> Claim:
    return Claim(label=label, polarity=polarity, side=side, zone=zone, sentence="s")


def alone(count: int) -> Draws:
    return Draws([str(row) for row in range(count)], times=200)


def random_said(rng, count, share=0.3):
    said = []
    for _ in range(count):
        polarity = {}
        for label in LABELS:
            draw = rng.random()
            if draw < share:
                polarity[label] = "present"
            elif draw < share + 0.1:
                polarity[label] = "uncertain"
            elif draw < share + 0.2:
                polarity[label] = "absent"
        said.append(Said(polarity))
    return said


@pytest.mark.extra
@pytest.mark.parametrize("uncertain", ["absent", "present"])
def test_f1_as_scikit_learn_has_it(uncertain) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    said, truth = random_said(rng, 60), random_said(rng, 60)
    positive = {"present"} | ({"uncertain"} if uncertain == "present" else set())

    def matrix(ones):
        return np.array([[one.polarity.get(label) in positive for label in LABELS] for one in ones])

    scores = score_claims(said, truth, alone(60), uncertain)
    for name, labels in (("14", LABELS), ("5", FIVE)):
        columns = [LABELS.index(label) for label in labels]
        for average in ("micro", "macro"):
            wanted = metrics.f1_score(matrix(truth)[:, columns], matrix(said)[:, columns], average=average)
            assert scores.figures[f"f1_{average}_{name}"].value == pytest.approx(wanted)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(matrix(truth), matrix(said))
    for column, label in enumerate(LABELS):
        found = scores.findings[label]
        assert (found.precision, found.recall, found.f1.value) == pytest.approx(
            (precision[column], recall[column], f1[column])
        )


def test_a_negation_is_no_mention_and_a_denial_is_counted() -> None:
    truth = [from_claims([claim("Pneumothorax")], "x"), from_claims([claim("Pneumothorax")], "x"), SILENT]
    said = [from_claims([claim("Pneumothorax", "absent")], "x"), SILENT, SILENT]
    found = score_claims(said, truth, alone(3), "absent").findings["Pneumothorax"]
    assert (found.true_positive, found.false_negative, found.denied, found.true_negative) == (0, 2, 1, 1)
    assert found.f1.value == 0


def test_what_is_unknown_is_not_counted() -> None:
    truth = [from_labels({"Effusion": "present"}), from_labels({"Effusion": "absent", "Mass": "uncertain"})]
    said = [from_claims([claim("Effusion"), claim("Mass")], "x"), from_claims([claim("Mass")], "x")]
    absent = score_claims(said, truth, alone(2), "absent")
    assert absent.figures["f1_micro_14"].n == 3
    assert absent.findings["Mass"].false_positive == 1
    assert absent.figures["f1_micro_14"].value == pytest.approx(2 / 3)
    ignored = score_claims(said, truth, alone(2), "ignore")
    assert ignored.figures["f1_micro_14"].value == 1
    assert score_claims(said, truth, alone(2), "present").findings["Mass"].true_positive == 1


def test_no_positive_reference_no_f1() -> None:
    scores = score_claims([SILENT], [from_labels({"Effusion": "absent"})], alone(1), "absent")
    assert scores.figures["f1_micro_14"] is None
    assert scores.findings["Effusion"].f1 is None
    assert scores.findings["Effusion"].true_negative == 1


def test_sides_and_zones_are_compared_where_both_name_them() -> None:
    truth = [
        from_claims([claim("Effusion", side="left", zone="lower")], "x"),
        from_claims([claim("Effusion", side="left"), claim("Effusion", side="right")], "x"),
        from_claims([claim("Effusion", side="right")], "x"),
        from_claims([claim("Effusion")], "x"),
    ]
    said = [
        from_claims([claim("Effusion", side="right", zone="lower")], "x"),
        from_claims([claim("Effusion", side="both")], "x"),
        from_claims([claim("Effusion", side="both", zone="upper")], "x"),
        from_claims([claim("Effusion", side="left")], "x"),
    ]
    figures = score_claims(said, truth, alone(4), "absent").figures
    assert (figures["side_agreement"].value, figures["side_agreement"].n) == (pytest.approx(1 / 3), 3)
    assert figures["side_swapped"].value == pytest.approx(1 / 3)
    assert (figures["zone_agreement"].value, figures["zone_agreement"].n) == (1, 1)
    silent = score_claims([SILENT], [SILENT], alone(1), "absent").figures
    assert silent["side_agreement"] is None


def test_the_graver_of_two_claims_holds() -> None:
    for order in (1, -1):
        claims = [claim("Effusion", "absent", side="left"), claim("Effusion", side="right")][::order]
        said = from_claims(claims, "x")
        assert said.polarity["Effusion"] == "present"
        assert said.sides["Effusion"] == {"right"}
    assert from_claims([claim("Mass", "absent"), claim("Mass", "uncertain")], "x").polarity["Mass"] == "uncertain"
    assert from_claims([claim("Free Air")], "x").polarity == {}


def test_boxes_are_paired_one_to_one() -> None:
    truth = (Box(0, 0, 10, 10), Box(100, 100, 110, 110))
    assert matched_iou((Box(0, 0, 10, 10), Box(1, 1, 10, 10)), truth) == [1.0]
    assert matched_iou((Box(0, 0, 10, 5), Box(100, 100, 110, 110)), truth) == [1.0, 0.5]
    said = [Said({"Mass": "present"}, boxes={"Mass": (Box(0, 0, 10, 5), Box(50, 50, 60, 60), Box(200, 200, 210, 210))})]
    reference = [Said({"Mass": "present"}, boxes={"Mass": truth, "Nodule": truth})]
    figures = score_claims(said, reference, alone(1), "absent").figures
    assert (figures["box_iou"].value, figures["box_iou"].n) == (pytest.approx(0.5 / 3), 3)
    assert figures["box_hits_iou_50"].value == pytest.approx(1 / 3)


def test_draws_are_decided_by_the_seed_and_keep_patients_together() -> None:
    rng = np.random.default_rng(0)
    said, truth = random_said(rng, 40), random_said(rng, 40)
    patients = [str(row // 4) for row in range(40)]
    one, two, other = (
        score_claims(said, truth, Draws(patients, 300, seed), "absent").figures["f1_micro_14"].figure
        for seed in (1, 1, 2)
    )
    assert one == two
    assert (one.low, one.high) != (other.low, other.high)
    assert one.value == other.value
    # Four copies of each film of one patient tell no more than one.
    single = score_claims(said[:10], truth[:10], Draws([str(row) for row in range(10)], 300, 1), "absent")
    fourfold = score_claims(said[:10] * 4, truth[:10] * 4, Draws([str(row) for row in range(10)] * 4, 300, 1), "absent")
    a, b = single.figures["f1_micro_14"].figure, fourfold.figures["f1_micro_14"].figure
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))
    assert one.low < one.value < one.high
