"""Customer lifetime values, every Monday, as of the Sunday before: an Airflow DAG."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG(
    "customer_lifetime_value",
    schedule="10 4 * * MON",
    start_date=datetime(2026, 1, 5),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=15)},
) as dag:
    # 99 (nothing to do) counts as skipped by default; 5 is published with a warning, so it is done; any other code
    # fails the task, and a later try goes on where the last one was cut off
    BashOperator(
        task_id="forecast",
        cwd="/srv/clv",
        # the environment that clvmodels is installed in; Airflow has one of its own
        env={"PATH": "/srv/clv/.venv/bin:/usr/bin:/bin"},
        append_env=True,
        bash_command=(
            "clvmodels run clv.toml --as-of {{ macros.ds_add(data_interval_end | ds, -1) }} --resume; "
            "code=$?; if [ $code -eq 5 ]; then exit 0; fi; exit $code"
        ),
    )
