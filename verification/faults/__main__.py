"""`make faults`: injects each fault, and prints what was observed beside what is promised."""

import argparse
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import uvloop

from load.__main__ import up_to
from servicekit.dev.processes import StartError
from verification import machine
from verification.faults.catalogue import FAULTS
from verification.faults.system import System
from verification.faults.table import FaultTest, NotRun, Scale, heading, lines, not_run


def main() -> None:
    options = _options()
    chosen = [test for test in FAULTS if not options.rows or test.number in options.rows]
    scale = Scale(full=not options.short, seed=options.seed, minutes=options.minutes)
    signal.signal(signal.SIGTERM, _interrupted)
    print(f"{machine.description()}; seed {scale.seed}\n", flush=True)
    try:
        table = uvloop.run(_run(chosen, scale))
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    good = not any(_breached(line) for line in table)
    print("\n" + "\n".join([heading(), *table]))
    print(f"\nseed {scale.seed}: {'all hold' if good else 'not all hold'}")
    sys.exit(0 if good else 1)


async def _run(tests: list[FaultTest], scale: Scale) -> list[str]:
    table: list[str] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        async with System.starting(Path(folder), scale.seed) as system:
            for test in tests:
                began = time.monotonic()
                print(f"fault {test.number}, {test.fault} …", end=" ", flush=True)
                found = await _lines(test, system, scale)
                table += found
                breaches = sum(_breached(line) for line in found)
                took = time.monotonic() - began
                print(f"{took:.0f} s, {f'{breaches} breached' if breaches else 'ok'}", flush=True)
    return table


async def _lines(test: FaultTest, system: System, scale: Scale) -> list[str]:
    try:
        return list(lines(test, await test.run(system, scale)))
    except NotRun as lack:
        return [not_run(test, str(lack))]


def _breached(line: str) -> bool:
    return "BREACH" in line or line.endswith("NOT SHOWN")


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", usage=argparse.SUPPRESS)
    parser.add_argument("--rows", type=_numbers, help="for example 3,4; default: all")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--minutes", type=up_to(100_000), default=10.0, help="of the soak")
    parser.add_argument("--short", action="store_true", help="smaller and shorter")
    return parser.parse_args()


def _numbers(text: str) -> set[int]:
    known = {str(test.number): test.number for test in FAULTS}
    try:
        return {known[part] for part in text.split(",")}
    except KeyError as unknown:
        raise argparse.ArgumentTypeError(f"there is no fault {unknown}") from None


if __name__ == "__main__":
    main()
