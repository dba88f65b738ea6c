"""Policies as AWS takes them, where moto is stricter.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from moto.iam.policy_validation import IAMPolicyDocumentValidator

from zflow_constructs.local.aws.hooks import replaced

_NAME = "_validate_condition_syntax"


@contextmanager
def policies() -> Iterator[None]:
    """Let conditions compare with numbers: `{"NumericLessThanEquals": {"sts:DurationSeconds": 300}}`."""
    validate = cast("Callable[[Mapping[str, object]], None]", getattr(IAMPolicyDocumentValidator, _NAME))

    def validate_with_numbers(statement: Mapping[str, object]) -> None:
        condition = statement.get("Condition")
        validate({**statement, "Condition": _as_text(condition)} if isinstance(condition, Mapping) else statement)

    with replaced(IAMPolicyDocumentValidator, _NAME, staticmethod(validate_with_numbers)):
        yield


def _as_text(condition: Mapping[str, object]) -> Mapping[str, object]:
    return {
        operator: {key: str(value) if isinstance(value, int | float) else value for key, value in compared.items()}
        if isinstance(compared, Mapping)
        else compared
        for operator, compared in condition.items()
    }
