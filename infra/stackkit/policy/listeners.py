"""What the load balancer accepts, and how it finds the healthy targets."""

from collections.abc import Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs, StackValidationArgs

from stackkit.policy.rules import Finding, of_kind, resource_policy, stack_policy

LISTENER = "aws:lb/listener:Listener"
TARGETS = "aws:lb/targetGroup:TargetGroup"
# TLS 1.3, and 1.2 with forward secrecy and no CBC; their FIPS and post-quantum variants too
STRONG = ("ELBSecurityPolicy-TLS13-1-2-Res-", "ELBSecurityPolicy-TLS13-1-3-")
PERMANENT = ("HTTP_301", "HTTP_308")
# what the service answers without touching the database or the cache
AGREED = {"path": "/health", "matcher": "200", "protocol": "HTTP", "enabled": True}


@resource_policy("listener-tls", (LISTENER,))
def tls_is_strong(args: ResourceValidationArgs) -> Iterator[str]:
    """HTTPS is TLS 1.2 with forward secrecy or newer."""
    if args.props.get("protocol") != "HTTPS":
        return
    policy = args.props.get("sslPolicy") or "the default"
    if not policy.startswith(STRONG):
        yield (
            f"sslPolicy is {policy}, which knows weak ciphers; use"
            " ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09 or a newer one of its kind."
        )


@stack_policy("http-redirects")
def http_only_redirects(args: StackValidationArgs) -> Iterator[Finding]:
    """With a certificate, port 80 only redirects."""
    listeners = of_kind(args, LISTENER)
    if not any(listener.props.get("protocol") == "HTTPS" for listener in listeners):
        return
    for listener in listeners:
        if listener.props.get("protocol") == "HTTP" and not _redirects(listener):
            yield (
                "there is a certificate and plain HTTP is served; let this listener redirect"
                " (HTTP_301) to HTTPS and do nothing else.",
                listener,
            )


def _redirects(listener: PolicyResource) -> bool:
    def permanent(redirect: dict[str, str]) -> bool:
        return redirect.get("protocol") == "HTTPS" and redirect.get("statusCode") in PERMANENT

    actions = listener.props.get("defaultActions") or ()
    return bool(actions) and all(permanent(action.get("redirect") or {}) for action in actions)


@resource_policy("health-check", (TARGETS,))
def health_check_is_as_agreed(args: ResourceValidationArgs) -> Iterator[str]:
    """The health check requests /health, which has no dependencies."""
    check = args.props.get("healthCheck") or {}
    for name, agreed in AGREED.items():
        if check.get(name) != agreed:
            yield (
                f"healthCheck.{name} is {check.get(name)!r}, not {agreed!r}; ask for what the"
                " service answers by itself: a check that reaches the database takes every target"
                " out when the database fails."
            )
