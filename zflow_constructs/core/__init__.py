"""The pure core: from steps and what they need to an Amazon States Language document.

The stages, each a module that knows only those before it:

1. `errors`: `WorkflowError`, the one exception for a wrong declaration.
2. `expressions`: values known only when the workflow runs, rendered as JSONata.
3. `asl`: the states as frozen values, and the fragment of states that one step is.
4. `graph`: the steps' order, nested into sequences and parallel branches.
5. `names`: who uses which name of a state or a variable.
6. `compiler`: the nested steps as one state machine.

Nothing here imports the CDK, boto3 or anything else outside the standard library.
"""
