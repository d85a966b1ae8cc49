"""One call to DX's side, from the token to the answer and through the faults that are on."""

import hmac
from collections.abc import Callable
from typing import Any

from flask import Response, json, request

from app.sandbox.answers import Answer, refused
from app.sandbox.body import parse, reference_of
from app.sandbox.connection import BrokenOff
from app.sandbox.schema import Refusal
from app.sandbox.state import Sandbox, current
from app.sandbox.store import Call, Store

Act = Callable[[Store, Call], Answer]


def handle_call(method: str, act: Act) -> Response:
    """Log the call that this request is, and answer it by `act`, a Refusal, or a fault."""
    sandbox, authorization = current(), request.headers.get("Authorization")
    store, (body, problem) = sandbox.store, _received()
    call = store.begin(method, reference_of(body), body)

    def handle() -> Answer:
        try:
            _authorize(sandbox, authorization)
            if problem:
                raise problem
            return act(store, call)
        except Refusal as refusal:
            return refused(refusal.code, refusal.message)

    hit = sandbox.faults.pick(method, call.reference_id)
    answer = sandbox.effects.answer(hit, handle)
    # Before the answer is on its way: a client that has it may call again at once.
    store.end(call, answer.status, answer.error, hit.name)
    return _response(answer)


def _received() -> tuple[Any, Refusal | None]:
    if request.method != "POST":
        return request.args.to_dict(), None
    data = request.get_data()
    try:
        body = parse(data)
    except ValueError as error:
        return data.decode("utf-8", "replace"), Refusal("invalid_json", f"The body is not JSON: {error}.")
    if request.is_json:
        return body, None
    return body, Refusal("invalid_json", "Content-Type is not application/json.")


def _authorize(sandbox: Sandbox, authorization: str | None) -> None:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal("not_authed", "No token in the Authorization header.")
    if not hmac.compare_digest(token.encode(), sandbox.token.encode()):
        raise Refusal("invalid_auth", "The token is unknown or expired.")


def _response(answer: Answer) -> Response:
    if answer.status is None:
        return Response(BrokenOff(request.environ.get("werkzeug.socket")))
    plain = isinstance(answer.body, str)
    text = answer.body if plain else json.dumps(answer.body) + "\n"
    response = Response(text, answer.status, mimetype="text/plain" if plain else "application/json")
    response.headers.update(answer.headers)
    return response
