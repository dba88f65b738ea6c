"""What a Databricks run does, as frozen values: tasks, compute, libraries, code.

Cluster tasks run scripts, notebooks, wheels and jars; warehouse tasks are done elsewhere: SQL, dbt, pipelines, other
jobs. Each knows its fields of the Jobs API's request, and the files that its run reads.
"""
