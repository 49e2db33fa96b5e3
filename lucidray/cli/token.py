"""`lucidray token`: who may use a service that others can reach."""

from pathlib import Path

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.cli.store import ACTOR, open_store, store_options


@click.group("token", short_help="Make, list and revoke the service's tokens.")
def command() -> None:
    """Make, list and revoke the service's tokens.

    A reader may send films, see, edit and sign; an admin may also delete and see the audit log.
    """


@command.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["reader", "admin"]), default="reader", show_default=True)
@store_options
@pass_session
def add(session: Session, /, name: str, role: str, database: str | None, folder: Path | None) -> None:
    """Make a token for NAME and print it: it is kept nowhere and cannot be shown again."""
    opened, _ = open_store(session.settings(database=database, folder=folder))
    from lucidray.store import tokens

    secret = tokens.add(opened, name, "admin" if role == "admin" else "reader", ACTOR)
    streams.say(f"a token of the role {role} for {name}; it is shown only once:")
    streams.write(secret)


@command.command("list")
@store_options
@pass_session
def list_all(session: Session, /, database: str | None, folder: Path | None) -> None:
    """List the tokens, without their secrets."""
    opened, _ = open_store(session.settings(database=database, folder=folder))
    from lucidray.store import tokens

    for token in tokens.all_tokens(opened):
        state = f"revoked {token.revoked[:19]}" if token.revoked else "works"
        streams.write(f"{streams.one_line(token.name)}\t{token.role}\tmade {token.created[:19]}\t{state}")


@command.command("revoke")
@click.argument("name")
@store_options
@pass_session
def revoke(session: Session, /, name: str, database: str | None, folder: Path | None) -> None:
    """Make NAME's token worthless, from the next request on."""
    opened, _ = open_store(session.settings(database=database, folder=folder))
    from lucidray.store import tokens

    tokens.revoke(opened, name, ACTOR)
    streams.say(f"the token of {name} is revoked")
