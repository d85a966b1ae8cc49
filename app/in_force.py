"""The policy in force: the one last applied, the same for the whole fleet, whatever a process's own file says.

So members with different files do not undo each other's work, and a changed file changes nothing in DX
before somebody has seen what it would change.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from app.config import digest, load_policy, policy_text
from app.policy import DEFAULT, Policy
from app.store import incidents, policies
from mappers.observation import Nanoseconds


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy and its digest."""

    policy: Policy
    digest: str


class InForce:
    """Knows the policy in force; reads it anew only when it has changed."""

    def __init__(self, own: Policy) -> None:
        self._own = own
        self._known: Applied | None = None

    def in_transaction(self, connection: Connection, now: Nanoseconds) -> Applied:
        """Return the policy in force, which stays so until the transaction ends.

        A database without one begins with this process's own. Incidents that were folded before there were
        policies had the default one.
        """
        policies.share(connection)
        current = policies.in_force(connection)
        if current is None:
            first = self._own if incidents.is_empty(connection) else DEFAULT
            policies.put(connection, digest(first), policy_text(first), now, only_first=True)
        return self.now(connection)

    def now(self, connection: Connection) -> Applied:
        """Return the policy in force at this moment; where there is none yet, this process's own."""
        current = policies.in_force(connection)
        if current is None:
            return Applied(self._own, digest(self._own))
        if self._known is None or self._known.digest != current:
            self._known = Applied(load_policy(policies.document(connection, current)), current)
        return self._known


def apply(connection: Connection, policy: Policy, now: Nanoseconds) -> Applied:
    """Bring a policy into force for the whole fleet."""
    policies.seize(connection)
    applied = Applied(policy, digest(policy))
    policies.put(connection, applied.digest, policy_text(policy), now)
    return applied
