import pytest

from app import incident, view
from tests.merge.record_rules import RECORD_RULES
from tests.merge.rules import results


@pytest.mark.parametrize("rule", RECORD_RULES, ids=lambda rule: rule.name)
def test_rule_beside_a_record(rule):
    """Each rule of the vendor's record holds, in whatever order it and the webhooks arrive."""
    found = results(rule, incident, view)
    assert found == [rule.expected] * len(found)
