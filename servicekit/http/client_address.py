from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

UNKNOWN = "unknown"


def canonical_client(address: str) -> str:
    """One name for a client, however its address is spelled.

    | address | name |
    |---|---|
    | `1.1.1.4`, `1.1.1.4:4001`, `::ffff:1.1.1.4`, `[::FFFF:101:104]:443` | `1.1.1.4` |
    | `2001:DB8::1`, `[2001:db8:0:0::2]:443`, `2001:db8::3%eth0` | `2001:db8::/64` |
    | anything else | `unknown` |

    One IPv6 client has a whole /64 and can choose any address in it.
    """
    parsed = parse_address(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def parse_address(address: str) -> IPv4Address | IPv6Address | None:
    """The address without port, brackets and zone; an IPv4 address that is mapped into IPv6 as
    IPv4. None if it is no address."""
    host = address.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        parsed = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
