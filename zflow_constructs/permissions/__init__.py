"""What the roles of a template may do, each right with its reason, for a security review.

Statements are read from the synthesized template and written in the names of resources. Each is matched with the
reasons that the constructs give; a right without a reason fails a test. `zflow permissions` writes the page.
"""
