import pytest

from app import incident, view
from tests.merge.rules import RULES, results


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule(rule):
    """Each rule of merging holds, in whatever order the events arrive."""
    found = results(rule, incident, view)
    assert found == [rule.expected] * len(found)
