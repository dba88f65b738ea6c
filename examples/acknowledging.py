"""How the examples acknowledge, one by one, what cdk-nag finds in them."""

from collections.abc import Iterable, Mapping

from aws_cdk import Acknowledgment, Stack, Token, Validations
from constructs import Construct


def wildcards(reason: str, resources: Iterable[str]) -> Mapping[str, str]:
    """The findings that a policy's resources have wildcards.

    Args:
        reason: why they have.
        resources: as cdk-nag writes them.
    """
    return {f"AwsSolutions-IAM5[Resource::{resource}]": reason for resource in resources}


def acknowledge(scope: Construct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings in a construct, and in what is within it.

    Args:
        scope: the construct.
        reasons: why each finding stays so.
    """
    rules = [Acknowledgment(id=f"AwsSolutions::{rule}", reason=reason) for rule, reason in reasons.items()]
    Validations.of(scope).acknowledge(*rules)


def partition(stack: Stack) -> str:
    """A stack's partition, as cdk-nag writes it."""
    return _or_token(stack.partition, "<AWS::Partition>")


def place(stack: Stack) -> str:
    """A stack's region and account, as cdk-nag writes them."""
    return f"{_or_token(stack.region, '<AWS::Region>')}:{_or_token(stack.account, '<AWS::AccountId>')}"


def _or_token(value: str, token: str) -> str:
    return token if Token.is_unresolved(value) else value
