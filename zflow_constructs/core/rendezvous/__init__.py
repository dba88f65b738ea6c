"""How branches meet where Step Functions can't nest them: through one item of a table for each run and producer.

The arrangement reads the steps' declarations and decides how they nest, who waits for whom, and who reads what. For
each edge that the nest can't hold, the waiter leaves its task token at the item and the producer its mark, whoever
comes first. A level puts these states around the steps' own.
"""
