"""What AWS asks, in US dollars: one table of each region, dated, with its source named.

An hour is the unit of tasks, instances, nodes, gateways and endpoints; a month that of storage,
alarms and WAF. Taxes, discounts and Spot are left out.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from stackkit.settings.aws_sizes import TIMES_LARGE
from stackkit.settings.errors import ConfigError

BUILT_IN = Path(__file__).parent / "prices.json"
_INSTEAD = "us-east-1"  # where a region has no prices
_FORM = '{"eu-west-1": {"as_of": "2026-10-02", "source": "…", "prices": {"c8g.large": 0.0853}}}'


@dataclass(frozen=True)
class Prices:
    region: str
    as_of: date
    source: str
    prices: Mapping[str, float]

    def of(self, item: str) -> float:
        """The item's own price, or its family's `large` in proportion to the size."""
        if item in self.prices:
            return self.prices[item]
        family, _, size = item.rpartition(".")
        large = self.prices.get(f"{family}.large")
        # a size below medium has a price of its own
        if large is None or TIMES_LARGE.get(size, 0) < 0.5:
            raise ConfigError(
                f"prices: {self.region} has none for {item}; name a file that does, as in"
                f" PRICES=prices.json with {_FORM}."
            )
        return large * TIMES_LARGE[size]


def read_prices(region: str, given: str | None = None) -> Prices:
    """The region's prices, those of the file `given` before the built-in ones.
    A region without any gets those of another, whose name they keep."""
    tables = _regions(BUILT_IN)
    found = tables.get(region)
    if given:
        own = _regions(Path(given)).get(region)
        if own is None:
            raise ConfigError(f"{given}: it has no prices for {region}; it is to be {_FORM}.")
        merged = {**(found.prices if found else {}), **own.prices}
        return Prices(region, own.as_of, f"{given}: {own.source}", merged)
    if found is None:
        instead, where = tables[_INSTEAD], region or "a stack without aws:region"
        remedy = f"name a file with them, as in PRICES=prices.json with {_FORM}"
        return replace(instead, source=f"{instead.source}. None are known for {where}: {remedy}")
    return found


def _regions(file: Path) -> Mapping[str, Prices]:
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such file of prices.")
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        return {
            region: Prices(
                region,
                date.fromisoformat(table["as_of"]),
                str(table["source"]),
                {str(item): _dollars(usd) for item, usd in table["prices"].items()},
            )
            for region, table in json.loads(file.read_text()).items()
        }
    raise ConfigError(f"{file}: it is not a file of prices; it is to be {_FORM}, in US dollars.")


def _dollars(price: object) -> float:
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1e6:
        raise ValueError(price)
    return float(price)
