"""Databricks: a workspace and its Lambda, tasks and what they run on, and the step that runs them.

job_step.py       DatabricksJobStep, which is what workflows use
    handed.py     what it was handed by mistake
    watching.py   its states: submit, wait, check, and round again
    request.py    what is submitted: runs/submit, or run-now for a job that is there
    api.py        Databricks' own description of both, against which requests are checked
tasks.py          what a run does: scripts, notebooks, wheels, jars
queries.py        what is done elsewhere: SQL, dbt, pipelines, other jobs
    options.py    when and how one of several tasks runs
compute.py        on what: clusters, serverless
libraries.py      with which packages
code.py           files: of the workflow, of a repository, of the workspace
    wheels.py     and what a wheel says of itself
permissions.py    who may see and manage the run
workspace.py      DatabricksWorkspace: the Lambda, its role, the bucket of its records
    credentials.py  who the workflow is to Databricks
    watcher.py    a state machine that watches very long runs
"""
