"""The operator's acts on the sender."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.web.access import API
from app.web.api_input import acting

blueprint = Blueprint("control", __name__, url_prefix=API)


@blueprint.post("/sender/<any(pause, resume):act>")
def steer(act: str) -> ResponseReturnValue:
    """Pause the sender, or let it go on; webhooks are accepted and folded all the while."""
    with acting() as acts:
        acts.pause() if act == "pause" else acts.resume()
    return {"status": "accepted"}, 202
