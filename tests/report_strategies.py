"""Films of every kind for a reader to write about."""

from hypothesis import strategies as st
from report_requests import MIRRORED, finding, ratio, request

from lucidray.domain.protocols import ReportRequest
from lucidray.domain.vocabulary import LABELS

STATUSES = ["present", "absent", "uncertain", "unsupported"]
PLACES = st.lists(
    st.tuples(st.sampled_from(["left", "right", "both", "midline"]), st.sampled_from(["upper", "mid", "lower"])),
    max_size=3,
)
SIZES = st.none() | st.tuples(st.floats(0.1, 400), st.floats(0.1, 400))
SYMPTOMS = (
    st.none()
    | st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "no",
                "fever",
                "cough",
                "haemoptysis",
                "chest pain",
                "SOB",
                "weight loss",
                "known COPD",
                ",",
                "and",
                "but",
                "\n",
                "denies",
                "for 5 days",
                "trauma",
                "immunosuppressed",
                "leg swelling",
                "heartburn",
                "LOC",
                "zzz",
                "\x1b[0m",
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
RATIOS = st.none() | st.builds(
    ratio,
    st.none() | st.floats(0.2, 0.9),
    reliable=st.booleans(),
    note=st.sampled_from(["", "AP film", "  odd \n note. "]),
)


@st.composite
def requests(draw: st.DrawFn, language: str = "en") -> ReportRequest:
    # Many findings of one status are rare in independent draws, and the interesting ones.
    usual = draw(st.sampled_from(STATUSES))
    findings = []
    for label in LABELS:
        status = draw(st.just(usual) | st.sampled_from(STATUSES))
        findings.append(finding(label, status, *draw(PLACES), size_mm=draw(SIZES)))
    measured = draw(RATIOS)
    return request(
        *findings,
        language=language,
        whole=draw(st.sampled_from(STATUSES)),
        measurements=[measured] if measured else [],
        symptoms=draw(SYMPTOMS),
        age=draw(st.sampled_from([None, 4.0, 50.0])),
        warnings=[MIRRORED] if draw(st.booleans()) else [],
    )
