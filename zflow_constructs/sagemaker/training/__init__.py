"""Training and tuning: `TrainingStep` and `TuningStep` over one definition of a training job.

Both take the same keywords for what a training job is (channels, code, instances, spot capacity); `definition` turns
them into the fields of the request and the rights of the job's role. A tuning job adds its search.
"""
