"""What no public linter sees in a state machine: mistakes that AWS finds only when an execution gets there.

Give it a JSONata state machine whose CloudFormation tokens are replaced by plain strings. It looks at

- `structure`: names, transitions, time limits, what doesn't belong into a JSONata state;
- `expressions`: what stands between `{%` and `%}`, read by a JSONata parser;
- `variables`: that each is assigned on every path before it is read, and lives where it is read;
- `integrations`: the request of each AWS call, and the errors that are handled, against AWS's own description of it;
- `loops`: Map states, inline and distributed;
- `rendezvous`: branches that meet at a table.

It complements a schema check such as asl-validator's, and repeats none of it.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Mapping

from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint.expressions import EXPRESSION_RULES
from zflow_constructs.local.lint.finding import Finding, Rule
from zflow_constructs.local.lint.integrations import INTEGRATION_RULES
from zflow_constructs.local.lint.loops import LOOP_RULES
from zflow_constructs.local.lint.machine import Machine
from zflow_constructs.local.lint.rendezvous import RENDEZVOUS_RULES
from zflow_constructs.local.lint.structure import STRUCTURE_RULES
from zflow_constructs.local.lint.variables import VARIABLE_RULES

__all__ = ["RULES", "Finding", "lint"]

RULES: Mapping[str, Rule] = {
    **STRUCTURE_RULES,
    **EXPRESSION_RULES,
    **VARIABLE_RULES,
    **INTEGRATION_RULES,
    **LOOP_RULES,
    **RENDEZVOUS_RULES,
}
"""Every rule by its name."""


def lint(definition: Mapping[str, Json]) -> list[Finding]:
    """The mistakes in a state machine.

    Args:
        definition: the state machine in Amazon States Language, with `QueryLanguage` JSONata and without
            CloudFormation's intrinsic functions.

    Returns:
        The findings, rule by rule; empty for a clean machine.

    Example:
        >>> [finding.rule for finding in lint({"QueryLanguage": "JSONata", "StartAt": "Go", "States": {}})]
        ['no-machine-timeout', 'missing-target']
    """
    machine = Machine.of(definition)
    return [
        Finding(name, problem.state, problem.message, problem.remedy)
        for name, rule in RULES.items()
        for problem in rule(machine)
    ]
