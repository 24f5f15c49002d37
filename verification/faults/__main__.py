"""`make faults`: each fault for real, and what was seen against what is promised."""

import argparse
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import uvloop

from load import machine
from servicekit.dev.processes import StartError
from verification.faults.rows import ROWS
from verification.faults.system import System
from verification.faults.table import NotRun, Row, Scale, heading, lines, not_run


def main() -> None:
    options = _options()
    chosen = [row for row in ROWS if not options.rows or row.number in options.rows]
    scale = Scale(full=not options.short, seed=options.seed, minutes=options.minutes)
    signal.signal(signal.SIGTERM, _interrupted)
    print(f"{machine.description()}; seed {scale.seed}\n", flush=True)
    try:
        table = uvloop.run(_play(chosen, scale))
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    good = not any(_breached(line) for line in table)
    print("\n" + "\n".join([heading(), *table]))
    print(f"\nseed {scale.seed}: {'all hold' if good else 'not all hold'}")
    sys.exit(0 if good else 1)


async def _play(rows: list[Row], scale: Scale) -> list[str]:
    table: list[str] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        async with System.starting(Path(folder), scale.seed) as system:
            for row in rows:
                began = time.monotonic()
                print(f"row {row.number}, {row.fault} …", end=" ", flush=True)
                found = await _lines(row, system, scale)
                table += found
                breaches = sum(_breached(line) for line in found)
                took = time.monotonic() - began
                print(f"{took:.0f} s, {f'{breaches} breached' if breaches else 'ok'}", flush=True)
    return table


async def _lines(row: Row, system: System, scale: Scale) -> list[str]:
    try:
        return list(lines(row, await row.run(system, scale)))
    except NotRun as lack:
        return [not_run(row, str(lack))]


def _breached(line: str) -> bool:
    return "BREACH" in line or line.endswith("NOT SHOWN")


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--rows", type=_numbers, help="for example 3,4; default: all")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak")
    parser.add_argument("--short", action="store_true", help="at the size of the tests")
    return parser.parse_args()


def _numbers(text: str) -> set[int]:
    numbers = {int(part) for part in text.split(",")}
    if unknown := numbers - {row.number for row in ROWS}:
        raise argparse.ArgumentTypeError(f"there is no row {min(unknown)}")
    return numbers


if __name__ == "__main__":
    main()
