"""Databricks on this machine: the Jobs API on the loopback interface, and the scripts of its runs in processes.

server.py               the HTTP server: routes, nothing else
    auth.py             tokens
    requests.py         what runs/submit accepts
    pages.py            list and get, a page at a time
    render.py           runs as the API shows them
    errors.py           how it says no
scheduler.py            takes each run through its life
    runs.py             runs and task runs
    endings.py          how they end
runner.py               the seam: what runs a task
scripts.py              runs its script in a process
    script_process.py   that process
    spark.py            which Spark scripts get
    classic_spark.py    PySpark and its JVM
    webhdfs.py          what leads from its `s3://` to S3
    s3_tree.py          S3 as folders and files
loopback.py             a web server on 127.0.0.1
"""
