"""What the API takes and gives, as its OpenAPI description states it."""

from __future__ import annotations

from pydantic import BaseModel, Field

_SECONDS = "seconds from the beginning of the recording"


class Error(BaseModel):
    """Why a request is not served."""

    error: str = Field(description="The rule, the value received, and what to do.")


class Health(BaseModel):
    """That the server is there."""

    status: str
    version: str
    requests: int = Field(description="Being received, waiting or computed now.")


class Model(BaseModel):
    """A model that is served."""

    name: str
    kind: str
    labels: list[str] = Field(description="Classes in the order of the scores.")
    task: str
    sample_rate: int = Field(description="Of the sound that it takes, Hz.")
    window: float = Field(description="Its own length of a window, seconds.")
    speed: float = Field(description="How fast recordings are played to it.")
    step: float | None = Field(description="Seconds from step to step where it keeps time; null: it does not.")
    can: list[str] = Field(description="Which of tag, steps, events, embed and similar it answers.")


class Models(BaseModel):
    """What is served, and within which limits."""

    models: list[Model]
    clips: int = Field(description="Of the data set that is searched; 0: there is none.")
    data: str | None = Field(description="Its name.")
    surprise: str | None = Field(description="Run of a language model that measures surprise; null: there is none.")
    labels: list[str] = Field(description="Classes by which recordings may be corrected.")
    megabytes: float = Field(description="Most of an upload, a million bytes each.")
    minutes: float = Field(description="Longest recording.")


class About(BaseModel):
    """Which recording an answer is about."""

    sound: str = Field(description="Its id: SHA-256 of its bytes. Further requests may name it and send no body.")
    seconds: float = Field(description="Its length.")
    notes: list[str] = Field(description="What should be known of it.")


class Tags(About):
    """Scores over time."""

    model: str
    starts: list[float] = Field(description=f"Of each window or step, {_SECONDS}.")
    ends: list[float] = Field(description=f"Of each window or step, {_SECONDS}.")
    labels: list[str] = Field(description="Classes, the highest score first, or as they were asked for.")
    thresholds: list[float] = Field(description="Score from which each of them counts: the model's own, else 0.25.")
    scores: list[list[float]] = Field(description="Of each window or step (rows), of each label; 0 to 1.")


class Event(BaseModel):
    """A sound with its beginning and end."""

    label: str
    onset: float = Field(description=_SECONDS)
    offset: float = Field(description=_SECONDS)
    score: float = Field(description="The largest of its steps, 0 to 1.")


class Events(About):
    """The events of a recording, in the order of their beginning."""

    model: str
    events: list[Event]


class Embedding(About):
    """What a network hears in a recording, as a vector."""

    model: str
    embedding: list[float]


class Picture(About):
    """A recording, drawn: as many columns of time as there are peaks, at most 1600 and all equally long."""

    peaks: list[float] = Field(description="Largest magnitude in each column, full scale is 1.")
    mels: int = Field(description="Rows of the log-mel.")
    columns: int = Field(description="Columns of the log-mel.")
    log_mel: str = Field(description="Base64 of mels x columns bytes, row by row, low bands first; 0 quiet, 255 loud.")
    lowest: float = Field(description="Frequency at the lower edge, Hz of the recording.")
    highest: float = Field(description="Frequency at the upper edge, Hz of the recording.")


class Moment(BaseModel):
    """A moment that was not to be expected."""

    time: float = Field(description=f"Its middle, {_SECONDS}.")
    bits: float = Field(description="Bits a token, the mean of the second around it.")


class Surprise(About):
    """How surprising every moment is to a language model: a value a token, in the order of time."""

    model: str = Field(description="Name of its run.")
    starts: list[float] = Field(description=f"Of each token, {_SECONDS}.")
    ends: list[float] = Field(description=f"Of each token, {_SECONDS}. What fills no token at the end is left out.")
    bits: list[float] = Field(description="Of each token, given those before it: -log2 of its probability, in bits.")
    smoothed: list[float] = Field(description="The mean of the second around each token, bits a token.")
    peak: float = Field(description=f"Where smoothed is highest after the first second, {_SECONDS}.")
    moments: list[Moment] = Field(
        description="Its highest tops, the highest first: at most 5, at least a second apart. The first is the peak."
    )


class Clip(BaseModel):
    """A clip of the data set that is near."""

    number: int = Field(description="GET /clips/{number} plays it.")
    clip_id: str
    labels: list[str]
    split: str
    similarity: float = Field(description="Cosine of the embeddings, at most 1.")


class Similar(About):
    """The clips that are nearest, nearest first."""

    clips: list[Clip]


class NewCorrection(BaseModel, extra="forbid"):
    """What sounds in a recording that was sent, or in a span of it."""

    sound: str = Field(description="Its id.")
    labels: list[str] | None = Field(
        description="Its classes. []: no class sounds in the recording. null: what was said of it is taken back."
    )
    onset: float | None = Field(None, description=f"Of the span, {_SECONDS}; null: all of it.", allow_inf_nan=False)
    offset: float | None = Field(None, description=f"Of the span, {_SECONDS}; null: all of it.", allow_inf_nan=False)


class Correction(BaseModel):
    """A row of the table of corrections."""

    label: str = Field(description='"": no class sounds.')
    onset: float | None
    offset: float | None


class Corrections(BaseModel):
    """What the table says of a recording."""

    table: str = Field(description="Its file's name in the folder of corrections.")
    corrections: list[Correction]
