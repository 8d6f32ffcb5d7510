"""Hostile inputs against the tool, each with an expectation: a table, and exit code 1 where something was found.

python benchmarks/hostile.py                   # everything; real searches included
python benchmarks/hostile.py --quick           # what takes seconds
python benchmarks/hostile.py --only 'models|plugins.*hang'
python benchmarks/hostile.py --list
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import textwrap
from pathlib import Path

from hostile.cases import AREAS, Row, chosen, every, perform, remove
from hostile.lab import Shared


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only what takes seconds")
    parser.add_argument("--no-search", action="store_true", help="without the cases that need a real search")
    parser.add_argument("--only", metavar="REGEX", help="only the cases whose area.name matches")
    parser.add_argument("--seed", type=int, default=0, help="of the random bytes in the inputs")
    parser.add_argument("--list", action="store_true", help="name the cases, and run none")
    parser.add_argument("--keep", action="store_true", help="do not remove the temporary folder")
    options = parser.parse_args(arguments)
    cases = [one for one in chosen(every(AREAS), quick=options.quick, only=options.only) if not (one.search and options.no_search)]
    if options.list:
        for one in cases:
            print(f"{one.area}.{one.name}{' (quick)' if one.quick else ' (search)' if one.search else ''}")
        return 0
    root = Path(tempfile.mkdtemp(prefix="automl-cnn-hostile-"))
    rows: list[Row] = []
    try:
        shared = Shared(root, options.seed)
        for one in cases:
            rows.append(perform(one, shared))
            _print(rows[-1])
    finally:
        if not options.keep:
            remove(root)
    findings = [row for row in rows if row.outcome == "FINDING"]
    skipped = sum(row.outcome == "skipped" for row in rows)
    print(f"\n{len(rows)} cases, {skipped} skipped, {len(findings)} findings{f', kept in {root}' if options.keep else ''}")
    for row in findings:
        print(f"  {row.case.area}.{row.case.name}")
    return 1 if findings else 0


def _print(row: Row) -> None:
    name = f"{row.case.area}.{row.case.name}"
    print(f"{row.outcome:8}{name:78}{row.seconds:7.1f} s{row.megabytes:8.0f} MB", flush=True)
    if row.why:
        print(textwrap.indent(row.why, "        "), flush=True)


if __name__ == "__main__":
    sys.exit(main())
