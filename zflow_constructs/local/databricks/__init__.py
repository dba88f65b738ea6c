"""Databricks on this machine: the Jobs API on the loopback interface, and the code of its runs in processes.

server.py               the HTTP server: routes, nothing else
    auth.py             tokens
    requests.py         what runs/submit and run-now accept
        tasks.py        their tasks
        repairs.py      what runs/repair accepts
        reading.py      the fields of a body
        names.py        the names that there are
    pages.py            list and get, a page at a time
    render.py           runs as the API shows them
        conditions.py   their state
    errors.py           how it says no
    faults.py           what it does wrong when told to
    clock.py            what the time is
shown.py                the seam: what the server wants of runs
scheduler.py            runs that are really run
    jobs.py             the jobs that there are
    runs.py             runs and task runs
    execution.py        takes them through their tasks
    endings.py          how they end
    runner.py           the seam: what runs a task
    scripts.py          runs its code in a process
        programs.py     gets that code into its folder
        entry_point.py  the script of a wheel task
        script_process.py  that process
        spark.py        which Spark scripts get
        classic_spark.py   PySpark and its JVM
        webhdfs.py      what leads from its `s3://` to S3
        s3_tree.py      S3 as folders and files
scripted_workspace.py   a workspace for tests
    scripted.py         what happens to its runs
    scripted_runs.py    all runs that follow such scripts
        scripted_run.py one of them
loopback.py             a web server on 127.0.0.1
"""
