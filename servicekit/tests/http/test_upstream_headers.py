import pytest
from multidict import CIMultiDict

from servicekit.http.upstream_headers import Freshness, freshness, retry_after

NEVER = Freshness(0)


def headers(*lines: str) -> CIMultiDict[str]:
    return CIMultiDict(
        [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines)]
    )


@pytest.mark.parametrize(
    "lines, expected",
    [
        ((), Freshness(None)),
        (("Cache-Control: public",), Freshness(None)),
        (("Cache-Control: no-store",), NEVER),
        (("Cache-Control: NO-STORE",), NEVER),
        (("Cache-Control: private",), NEVER),
        (("Cache-Control: private, max-age=60",), NEVER),
        (("Cache-Control: max-age=60,private",), NEVER),
        (("Cache-Control: max-age=60", "Cache-Control: no-store"), NEVER),
        (('Cache-Control: private="x-user, x-other"',), NEVER),
        (('Cache-Control: no-cache="set-cookie"',), NEVER),
        (("Cache-Control: no-cache",), NEVER),
        (("Cache-Control:  ,, no-store ,",), NEVER),
        (("Cache-Control: max-age=0",), NEVER),
        (("Cache-Control: max-age=60, s-maxage=0",), NEVER),
        (("Cache-Control: max-age=-1",), NEVER),
        (("Cache-Control: max-age=x",), NEVER),
        (("Cache-Control: max-age=",), NEVER),
        (("Cache-Control: max-age",), NEVER),
        (("Cache-Control: max-age=\u0667",), NEVER),
        (("Cache-Control: max-age=60, max-age=0",), NEVER),
        (("Cache-Control: max-age=30", "Age: 30"), NEVER),
        (("Cache-Control: max-age=30", "Age: 99"), NEVER),
        (("Cache-Control: max-age=10",), Freshness(10)),
        (('Cache-Control: max-age="10"',), Freshness(10)),
        (("Cache-Control: Max-Age = 10",), Freshness(10)),
        (("Cache-Control: max-age=10, s-maxage=20",), Freshness(20)),
        (("Cache-Control: max-age=30", "Age: 20"), Freshness(10)),
        (("Cache-Control: max-age=30", "Age: x"), Freshness(30)),
        (("Cache-Control: max-age=99999999999999999999",), Freshness(9999999999)),
        (('Cache-Control: ext="no-store, private", max-age=10',), Freshness(10)),
        (("Cache-Control: x-no-store, max-age=10",), Freshness(10)),
        (("Cache-Control: must-revalidate, max-age=10",), Freshness(10, may_be_stale=False)),
        (("Cache-Control: proxy-revalidate",), Freshness(None, may_be_stale=False)),
        (("Vary: *",), NEVER),
        (("Vary: accept, *",), NEVER),
        (("Vary: accept-encoding, authorization, cookie",), Freshness(None)),
        (("Set-Cookie: a=b",), Freshness(None)),
        (("Pragma: no-cache",), NEVER),
        (("Pragma: no-cache", "Cache-Control: max-age=10"), Freshness(10)),
        (("Expires: 0",), NEVER),
        (("Expires:",), NEVER),
        (("Expires: Thu, 01 Jan 1970 00:00:00 GMT",), NEVER),
        (("Expires: Thu, 99 Xxx 2099 00:00:00 GMT",), NEVER),
        (("Expires: 0", "Cache-Control: max-age=10"), Freshness(10)),
    ],
    ids=str,
)
def test_freshness_follows_the_rules_of_a_shared_cache(
    lines: tuple[str, ...], expected: Freshness
) -> None:
    assert freshness(headers(*lines)) == expected


def test_future_expiry_is_seconds_from_now() -> None:
    ttl = freshness(headers("Expires: Thu, 01 Jan 2099 00:00:00 GMT")).ttl
    assert ttl is not None
    assert ttl > 3600


@pytest.mark.parametrize(
    "given, seconds",
    [
        *(("7", 7), ("0", 1), ("-5", 1), ("x", 1), ("", 1), ("7.5", 1), ("\u0667", 1), ("7 ", 7)),
        *(("99999999999999999999", 3600), ("Thu, 01 Jan 1970 00:00:00 GMT", 1)),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 3600),
        ("Thu, 01 Jan 99999 00:00:00 GMT", 1),
    ],
)
def test_retry_after_is_bounded(given: str, seconds: int) -> None:
    assert retry_after(headers(f"Retry-After: {given}")) == seconds


def test_retry_after_is_1_s_where_there_is_none() -> None:
    assert retry_after(headers()) == 1
