import argparse
from collections.abc import Callable


def up_to(most: int) -> Callable[[str], int]:
    def whole(given: str) -> int:
        if not given.isdecimal() or not 1 <= int(given) <= most:
            raise argparse.ArgumentTypeError(f"{given} is not a whole number from 1 to {most:,}")
        return int(given)

    return whole
