"""Failed sign-ins are slowed down, and keys follow from the token."""

import pytest

from app.clock import Clock
from app.secret import Secret
from app.web.dashboard.signin import Brake, is_token, key_of, nonce_of, one_time_link

TOKEN = Secret("admin-token-0123456789")


class Steady:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> Clock:
        """Return what the brake reads."""
        return Clock(wall=lambda: 0, steady=lambda: self.now)


def waits(brake: Brake, failures: int, client: str = "one") -> list[float]:
    """Return the wait after each failure."""
    found = []
    for _ in range(failures):
        brake.failed(client)
        found.append(brake.wait(client))
    return found


def test_waits_double() -> None:
    """Four failures are free; from the fifth on each wait is twice the last, up to five minutes."""
    found = waits(Brake(Steady().clock()), 16)
    assert found == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_wait_ends() -> None:
    """A wait gets shorter as time passes, and is over when it has passed."""
    steady = Steady()
    brake = Brake(steady.clock())
    waits(brake, 7)
    steady.now += 3
    assert brake.wait("one") == 1
    steady.now += 1
    assert brake.wait("one") == 0


def test_clients_wait_for_themselves() -> None:
    """One client's failures slow no other down."""
    brake = Brake(Steady().clock())
    waits(brake, 9)
    assert (brake.wait("one"), brake.wait("two")) == (16, 0)


def test_a_success_forgets() -> None:
    """After the right token the tries are free again."""
    brake = Brake(Steady().clock())
    waits(brake, 9)
    brake.succeeded("one")
    assert brake.wait("one") == 0
    assert waits(brake, 4) == [0, 0, 0, 0]


def test_many_clients_cost_bounded_memory() -> None:
    """Of very many clients those that failed longest ago are forgotten; who fails all the time is not."""
    brake = Brake(Steady().clock())
    waits(brake, 5, "first")
    waits(brake, 5, "keen")
    for number in range(10_000):
        brake.failed(str(number))
        if number % 5000 == 0:
            brake.failed("keen")
    assert len(brake._failed) == 10_000
    assert brake.wait("first") == 0
    assert brake.wait("keen") > 0


def test_a_very_long_row_of_failures() -> None:
    """However often a client has failed, its wait is a number of seconds."""
    brake = Brake(Steady().clock())
    assert waits(brake, 2000)[-1] == 300


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (TOKEN.reveal(), True),
        (f" {TOKEN.reveal()}\n", True),
        (TOKEN.reveal().upper(), False),
        (TOKEN.reveal()[:-1], False),
        (f"{TOKEN.reveal()}0", False),
        ("", False),
        ("caf\u00e9", False),
    ],
)
def test_the_token(given: str, right: bool) -> None:
    """Only the token itself is right; blanks around it come from pasting."""
    assert is_token(given, TOKEN) is right


def test_keys_differ_by_token_and_purpose() -> None:
    """Another token or purpose is another key, and none of them tells the token."""
    keys = {
        key_of(token, purpose)
        for token in (TOKEN, Secret("another-token-0123456789"))
        for purpose in ("session", "link")
    }
    assert len(keys) == 4
    assert not any(TOKEN.reveal() in key for key in keys)


def test_links_are_told_apart() -> None:
    """Each link has a nonce of its own, which only the token that signed it reads."""
    links = [one_time_link("https://bridge.example.com", TOKEN).rpartition("/")[2] for _ in range(2)]
    nonces = [nonce_of(each, TOKEN) for each in links]
    assert None not in nonces
    assert nonces[0] != nonces[1]
    assert nonce_of(links[0], Secret("another-token-0123456789")) is None
    assert nonce_of(f"{links[0]}x", TOKEN) is None
    assert nonce_of("", TOKEN) is None
