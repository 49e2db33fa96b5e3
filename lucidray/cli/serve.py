"""`lucidray serve`: the workstation, for a browser on this machine or, with tokens, on others."""

import os
import sys
import threading
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lucidray.cli import streams
from lucidray.cli.loading import load_engine
from lucidray.cli.model_options import model_options, upscale_option
from lucidray.cli.offered_readers import offered
from lucidray.cli.session import Session, pass_session
from lucidray.cli.store import need_server, store_folder, store_options
from lucidray.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lucidray.domain.protocols import Upscaler
    from lucidray.server.config import ServerConfig
    from lucidray.server.engine import Engine, ReaderChoice
    from lucidray.settings import Settings

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


@click.command("serve", short_help="Start the workstation: worklist, viewer and API (needs lucidray[server]).")
@click.option("--host", metavar="ADDRESS", help="Where to listen; 127.0.0.1 by default. Any other one needs tokens.")
@click.option("--port", type=click.IntRange(0, 65535), help="8000 by default; 0 takes any free one.")
@store_options
@model_options
@upscale_option
@click.option(
    "--reader",
    "readers",
    multiple=True,
    metavar="NAME",
    help="Offer this reader beside the composer; repeatable. Only a reader that is named here can send a film away.",
)
@click.option(
    "--reader-option", multiple=True, metavar="READER.NAME=VALUE", help="An option of one reader; repeatable."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Films that are read at the same time.")
@click.option("--queue", type=click.IntRange(0, 10_000), help="Films that may wait; more are sent away.")
@click.option("--time-limit", type=click.FloatRange(1, 3600), metavar="SECONDS", help="For one film.")
@click.option(
    "--films",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A folder of films for the playground.",
)
@click.option("--require-token", is_flag=True, help="Ask for a token on this machine too, for example behind a proxy.")
@click.option(
    "--allow-host", "allowed_hosts", multiple=True, metavar="NAME", help="A name of this machine; repeatable."
)
@click.option("--show-identity", is_flag=True, default=None, help="Show names and IDs in the worklist.")
@click.option("--open/--no-open", "open_page", default=True, help="Whether to open the page in the browser.")
@pass_session
def command(
    session: Session,
    /,
    *,
    host: str | None,
    port: int | None,
    database: str | None,
    folder: Path | None,
    classifier: str | None,
    localizer: str | None,
    device: str | None,
    calibration: Path | None,
    prevalence: tuple[str, ...],
    upscale: str | None,
    readers: tuple[str, ...],
    reader_option: tuple[str, ...],
    workers: int | None,
    queue: int | None,
    time_limit: float | None,
    films: Path | None,
    require_token: bool,
    allowed_hosts: tuple[str, ...],
    show_identity: bool | None,
    open_page: bool,
) -> None:
    """Start the workstation: worklist, viewer and API (needs lucidray[server]).

    Only this machine can reach it unless --host names another address; then everybody needs a token, which `lucidray
    token add` makes. Ctrl-C ends it; what is not read by then is read when it starts again. Research use only, not for
    clinical diagnosis.
    """
    need_server()
    settings = session.settings(
        host=host,
        port=port,
        database=database,
        folder=folder,
        classifier=classifier,
        localizer=localizer,
        device=device,
        calibration=calibration,
        prevalence=",".join(prevalence) or None,
        upscale=upscale,
        workers=workers,
        queue=queue,
        time_limit=time_limit,
        show_identity=show_identity,
    )
    from lucidray.imaging.limits import Limits
    from lucidray.server import logs, run
    from lucidray.server.app import create_app
    from lucidray.server.config import ServerConfig
    from lucidray.server.service import build

    config = ServerConfig(
        host=settings.host,
        port=settings.port,
        require_token=require_token,
        allowed_hosts=allowed_hosts,
        show_identity=settings.show_identity,
        playground=films,
        limits=Limits(max_pixels=settings.max_pixels, max_bytes=settings.max_bytes),
        language=settings.language,
        fix_orientation=settings.fix_orientation,
        upscale=settings.upscale,
        workers=settings.workers,
        queue=settings.queue,
        time_limit_s=settings.time_limit,
    )
    # The address first: where it is taken, loading the models would be for nothing.
    with run.bind(config) as listener:
        engine = _engine(settings, config, offered(readers, reader_option, settings.device))
        service = build(config, engine, store_folder(settings), settings.database)
        if config.needs_token:
            _need_tokens(service.database)
        logs.set_up()
        address = run.address_of(listener, config)
        streams.say(f"lucidray is at {address} (Ctrl-C ends it); films and readings are in {store_folder(settings)}")
        streams.say("research use only, not for clinical diagnosis")
        if open_page:
            # The socket listens already: the browser waits until the application answers.
            threading.Thread(target=_open, args=(address,), daemon=True).start()
        run.serve(create_app(service), listener)


def _engine(settings: "Settings", config: "ServerConfig", readers: "list[ReaderChoice]") -> "Engine":
    """Load the models that every reading needs, as `read` does, beside the readers that may be asked for."""
    from lucidray.models.upscale_lanczos import LANCZOS
    from lucidray.models.upscalers import EMBEDDED, load_upscaler
    from lucidray.server.engine import Engine

    threads = settings.threads or max(1, (os.cpu_count() or 1) // config.workers)
    models = load_engine(settings, threads=threads).models
    # Files and folders of this machine are opened only where they are named here, never by a client.
    names = dict.fromkeys([LANCZOS, EMBEDDED, *([settings.upscale] if settings.upscale else [])])
    upscalers: dict[str, Callable[[], Upscaler]] = {
        name: partial(load_upscaler, name, settings.device, threads, settings.weights) for name in names
    }
    if settings.upscale and models.upscaler is not None:
        upscalers[settings.upscale] = partial(_same, models.upscaler)
    offered_readers = {reader.name: reader for reader in readers}
    return Engine(
        models.segmenter,
        models.classifier,
        offered_readers,
        config.limits,
        localizer=models.localizer,
        upscalers=upscalers,
    )


def _same(upscaler: "Upscaler") -> "Upscaler":
    return upscaler


def _need_tokens(database: object) -> None:
    from lucidray.store.database import Database
    from lucidray.store.tokens import all_tokens

    assert isinstance(database, Database)  # noqa: S101 - the type is imported late
    if all(token.revoked for token in all_tokens(database)):
        raise UsageError("nobody could use it: make a token first, with lucidray token add NAME --role admin")


def _open(address: str) -> None:
    # Without a display webbrowser starts a text browser, which would take over the terminal.
    if sys.platform in {"win32", "darwin"} or any(os.environ.get(name) for name in _DISPLAYS):
        webbrowser.open(address)
