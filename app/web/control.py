"""The operator's acts on the sender."""

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from app.settings import Settings
from app.store import sender
from app.web.access import require

blueprint = Blueprint("control", __name__)
_ACTS = {"pause": sender.pause, "resume": sender.resume}


@blueprint.post("/api/v1/sender/<any(pause, resume):act>")
def steer(act: str) -> ResponseReturnValue:
    """Pause the sender, or let it go on; webhooks are accepted and folded all the while."""
    settings: Settings = current_app.extensions["settings"]
    require(request, settings.admin_token)
    with current_app.extensions["engine"].begin() as connection:
        _ACTS[act](connection)
    return {"status": "accepted"}, 202
