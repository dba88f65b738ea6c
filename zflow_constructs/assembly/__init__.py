"""Read a synthesized cloud assembly, `cdk.out`: what the drawing, the checks, the local engine and `zflow` share.

`load_stack` reads the assembly's manifest, templates and lists of assets into a frozen `Stack`; `find_workflow` chooses
one of its state machines, a `Workflow`, whose metadata holds its picture and its run parameters; `definition` puts a
state machine's text together, with CloudFormation's functions in their places. What can't be used ends in an
`AssemblyError` that says what to do, and nothing here knows the CDK or the constructs that wrote the assembly.
"""
