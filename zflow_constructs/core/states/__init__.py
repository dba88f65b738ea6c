"""States as frozen values, and a step as the compiler takes it.

A step's fragment is its states in order, with their expressions; the states before all steps check the run parameters,
or look at how a run ended. Fragments are checked (does each step find what it uses, does each name exist once, does AWS
accept the size) before anything is rendered. A state renders itself once the scope is known.
"""
