"""The workflow as it was declared, for people: nodes, edges, conditions in words.

A picture is made from the same steps that are compiled, and written into the template's metadata. `zflow graph` and the
local engine read it there, so that no picture is drawn from compiled states. `to_mermaid` writes it for a README.
"""
