"""What a server takes at most, and how it refuses the rest."""

from __future__ import annotations

from dataclasses import dataclass

from audiotag.errors import AudiotagError


class Refusal(AudiotagError):
    """A request that is not served.

    Args:
        status: of the answer, as of HTTP (RFC 9110).
        message: the reason.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """What a server takes at most.

    Args:
        megabytes: of an upload, a million bytes each.
        minutes: of a recording once it is decoded, whatever its header says.
        requests: that are received, wait or are computed at once; the next one is told to come again.
        receiving: seconds that an upload may take.
        computing: seconds that the work of a request may take.
        kept: megabytes of uploads that stay for further requests; the oldest leave.
        windows: of one request.
        window: seconds of a window, where the model's own is no longer.
    """

    megabytes: float = 100.0
    minutes: float = 10.0
    requests: int = 64
    receiving: float = 60.0
    computing: float = 120.0
    kept: float = 1000.0
    windows: int = 4096
    window: float = 60.0

    def __post_init__(self) -> None:
        for name in ("megabytes", "minutes"):
            if not 0 < (value := getattr(self, name)) < float("inf"):
                raise AudiotagError(f"the most {name} must be a positive number, received {value}")
