"""Events that remember what they were told."""

from kinema.workflows.events import Events


class Told(Events):
    """What a workflow said: its steps, notes and warnings."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def count(self, start: str) -> int:
        """How many steps begin with `start`."""
        return sum(s.startswith(start) for s in self.steps)
