"""What every step is, and the steps that belong to no service's family.

A step is a construct that describes itself: its outputs are values, its fragment the states that it compiles to. The
workflow binds it (`Binding`): the step asks for the rights that its states need, and learns where the runs keep their
data. Retries, time limits and reports are values that the families share.
"""
