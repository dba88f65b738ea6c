"""Pictures of a workflow, drawn without the CDK: SVG and HTML.

A picture, as the template's metadata has it, is laid out by Graphviz, and drawn as shapes and text. `zflow graph`
writes them.
"""
