"""An exception as people and programs see it: one line, an exit code, and a traceback only where it was asked for."""

from lucidray.cli import streams
from lucidray.cli.session import Session
from lucidray.domain.errors import LucidrayError


def report(error: Exception, session: Session, place: str = "", name: str = "") -> int:
    """Say on stderr what went wrong, and where, and return the exit code; `name` as in `describe`."""
    if session.debug:
        import traceback

        traceback.print_exception(error)
    streams.fault(f"{place}: {describe(error, name)}" if place else describe(error))
    return exit_code(error)


def exit_code(error: Exception) -> int:
    """Return what the program ends with."""
    return error.exit_code if isinstance(error, LucidrayError) else LucidrayError.exit_code


def describe(error: Exception, name: str = "") -> str:
    """Put an error into words; one that lucidray did not raise on purpose is a fault of lucidray's own.

    Parameters
    ----------
    error : Exception
        What was raised.
    name : str
        Of the film: left out of the words where its place stands before them.
    """
    if isinstance(error, LucidrayError):
        return str(error).removeprefix(f"{name}: ") if name else str(error)
    detail = str(error).split("\n", 1)[0]
    what = f"{type(error).__name__}: {detail}"
    return f"this is a fault of lucidray: {what} (run with --debug to see where, and please report it)"
