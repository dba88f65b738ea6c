"""What an endpoint is made of: `inference_endpoint` puts these together, and `endpoint_deletion` takes it away.

variants.py, async_inference.py, autoscaling.py, data_capture.py, deployment.py, rollback.py, smoke_test.py
                  values: what a user says of it
fleet.py          the variants with their models
rules.py          what SageMaker's kinds of endpoints can't do
rollout.py        the states that bring it to a new configuration
  state.py          what is known of it meanwhile
  answers.py        calls whose answer was lost
  scaling.py        how its variants are set up to scale
    waking.py         and start from no machine
  history.py        its earlier configurations
metrics.py        its metrics, and the row of a dashboard
"""
