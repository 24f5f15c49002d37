"""Keys, key sets and tokens for tests."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

KEY, OTHER = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
ISSUER, AUDIENCE = "https://issuer.example", "orders"


def jwk(key: Any = KEY, **members: Any) -> dict[str, Any]:
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in {**public, **members}.items() if value is not None}


def jwks(*kids: str) -> dict[str, Any]:
    return {"keys": [jwk(kid=kid, alg="ES256") for kid in kids]}


def token(key: Any = KEY, kid: str | None = "k1", algorithm: str = "ES256", **claims: Any) -> str:
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 60, **claims}
    given = {name: value for name, value in given.items() if value is not None}
    headers = None if kid is None else {"kid": kid}
    # Not jwt.encode, which refuses to make the malformed claims that an issuer may send.
    payload = json.dumps(given).encode()
    return jwt.api_jws.encode(payload, key, algorithm=algorithm, headers=headers)


def bearing(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}
