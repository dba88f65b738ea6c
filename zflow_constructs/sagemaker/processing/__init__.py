"""Processing jobs: a script or a container over data, on any image, Spark's and scikit-learn's included.

`ProcessingStep` takes inputs, outputs and code, and mounts each as SageMaker does, below `/opt/ml/processing`. Its
reports are JSON files that conditions and later steps read.
"""
