import pytest
from openi_archive import write_archive

from lucidray.domain.errors import InputError
from lucidray.evaluation.openi import coded_labels, half_of, read_reports


@pytest.mark.parametrize(
    ("terms", "present", "doubtful"),
    [
        (["normal"], set(), set()),
        (["Pulmonary Atelectasis/base/left", "Calcified Granuloma/lung"], {"Atelectasis", "Nodule"}, set()),
        (["Cardiomegaly/borderline"], set(), {"Cardiomegaly"}),
        (["Cardiomegaly/borderline", "Cardiac Shadow/enlarged/mild"], {"Cardiomegaly"}, set()),
        (["Cardiac Shadow/prominent", "Thickening/bronchovascular", "Cicatrix"], set(), set()),
        (["Opacity/lung/base/left"], {"Infiltration"}, set()),
        (["Opacity/lung/middle lobe/right/round"], {"Nodule"}, set()),
        (["Thickening/pleura/apex", "Cicatrix/lung/apex"], {"Pleural Thickening", "Fibrosis"}, set()),
        (["Mass/breast/large", "Granuloma/ribs/right"], set(), set()),
        (["Hydropneumothorax/right"], {"Effusion", "Pneumothorax"}, set()),
        (["Pulmonary Disease, Chronic Obstructive"], {"Emphysema"}, set()),
        (["Subcutaneous Emphysema", "Mediastinal Emphysema", "Pericardial Effusion"], set(), set()),
    ],
)
def test_terms_to_findings(terms, present, doubtful):
    assert coded_labels(terms) == (present, doubtful)


def test_reports_are_read_without_indication_and_comparison(tmp_path):
    archive = write_archive(
        tmp_path / "reports.tgz",
        [
            ("CXR1", "Heart is enlarged.", "Cardiomegaly.", ["Cardiomegaly"]),
            ("CXR2", "", "", ["normal"]),
            ("CXR3", "Clear.", "", ["No Indexing"]),
        ],
    )
    (report,) = read_reports(archive)
    assert report.id == "CXR1"
    assert report.text == "FINDINGS: Heart is enlarged.\n\nIMPRESSION: Cardiomegaly."
    assert report.present == {"Cardiomegaly"}


def test_halves_are_stable_and_about_equal():
    halves = [half_of(f"CXR{number}") for number in range(2000)]
    assert 900 < halves.count("held-out") < 1100
    assert half_of("CXR1") == half_of("CXR1")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_no_archive(tmp_path, content):
    path = tmp_path / "reports.tgz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"reports\.tgz"):
        list(read_reports(path))


@pytest.mark.parametrize("raw", [b"<broken", b'<!DOCTYPE a [<!ENTITY b "c">]><eCitation>&b;</eCitation>'])
def test_damaged_report(tmp_path, raw):
    with pytest.raises(InputError):
        list(read_reports(write_archive(tmp_path / "reports.tgz", [], raw=raw)))
