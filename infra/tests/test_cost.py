"""A month's dollars, from prices that are dated and can be replaced."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans import stack
from stackkit.plan import plan
from stackkit.resources.waf import MANAGED_GROUPS
from stackkit.settings.errors import ConfigError
from stackkit.tools.report import cost
from stackkit.tools.report.prices import Prices, read_prices

VIRGINIA = read_prices("us-east-1")


def months(prices: Prices = VIRGINIA, **values: object) -> dict[str, dict[str, float]]:
    settings = stack(**values)
    numbers = plan.derive(settings)
    return {
        load.name: {line.item: line.usd for line in cost.month(numbers, load, prices)}
        for load in cost.loads(numbers)
    }


def test_each_line_is_its_arithmetic() -> None:
    peak = months(waf=True)["peak"]
    assert peak["tasks"] == pytest.approx(321 * (0.03238 + 2 * 0.00356) * 730)
    assert peak["database"] == pytest.approx(2 * 4 * 0.239 * 730)  # two zones, four times a large
    assert peak["database storage"] == pytest.approx(2 * 100 * 0.115)
    assert peak["cache"] == pytest.approx(2 * 0.1752 * 730)
    requests = 625_000 * 3600 * 730
    assert peak["WAF"] == pytest.approx(5 + 5 + requests / 1e6 * 0.6)
    assert peak["NAT traffic"] == pytest.approx(requests * 0.2 * 1000 / 1e9 * 0.045)
    assert peak["load balancer LCU"] == pytest.approx(625_000 * 3.6e-3 * 0.008 * 730)
    tiers = 10_240 * 0.09 + 40_960 * 0.085 + 102_400 * 0.07
    assert peak["data out"] == pytest.approx(tiers + (requests * 1e-6 - 153_600) * 0.05)


def test_an_instance_costs_its_hours_and_its_disk() -> None:
    tasks = months(compute="ec2")["minimum"]["tasks"]
    assert tasks == pytest.approx(9 * (2 * 0.07976 * 730 + 20 * 0.08))


def test_development_pays_for_one_of_each() -> None:
    quiet = {"tier": "dev", "waf": False, "database_class": "db.t4g.micro", "cache_replicas": 0}
    small = {"peak_in_flight": 100, "base_in_flight": 5, "cache_class": "cache.t4g.micro"}
    month = months(**quiet, **small)["minimum"]
    assert month["database"] == pytest.approx(0.016 * 730)
    assert month["cache"] == pytest.approx(0.0128 * 730)
    assert month["NAT gateways"] == pytest.approx(0.045 * 730)
    assert not {"WAF", "endpoints"} & set(month)


def test_the_waf_is_counted_with_the_rules_that_it_has() -> None:
    assert 1 + len(MANAGED_GROUPS) == cost.WAF_RULES


@given(st.integers(1, 40_000), st.integers(1, 10_000))
def test_more_load_never_costs_less(peak: int, more: int) -> None:
    less, grown = (
        months(peak_in_flight=load, base_in_flight=1)["peak"] for load in (peak, peak + more)
    )
    assert all(grown[item] >= less[item] for item in less)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"compute": "ec2"},
        {"architecture": "x86_64"},
        {"compute": "ec2", "architecture": "x86_64", "instance_types": ["c7i.2xlarge"]},
    ],
)
def test_a_region_that_is_listed_prices_every_line(region: str, values: dict[str, object]) -> None:
    for month in months(read_prices(region), **values).values():
        assert all(usd > 0 for usd in month.values())


def test_an_own_file_comes_before_the_built_in_prices(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    own = {"as_of": "2026-11-01", "source": "our contract", "prices": {"c8g.large": 0.05}}
    file.write_text(json.dumps({"us-east-1": own}))
    prices = read_prices("us-east-1", str(file))
    assert (prices.of("c8g.xlarge"), prices.of("c7g.xlarge")) == (0.1, 0.145)
    assert (prices.as_of.isoformat(), prices.source) == ("2026-11-01", f"{file}: our contract")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "it is not a file of prices"),
        ('{"us-east-1": {"c8g.large": 1}}', "it is not a file of prices"),
        (
            '{"us-east-1": {"as_of": "2026-11-01", "source": "", "prices": {"alarm": -1}}}',
            "it is not a file of prices",
        ),
        (
            '{"sa-east-1": {"as_of": "2026-11-01", "source": "", "prices": {}}}',
            "it has no prices for us-east-1",
        ),
    ],
)
def test_a_file_that_is_none_of_prices_is_refused(
    tmp_path: Path, content: str, sentence: str
) -> None:
    file = tmp_path / "prices.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=f"prices.json: {sentence}"):
        read_prices("us-east-1", str(file))


def test_a_missing_price_is_no_guess() -> None:
    with pytest.raises(ConfigError, match=r"us-east-1 has none for db\.x2g\.large; name a file"):
        VIRGINIA.of("db.x2g.large")


@pytest.mark.parametrize(
    ("region", "named"), [("sa-east-1", "sa-east-1"), ("", "a stack without aws:region")]
)
def test_a_region_without_prices_is_estimated_at_those_of_another_and_says_so(
    region: str, named: str
) -> None:
    prices = read_prices(region)
    assert (prices.region, prices.of("alarm")) == ("us-east-1", VIRGINIA.of("alarm"))
    assert f"None are known for {named}: name a file with them, as in PRICES=" in prices.source
