"""The names that the Jobs API knows: what has another one is refused as a typo.

See https://docs.databricks.com/api/workspace/jobs/submit, .../runnow and .../repairrun
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARAMETERS = """
dbt_commands jar_params notebook_params pipeline_params python_named_params python_params spark_submit_params sql_params
"""

LEGACY_PARAMETERS = _names(_PARAMETERS)
"""What runs were given before there were job parameters: each for one kind of task."""

SUBMIT = _names("""
    access_control_list budget_policy_id duration_target email_notifications environment_variables environments
    git_source health idempotency_token notification_settings performance_target queue run_as run_name tasks
    timeout_seconds usage_policy_id webhook_notifications
    """)

TASK = _names("""
    ai_function_task ai_runtime_task alert_task clean_rooms_notebook_task compute condition_task dashboard_task
    dbt_cloud_task dbt_platform_task dbt_task depends_on description disable_auto_optimization disabled
    email_notifications environment_key environment_variables_key existing_cluster_id for_each_task
    gen_ai_compute_task health libraries max_retries min_retry_interval_millis new_cluster notebook_task
    notification_settings pipeline_task power_bi_task python_operator_task python_wheel_task retry_on_timeout run_if
    run_job_task spark_jar_task spark_python_task spark_submit_task sql_task task_key timeout_seconds
    webhook_notifications
    """)

JOB_TASK = TASK | {"job_cluster_key"}

KINDS = {
    "dbt_task": "catalog commands profiles_directory project_directory schema source warehouse_id",
    "notebook_task": "base_parameters notebook_path source warehouse_id",
    "pipeline_task": (
        "full_refresh full_refresh_selection parameters pipeline_id refresh_flow_selection refresh_selection "
        "reset_checkpoint_selection"
    ),
    "python_wheel_task": "entry_point named_parameters package_name parameters",
    "run_job_task": f"job_id job_parameters {_PARAMETERS}",
    "spark_jar_task": "jar_uri main_class_name parameters run_as_repl",
    "spark_python_task": "parameters python_file source",
    "sql_task": "alert dashboard file parameters query warehouse_id",
}
"""The fields of each kind of task that is checked; the other kinds are taken as they are."""

RUN_NOW = _names(f"job_id duration_target idempotency_token job_parameters only performance_target queue {_PARAMETERS}")

REPAIR = _names(f"""
    duration_target job_parameters latest_repair_id performance_target rerun_all_failed_tasks rerun_dependent_tasks
    rerun_tasks run_id {_PARAMETERS}
    """)
