"""`lucidray schema`: the JSON schema of a reading."""

import json

import click

from lucidray.cli import streams


@click.command("schema", short_help="Print the JSON schema of a reading.")
def command() -> None:
    """Print the JSON schema of a reading, as `lucidray read --json` writes it."""
    streams.write(reading_schema())


def reading_schema() -> str:
    """Return the schema as text, the same as `docs/reading.schema.json`."""
    from lucidray.domain.reading import Reading

    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Reading.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False)
