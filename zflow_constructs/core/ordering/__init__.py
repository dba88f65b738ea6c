"""The order of the steps, as graphs: no states, no values, only who comes before whom.

What goes in is, for each step, the steps that it needs. What comes out is a nest of sequences and parallel branches,
and the edges that no nest can hold. With a rendezvous, those are waited for through the table; with barriers, the nest
orders more than is needed.
"""
