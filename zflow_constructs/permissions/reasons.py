"""Why zflow_constructs gives each right, written for who reviews its security.

A construct that comes to grant more adds a line to the reasons of that kind of role: who assumes it, the actions, and
why; and, where the resource is `*`, why it can't be narrower. A test fails for a right without a reason, and for a
reason that no right needs.
"""

from zflow_constructs.permissions.function_reasons import FUNCTIONS
from zflow_constructs.permissions.job_reasons import JOBS
from zflow_constructs.permissions.machine_reasons import MACHINES

REASONS = (*MACHINES, *JOBS, *FUNCTIONS)
