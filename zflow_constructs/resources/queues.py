"""The queues that keep what could not be delivered."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

_KEPT = Duration.days(14)


def dead_letter_queue(scope: Construct, id: str) -> sqs.Queue:
    """A queue for events that could not be delivered: encrypted, closed to plain HTTP, kept for 14 days.

    Args:
        scope: the construct that owns it.
        id: its id.
    """
    return sqs.Queue(scope, id, encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True, retention_period=_KEPT)
