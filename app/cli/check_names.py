"""Variables that nothing reads and that look like misspelt ones, for `dx-bridge check`."""

from collections.abc import Iterator

from app.nearest import nearest
from app.settings import Settings

_OURS = ("DX_", "PAGERDUTY_", "OPSGENIE_", "JSM_", "JIRA_", "BRIDGE_")
_READ_AT_TIMES = ("PAGERDUTY_API_URL", "OPSGENIE_API_URL", "JSM_API_URL")
"""Not where bridge.toml has `api_url`."""
_SLIP = 0.85
"""As like as a slip of the pen makes it; what platforms set is less so: DX_BRIDGE_SERVICE_PORT, of Kubernetes."""


def misspelt(settings: Settings) -> Iterator[str]:
    """Yield a note for each variable whose name is nearly that of a setting; values are never shown."""
    names = (*settings.variables, *_READ_AT_TIMES)
    known = (*names, *(f"{name}_FILE" for name in names))
    for name in sorted(settings.given.difference(known)):
        if name.startswith(_OURS) and (hint := nearest(name, known, _SLIP)):
            yield f"{name} is set, but no setting has this name{hint}"
