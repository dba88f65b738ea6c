"""Models and the model registry.

`Model` is what batch transform, endpoints and `ModelStep` create from containers; `RegisterModelStep` makes a version
of them in a `ModelPackageGroup`. Approval steps and endpoints read that version.
"""
