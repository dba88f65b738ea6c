"""What the steps name in a workspace: offered there, and theirs to use."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.compute import ClusterPolicyAccessControlResponse

from zflow_constructs.workspace_check.findings import Finding, failed, of_steps, ok, unknown
from zflow_constructs.workspace_check.needs import Kind
from zflow_constructs.workspace_check.sign_in import SignedIn, said

Wanted = Mapping[str, Sequence[str]]
"""The steps that want something, by its id."""

_PERMISSIONS = {
    Kind.POLICY: "CAN USE",
    Kind.POOL: "CAN ATTACH TO",
    Kind.CLUSTER: "CAN RESTART",
    Kind.WAREHOUSE: "CAN USE",
    Kind.PIPELINE: "CAN RUN",
    Kind.JOB: "CAN MANAGE RUN",
}


def check_kind(kind: Kind, wanted: Wanted, signed: SignedIn) -> Sequence[Finding]:
    """The findings about all that is wanted of a kind.

    Args:
        kind: what it is.
        wanted: the ids, and the steps that want each.
        signed: who asks.
    """
    match kind:
        case Kind.RUNTIME:
            return _listed(kind, wanted, partial(_runtimes, signed))
        case Kind.NODE_TYPE:
            return _listed(kind, wanted, partial(_node_types, signed))
        case Kind.PROFILE:
            return _profiles(wanted, signed)
        case _:
            return [_one(kind, id, steps, signed) for id, steps in wanted.items()]


def _listed(kind: Kind, wanted: Wanted, offered: Callable[[], Mapping[str, str]]) -> Sequence[Finding]:
    """What is in a list of the workspace's, which says of each what keeps it from being used."""
    try:
        known = offered()
    except (OSError, ValueError) as error:
        return [_no_answer(of_steps(f"{kind} {id}", steps), error) for id, steps in wanted.items()]
    return [_in_list(of_steps(f"{kind} {id}", steps), id, known) for id, steps in wanted.items()]


def _in_list(about: str, id: str, known: Mapping[str, str]) -> Finding:
    if id.startswith(("auto:", "custom:")):
        return unknown(about, "no list has it: the run will tell")
    if id not in known:
        close = difflib.get_close_matches(id, known, n=1)
        remedy = f"Did you mean {close[0]}?" if close else f"Take another one, such as {next(iter(known), 'none')}."
        return failed(about, "not offered by the workspace", remedy)
    return failed(about, known[id], "Take another one.") if known[id] else ok(about, "offered")


def _runtimes(signed: SignedIn) -> Mapping[str, str]:
    return {version.key or "": "" for version in signed.client.clusters.spark_versions().versions or []}


def _node_types(signed: SignedIn) -> Mapping[str, str]:
    return {
        node.node_type_id: ", ".join(status.value for status in (node.node_info and node.node_info.status) or [])
        for node in signed.client.clusters.list_node_types().node_types or []
    }


def _profiles(wanted: Wanted, signed: SignedIn) -> Sequence[Finding]:
    kind = Kind.PROFILE
    try:
        known = {profile.instance_profile_arn for profile in signed.client.instance_profiles.list()}
    except (OSError, ValueError) as error:
        return [_no_answer(of_steps(f"{kind} {arn}", steps), error) for arn, steps in wanted.items()]
    remedy = (
        f"Add it in the workspace's settings (Security, Instance profiles), and give {signed.name} the right to use it."
    )
    return [
        ok(of_steps(f"{kind} {arn}", steps), f"registered, and {signed.name} may use it")
        if arn in known
        else failed(of_steps(f"{kind} {arn}", steps), f"not registered, or not for {signed.name} to use", remedy)
        for arn, steps in wanted.items()
    ]


def _one(kind: Kind, id: str, steps: Sequence[str], signed: SignedIn) -> Finding:
    about = of_steps(f"{kind} {id}", steps)
    if kind is Kind.JOB and not id.isdigit():
        return failed(about, "no id of a job", "Give a number, such as 42.")
    permission = f"Give {signed.name} {_PERMISSIONS[kind]} on it"
    try:
        if kind is Kind.POLICY:
            return _policy(about, id, signed)
        return ok(about, _looked_up(kind, id, signed))
    except PermissionDenied as error:
        return failed(about, f"{signed.name} may not use it ({said(error)})", f"{permission}.")
    except (NotFound, BadRequest) as error:
        return failed(about, f"not there ({said(error)})", f"Correct the id, or the workspace. {permission}, if it is.")
    except (OSError, ValueError) as error:
        return _no_answer(about, error)


def _looked_up(kind: Kind, id: str, signed: SignedIn) -> str:
    client = signed.client
    match kind:
        case Kind.POOL:
            pool = client.instance_pools.get(id)
            return _named(pool.instance_pool_name, pool.state and pool.state.value)
        case Kind.CLUSTER:
            cluster = client.clusters.get(id)
            return _named(cluster.cluster_name, cluster.state and cluster.state.value)
        case Kind.WAREHOUSE:
            warehouse = client.warehouses.get(id)
            return _named(warehouse.name, warehouse.state and warehouse.state.value)
        case Kind.PIPELINE:
            pipeline = client.pipelines.get(id)
            return _named(pipeline.name, pipeline.state and pipeline.state.value)
        case _:
            settings = client.jobs.get(int(id)).settings
            return _named(settings.name if settings else None, None)


def _policy(about: str, id: str, signed: SignedIn) -> Finding:
    name = signed.client.cluster_policies.get(id).name
    try:
        rules = signed.client.cluster_policies.get_permissions(id).access_control_list or []
    except (OSError, ValueError):
        # Who may not see the permissions is shown only the policies that it may use.
        return ok(about, f'"{name}", which {signed.name} is shown')
    if signed.is_admin or any(_applies(rule, signed) for rule in rules):
        return ok(about, f'"{name}", which {signed.name} may use')
    return failed(about, f'"{name}" is not for {signed.name} to use', f"Give {signed.name} CAN USE on it.")


def _applies(rule: ClusterPolicyAccessControlResponse, signed: SignedIn) -> bool:
    return signed.id in {rule.service_principal_name, rule.user_name} or rule.group_name in signed.group_names


def _named(name: str | None, state: str | None) -> str:
    return f'"{name}"' + (f", {state}" if state else "")


def _no_answer(about: str, error: Exception) -> Finding:
    return failed(about, f"the workspace did not answer ({said(error)})", "Try again.")
