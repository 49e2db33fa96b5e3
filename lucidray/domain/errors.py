"""Everything that lucidray raises on purpose.

    LucidrayError
    ├── UsageError            a wrong option, setting or argument                       exit 2, HTTP 400
    ├── InputError            the file cannot be read as a film                         exit 4, HTTP 415
    │   └── UnsupportedError  it can be read, but it is not a film that lucidray takes  exit 4, HTTP 415
    ├── ModelError            weights are missing, damaged or do not fit                exit 5, HTTP 503
    │   ├── MissingExtraError an optional dependency is not installed                   exit 5, HTTP 503
    │   └── ReaderError       a reader gave no usable answer                            exit 5, HTTP 503
    │       ├── WeightsError  weights are not here, gated, incomplete or of another kind
    │       ├── OutOfMemoryError   the model, or its answer, does not fit into memory
    │       ├── ReaderTimeoutError it took longer than allowed                          exit 5, HTTP 504
    │       ├── ServerError   a server cannot be reached, refuses, or answers nonsense  exit 5, HTTP 502
    │       └── AnswerError   the text is empty, loops, breaks off or is in another language
    ├── NotFoundError         there is no such reading, film or picture                 exit 2, HTTP 404
    ├── ConflictError         somebody else changed it meanwhile, or its state forbids  exit 1, HTTP 409
    └── OutputError           a result cannot be written                                exit 1, HTTP 500
        └── StoreBusyError    the store's database is held by others for too long       exit 1, HTTP 503

A refused film is no error: it is a `Reading` with `accepted` false (exit 3, HTTP 422). Anything else that escapes is
our fault (exit 1, HTTP 500). A message is one line, says what is wrong and, where there is a cure, what to do.
"""


class LucidrayError(Exception):
    """Root of the tree; `exit_code` and `http_status` are what the command line and the server answer with."""

    exit_code = 1
    http_status = 500


class UsageError(LucidrayError):
    """A wrong option, setting or argument."""

    exit_code = 2
    http_status = 400


class InputError(LucidrayError):
    """The file cannot be read as a film: truncated, empty, damaged, too large, not an image."""

    exit_code = 4
    http_status = 415


class UnsupportedError(InputError):
    """The file is sound, but of a kind that lucidray does not take: CT, MR, multi-frame, an unknown transfer syntax."""


class ModelError(LucidrayError):
    """Model weights are missing, damaged, or do not fit the code."""

    exit_code = 5
    http_status = 503


class MissingExtraError(ModelError):
    """An optional dependency is not installed; the message names the cure."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part that is not installed: pip install 'lucidray[{extra}]'")
        self.extra = extra


class ReaderError(ModelError):
    """A reader gave no usable answer; nothing else is asked in its place."""


class WeightsError(ReaderError):
    """A reader's weights are not on this machine, gated, incomplete, or not of the kind that the reader takes."""


class OutOfMemoryError(ReaderError):
    """The model, or its answer, does not fit into the memory of the device."""


class ReaderTimeoutError(ReaderError):
    """The reader took longer than it was allowed to."""

    http_status = 504


class ServerError(ReaderError):
    """A server cannot be reached, refuses, breaks off, or answers what is not an answer."""

    http_status = 502


class AnswerError(ReaderError):
    """The reader's text cannot be used: empty, looping, broken off, or in another language than asked for."""


class NotFoundError(LucidrayError):
    """What was asked for by its id is not there."""

    exit_code = 2
    http_status = 404


class ConflictError(LucidrayError):
    """The state of a thing forbids what was asked: it was changed meanwhile, is signed, or is still being read."""

    http_status = 409


class OutputError(LucidrayError):
    """A result cannot be written: no permission, no space, a file where a folder should be."""


class StoreBusyError(OutputError):
    """The store's database is held by others for longer than anybody should wait: nothing was changed, try again."""

    http_status = 503
