"""The last step of `make sbom`: whether the bill of materials lists what is pinned, and nothing of this machine."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.supply.lock import RUNTIME, normal, pinned

_OF_A_MACHINE = re.compile(r"file:|/simple/|(?<![\w:/.])/(?:home|root|tmp|usr|opt|work|Users)/|[A-Z]:\\")


def problems(bill: Mapping[str, Any], wanted: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a CycloneDX document."""
    listed = {normal(each["name"]): each["version"] for each in bill.get("components", ())}
    for name in sorted(listed.keys() | wanted.keys()):
        if listed.get(name) != wanted.get(name):
            yield f"{name}: listed {listed.get(name, 'not')}, pinned {wanted.get(name, 'not')}"
    for each in bill.get("components", ()):
        if not each.get("licenses"):
            yield f"{each['name']}: without a licence"
    for found in sorted(set(_OF_A_MACHINE.findall(json.dumps(bill)))):
        yield f"{found!r}: a path or an index of this machine"


def main(path: str) -> int:
    """Check a file, tell, and return the exit code."""
    bill = json.loads(Path(path).read_text("utf-8"))
    found = list(problems(bill, pinned(RUNTIME)))
    for problem in found:
        print(problem)
    print(f"{path}: CycloneDX {bill['specVersion']}, {len(bill['components'])} packages.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
