"""Random incident histories with their truth, told by the contract alone.

`history(seed)` writes the webhooks of a few incidents, with what goes wrong between vendors and
receivers, and says what DX must hold in the end. Neither the mappers nor the fold are used: this
is the second opinion against which they are tested. The truth holds for every order of the
events, for repeated ones and for any batches.
"""

from __future__ import annotations

from tests.histories.generate import SITUATIONS, history
from tests.histories.model import Event, History

__all__ = ["SITUATIONS", "Event", "History", "history"]
