"""The pure compiler: from steps and what they need to an Amazon States Language document.

A step reaches the core as a `StepNode`: its fragment of states, the values that it reads, and its condition. The
stages, each of which knows only those before it:

1. `values`: what is known only when the workflow runs, rendered as JSONata; `WorkflowError`, the one exception for a
   wrong declaration.
2. `ordering`: which steps come before which, nested into sequences and parallel branches.
3. `states`: the states as frozen values, the fragment of states that one step is, and what AWS bounds.
4. `rendezvous`: what the steps' declarations mean together, and how branches meet that Step Functions can't nest.
5. `picture`: the workflow as it was declared, for people.
6. `level`: the steps of one level, the workflow's or a loop's, rendered as they nest.
7. `compiler`: the whole as one state machine, with a legend of what each state is for.

`compile_workflow` takes the nodes, claims the names that they use, arranges them (who nests where, who waits for whom),
and renders the nest front to back. Nothing here imports the CDK, boto3 or anything else outside the
standard library.
"""
