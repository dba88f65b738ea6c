"""Container images: AWS's framework and algorithm images by region, and what a container runs.

`ContainerImage` and `ModelContainer` are what users write. The table of AWS's images is JSON, compared with AWS's SDK
by a test; a second table says until when AWS supports which version.
"""
