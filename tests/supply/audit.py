"""`make audit`: known vulnerabilities of everything that is pinned.

The databases of vulnerabilities are on the network. Where they cannot be asked, this says `not checked: …`
and ends with 0, with `--strict` with 2; a finding ends it with 1. pip-audit alone would tell "no known
vulnerabilities" about packages that it has skipped.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.supply.lock import DEV, RUNTIME, normal, pinned

SECONDS = 180
ACCEPTED: Mapping[str, str] = {}
"""Findings that are known and do not touch the bridge: id -> why, and until when."""


@dataclass(frozen=True, slots=True)
class Result:
    """Findings as sentences, how many packages were looked up, and why the others were not."""

    findings: tuple[str, ...]
    checked: int
    not_checked: str = ""


def main(arguments: list[str]) -> int:
    """Ask, tell, and return the exit code; `arguments` besides `--strict` are pip-audit's."""
    strict = "--strict" in arguments
    result = read(*ask([each for each in arguments if each != "--strict"]), pinned(DEV), pinned(RUNTIME))
    for finding in result.findings:
        print(f"vulnerable: {finding}")
    if result.not_checked:
        print(f"not checked: {result.not_checked}")
    if result.checked:
        print(f"{result.checked} packages checked, {len(result.findings)} known vulnerabilities.")
    if result.findings:
        return 1
    return 2 if result.not_checked and strict else 0


def ask(arguments: list[str]) -> tuple[str, str]:
    """Run pip-audit on what is pinned; return its JSON and its complaints."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(DEV), "--disable-pip"]
    command += ["--require-hashes", "--progress-spinner", "off", "--format", "json", *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {SECONDS} s"
    return run.stdout, run.stderr


def read(told: str, complaints: str, wanted: Mapping[str, str], runtime: Mapping[str, str]) -> Result:
    """Read pip-audit's JSON; what is wanted and neither found nor cleared there is not checked."""
    try:
        records = {normal(each["name"]): each for each in json.loads(told)["dependencies"]}
    except (ValueError, KeyError, TypeError):
        last = (complaints.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return Result((), 0, f"the vulnerability service cannot be asked ({last[:200]})")
    looked_up = {name for name, each in records.items() if each.get("vulns") is not None}
    missing = sorted(wanted.keys() - looked_up)
    findings = [line for name in sorted(looked_up) for line in _findings(name, records[name], runtime)]
    some = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
    why = f"{len(missing)} of {len(wanted)} packages ({some}): the vulnerability service does not know them"
    return Result(tuple(findings), len(looked_up), why if missing else "")


def _findings(name: str, record: Mapping[str, Any], runtime: Mapping[str, str]) -> Iterator[str]:
    where = "" if name in runtime else ", for development only"
    for each in record["vulns"]:
        names = {each["id"], *each.get("aliases", ())}
        fixed = ", ".join(each.get("fix_versions") or ()) or "no version yet"
        if not names & ACCEPTED.keys():
            yield f"{name} {record['version']}{where}: {each['id']}; repaired in {fixed}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
