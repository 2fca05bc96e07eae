"""A stream is one object: its settings, its fingerprint, and what makes clips of frames or sound."""

from typing import Annotated

from pydantic import Field

from .audio import AudioStream
from .base import Maker, StreamSettings, Task, Tools
from .flow import FlowStream
from .rgb import RgbStream

Stream = Annotated[RgbStream | FlowStream | AudioStream, Field(discriminator="input")]

__all__ = ["AudioStream", "FlowStream", "Maker", "RgbStream", "Stream", "StreamSettings", "Task", "Tools"]
