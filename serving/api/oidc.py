"""Signing in by an organisation's own provider (OpenID Connect): authorization code with PKCE, set up by environment.

The provider says who somebody is, the desk what they may: whoever comes needs an account here under the name that the
claim gives. Nothing of the provider's tokens is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from contracts.errors import ParameterError
from serving.api.access import OIDC_BACK
from serving.desk.database import BusyError
from serving.desk.errors import SignInError

ISSUER, CLIENT, SECRET = "REGULARS_OIDC_ISSUER", "REGULARS_OIDC_CLIENT_ID", "REGULARS_OIDC_CLIENT_SECRET"
DESK, CLAIM = "REGULARS_DESK_URL", "REGULARS_OIDC_CLAIM"
ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]
"""Signatures by a key of the provider's; none that the client's own secret could make."""
TIMEOUT_S = 10
_HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Going:
    """A browser on its way to the provider: what must come back, and where it wanted to be."""

    state: str
    nonce: str
    verifier: str
    place: str


@dataclass(frozen=True)
class Provider:
    """Who vouches for people: the issuer's address, our registration there, and the claim that names the account."""

    issuer: str
    client_id: str
    client_secret: str
    desk_url: str
    claim: str = "preferred_username"

    def __post_init__(self) -> None:
        for name, address in ((ISSUER, self.issuer), (DESK, self.desk_url)):
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
                raise ParameterError(f"{name}: expected an address that begins with https://, got another text")

    @property
    def _session(self) -> OAuth2Session:
        return OAuth2Session(
            self.client_id,
            self.client_secret,
            scope="openid profile email",
            redirect_uri=f"{self.desk_url.rstrip('/')}{OIDC_BACK}",
            code_challenge_method="S256",
        )

    def begin(self, place: str) -> tuple[str, Going]:
        """Where to send a browser that wants to be at a place of ours, and what to remember of it."""
        going = Going(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), place)
        address, _ = self._session.create_authorization_url(
            self._facts()["authorization_endpoint"], going.state, going.verifier, nonce=going.nonce
        )
        return str(address), going

    def account(self, going: Going, code: str) -> str:
        """The name of the account that the provider vouches for.

        Raises:
            SignInError: the provider does not vouch for anybody, or not to us, or not now.
            BusyError: the provider does not answer.
        """
        facts = self._facts()
        try:
            told = self._session.fetch_token(
                facts["token_endpoint"], code=code, code_verifier=going.verifier, timeout=TIMEOUT_S
            )
            keys = KeySet.import_key_set({"keys": self._get(facts["jwks_uri"])["keys"]})
            claims = jwt.decode(told.get("id_token", ""), keys, algorithms=ALGORITHMS).claims
            self._rules(going).validate(claims)
        except (AuthlibBaseError, JoseError, ValueError, KeyError):
            raise SignInError("expected the provider to vouch for somebody, it did not; sign in again") from None
        except requests.RequestException:
            raise _silent() from None
        return str(claims.get(self.claim, "")).lower()

    def _rules(self, going: Going) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            nonce={"essential": True, "value": going.nonce},
            exp={"essential": True},
        )

    def _facts(self) -> dict[str, Any]:
        """The provider's own description; it must speak of itself."""
        found = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise SignInError(f"{ISSUER}: expected a provider of this name, its description names another")
        return found

    def _get(self, address: str) -> dict[str, Any]:
        try:
            answer = requests.get(address, timeout=TIMEOUT_S)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except requests.RequestException:
            raise _silent() from None
        return found


def _silent() -> BusyError:
    return BusyError("the provider to sign in by does not answer; try again, or sign in with a password")


def provider_of(environment: Mapping[str, str]) -> Provider | None:
    """The provider that the environment describes; None if it names none.

    Raises:
        ParameterError: it names an issuer, and lacks something else.
    """
    said = {name: environment.get(name, "").strip() for name in (ISSUER, CLIENT, SECRET, DESK)}
    if not said[ISSUER]:
        return None
    missing = [name for name, value in said.items() if not value]
    if missing:
        raise ParameterError(f"{missing[0]}: expected a value beside {ISSUER}, got none")
    claim = environment.get(CLAIM, "").strip() or "preferred_username"
    return Provider(said[ISSUER], said[CLIENT], said[SECRET], said[DESK], claim)
