import json
from pathlib import Path

import jsonschema

ROOT = Path(__file__).parents[3]


def test_the_schema_in_the_docs_is_the_one_that_is_printed(run) -> None:
    result = run("schema")
    assert result.code == 0
    assert (ROOT / "docs" / "reading.schema.json").read_text(encoding="utf-8") == result.out, "run: make schema"


def test_it_is_a_schema(run) -> None:
    schema = json.loads(run("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "findings" in schema["required"]
