"""Who acts, and what each role may do."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import ParameterError, nearest
from serving.desk.errors import ForbiddenError

ROLES = ("viewer", "agent", "manager", "admin")
"""From the least to the most; each may do what those before it may."""
MAY = {
    "viewer": "reads the list without messages, evidence and money of single customers",
    "agent": "claims customers, records outcomes, exports what they claimed",
    "manager": "exports, suppresses, hands over, loads recent activity",
    "admin": "manages accounts and tokens, erases, reads the audit log",
}


@dataclass(frozen=True)
class Actor:
    """One signed-in account: `via` is 'session', 'token' or 'command'."""

    user_id: int
    name: str
    role: str
    via: str

    @property
    def told(self) -> str:
        """How the audit log names the actor."""
        return f"{self.name} ({self.role}, {self.via})"

    def may(self, role: str) -> bool:
        """Whether the actor's role is at least this one."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def needs(self, role: str, what: str) -> None:
        """Raise `ForbiddenError` unless the actor's role is at least this one."""
        if not self.may(role):
            raise ForbiddenError(f"expected the role {role} to {what}, got {self.role}; ask an admin")


def checked_role(role: str) -> str:
    """The role, if there is such a one."""
    if role not in ROLES:
        raise ParameterError(f"expected a role of {', '.join(ROLES)}, got '{role}'{nearest(role, ROLES)}")
    return role
