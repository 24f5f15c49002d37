"""How fast the error budget is spent; windows and factors of the SRE workbook's chapter 5."""

from collections.abc import Iterator

from stackkit.alarms.catalogue.edge import BALANCER, FAST_BURN, edge
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec, Limit, Severity, Window

TIER = "objective"
# 5 % of a month's budget in six hours
SLOW_BURN = 6.0
_HOUR_S = 3600


def rows(context: AlarmContext) -> Iterator[AlarmSpec]:
    yield _burn("burn-fast", FAST_BURN, _once(_HOUR_S), _once(300), context)
    yield _burn("burn-slow", SLOW_BURN, _once(6 * _HOUR_S), _once(1800), context)


def _once(period_s: int) -> Window:
    return Window(breaching=1, periods=1, period_s=period_s)


def _burn(
    name: str, factor: float, window: Window, short: Window, context: AlarmContext
) -> AlarmSpec:
    objective = context.settings.availability_objective
    return AlarmSpec(
        name=name,
        title=f"The error budget is spent {factor:g} times too fast",
        tier=TIER,
        metrics={
            "target": edge("HTTPCode_Target_5XX_Count", "Sum", BALANCER),
            "balancer": edge("HTTPCode_ELB_5XX_Count", "Sum", BALANCER),
            "served": edge("RequestCount", "Sum", BALANCER),
        },
        expression="100 * (FILL(target, 0) + FILL(balancer, 0))"
        " / (FILL(served, 0) + FILL(balancer, 0))",
        window=window,
        short=short,
        limit=Limit(
            value=context.burning(factor),
            unit="%",
            rationale=f"{factor:g} times the {context.budget_percent:g} % that an objective of"
            f" {objective} % leaves",
        ),
        severity=Severity.PAGE,
        meaning="At this rate the month's error budget is gone in"
        f" {_days(factor)}; it still goes on.",
        steps=(
            "The alarms of errors, of the balancer's errors and of what lies below name the"
            " cause; start at the lowest tier that is red.",
            "If it began with a deployment, roll back first and look afterwards.",
            "What is spent is spent: hold risky changes until the budget has recovered.",
        ),
    )


def _days(factor: float) -> str:
    return f"{30 / factor:.0f} days"
