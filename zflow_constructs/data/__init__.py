"""Where data and code lie: in S3, below a run's folder, in the assets of the app.

Users name locations, models and source code; steps turn them into the URIs of requests and the rights of roles. The
storage of runs says which key each step of each run writes, so that no two attempts write the same.
"""
