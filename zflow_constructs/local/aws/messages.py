"""SNS's messages: moto keeps them; here somebody hears of each, since nothing leaves this machine.

See https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.sns.models import Topic

from zflow_constructs.local.aws.hooks import replaced


@dataclass(frozen=True)
class Message:
    """A message to a topic.

    Args:
        topic: The topic's name.
        subject: Its subject; empty if there is none.
        text: What it says.
    """

    topic: str
    subject: str
    text: str


@contextmanager
def messages(on_message: Callable[[Message], None]) -> Iterator[None]:
    """Tell of each message that is published to a topic.

    Args:
        on_message: Hears of it.
    """
    publish = Topic.publish

    def published(self: Topic, message: str, subject: str | None = None, *more: object, **named: object) -> str:
        id = str(publish(self, message, subject, *more, **named))
        on_message(Message(self.name, subject or "", message))
        return id

    with replaced(Topic, "publish", published):
        yield
