"""Steps that wait until somebody decides: by a link in a message, or in the model registry.

Both compile to a task that waits for its token, with a time limit and an escalation; `decision` is what they share. The
page is a Lambda function with a URL, which hands the decision back to the execution.
"""
