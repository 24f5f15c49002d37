import hashlib
import hmac

HEADER = "X-Profile"


def signature(secret: str, method: str, path: str, expires: int) -> str:
    """The header's value that has one request answered by its profile, until `expires` (Unix)."""
    signed = f"{method} {path} {expires}".encode()
    return f"{expires}.{hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
