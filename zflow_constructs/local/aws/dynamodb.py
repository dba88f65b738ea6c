"""DynamoDB's promise that a write is one step, on moto, which reads an item and then writes it, in as many threads.

See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moto.dynamodb.responses import DynamoHandler

from zflow_constructs.local.aws.hooks import all_replaced

_ITEM_OPERATIONS = ("get_item", "put_item", "update_item", "delete_item")


@contextmanager
def dynamodb() -> Iterator[None]:
    """Let each operation on an item see the item before or after any other, and never in between."""
    lock = threading.RLock()

    def one_at_a_time(operate: Callable[[DynamoHandler], object]) -> Callable[[DynamoHandler], object]:
        def operated(self: DynamoHandler) -> object:
            with lock:
                return operate(self)

        return operated

    replacements = [(DynamoHandler, name, one_at_a_time(getattr(DynamoHandler, name))) for name in _ITEM_OPERATIONS]
    with all_replaced(*replacements):
        yield
